package keyset

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Private keys whose public keys have coordinates with leading zero bytes, found by counting up
// from 1.
var shortKeys = []struct {
	curve  elliptic.Curve
	alg    string
	hash   crypto.Hash
	scalar uint64
	x, y   int // how many leading zero bytes
}{
	{elliptic.P256(), "ES256", crypto.SHA256, 1, 0, 0},
	{elliptic.P256(), "ES256", crypto.SHA256, 379, 1, 0},
	{elliptic.P256(), "ES256", crypto.SHA256, 43, 0, 1},
	{elliptic.P256(), "ES256", crypto.SHA256, 49350, 1, 1},
	{elliptic.P256(), "ES256", crypto.SHA256, 40393, 2, 0},
	{elliptic.P256(), "ES256", crypto.SHA256, 2376, 0, 2},
	{elliptic.P384(), "ES384", crypto.SHA384, 1, 0, 0},
	{elliptic.P384(), "ES384", crypto.SHA384, 197, 1, 0},
	{elliptic.P384(), "ES384", crypto.SHA384, 176, 0, 1},
	{elliptic.P384(), "ES384", crypto.SHA384, 6394, 1, 1},
	{elliptic.P384(), "ES384", crypto.SHA384, 14971, 2, 0},
	{elliptic.P521(), "ES512", crypto.SHA512, 3, 0, 0},
	{elliptic.P521(), "ES512", crypto.SHA512, 1, 1, 0},
	{elliptic.P521(), "ES512", crypto.SHA512, 9, 0, 1},
	{elliptic.P521(), "ES512", crypto.SHA512, 2, 1, 1},
	{elliptic.P521(), "ES512", crypto.SHA512, 273, 2, 0},
	{elliptic.P521(), "ES512", crypto.SHA512, 351, 2, 1},
}

// shortKey returns the key of a scalar, and its coordinates at full width.
func shortKey(t *testing.T, curve elliptic.Curve, scalar uint64) (key *ecdsa.PrivateKey, x, y []byte) {
	t.Helper()
	octets := make([]byte, coordinateSize(curve))
	binary.BigEndian.PutUint64(octets[len(octets)-8:], scalar)
	key, err := ecdsa.ParseRawPrivateKey(curve, octets)
	require.NoError(t, err)
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	half := len(point) / 2
	return key, point[1 : 1+half], point[1+half:]
}

func ecOf(curve elliptic.Curve, x, y []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	return ec(curve.Params().Name, encode(x), encode(y))
}

func signES(t *testing.T, key *ecdsa.PrivateKey, hash crypto.Hash, input string) []byte {
	t.Helper()
	h := hash.New()
	h.Write([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, h.Sum(nil))
	require.NoError(t, err)
	size := coordinateSize(key.Curve)
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

// Encoders that write a coordinate as a number drop its leading zeros, or, if they write signed
// numbers, add one. Every spelling is the same key.
func TestB3CoordinateWithoutItsLeadingZerosIsUsed(t *testing.T) {
	for _, tt := range shortKeys {
		key, x, y := shortKey(t, tt.curve, tt.scalar)
		name := fmt.Sprint(tt.alg, " ", tt.scalar)
		require.Equal(t, make([]byte, tt.x), x[:tt.x], name)
		require.Equal(t, make([]byte, tt.y), y[:tt.y], name)

		signature := signES(t, key, tt.hash, "input")
		full := mustParse(t, nil, ecOf(tt.curve, x, y))
		zero := []byte{0}
		for spelling, jwk := range map[string]string{
			"x short":      ecOf(tt.curve, x[tt.x:], y),
			"y short":      ecOf(tt.curve, x, y[tt.y:]),
			"both short":   ecOf(tt.curve, x[tt.x:], y[tt.y:]),
			"x by a byte":  ecOf(tt.curve, x[min(1, tt.x):], y),
			"both signed":  ecOf(tt.curve, append(zero, x[tt.x:]...), append(zero, y[tt.y:]...)),
			"both wide":    ecOf(tt.curve, append(zero, x...), append(zero, y...)),
			"many zeros":   ecOf(tt.curve, append(make([]byte, 100), x...), y),
			"short padded": padded(ecOf(tt.curve, x[tt.x:], y[tt.y:])),
		} {
			set := mustParse(t, full, jwk)
			assert.Equal(t, full.entries, set.entries, "%s, %s: the same key", name, spelling)
			fresh := candidatesOf(t, mustParse(t, nil, jwk), tt.alg, "")
			require.Len(t, fresh, 1, "%s, %s", name, spelling)
			assert.NoError(t, fresh[0].Verify([]byte("input"), signature), "%s, %s", name, spelling)
		}
	}
}

// The thumbprint is over coordinates at full width, whatever the document says (RFC 7638 section
// 3.2).
func TestB3ThumbprintIsThatOfTheFullWidth(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	for _, tt := range shortKeys {
		_, x, y := shortKey(t, tt.curve, tt.scalar)
		want := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":"EC","x":%q,"y":%q}`, tt.curve.Params().Name, encode(x), encode(y)))
		for _, jwk := range []string{ecOf(tt.curve, x, y), ecOf(tt.curve, x[tt.x:], y[tt.y:]), padded(ecOf(tt.curve, x[tt.x:], y[tt.y:]))} {
			assert.Equal(t, Thumbprint(want), mustParse(t, nil, jwk).entries[0].id.material, "%s %d", tt.alg, tt.scalar)
		}
	}
}

// Points of every width: the first x of so many bytes that is on the curve.
func TestB3CoordinateOfEveryWidth(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		size := coordinateSize(curve)
		for width := range size + 1 {
			x := new(big.Int)
			if width > 0 {
				x.Lsh(big.NewInt(1), uint(8*width-8))
			}
			y := yOf(curve, x)
			for ; y == nil; y = yOf(curve, x) {
				x.Add(x, big.NewInt(1))
			}
			wideX, wideY := x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size))
			full := mustParse(t, nil, ecOf(curve, wideX, wideY))
			short := wideX[size-max(1, width):] // zero is one byte: an empty string is no number
			assert.Equal(t, full.entries, mustParse(t, full, ecOf(curve, short, wideY)).entries, "%s, %d bytes", curve.Params().Name, width)
		}
	}
}

// yOf returns a y of the point with this x, and nil if there is none.
func yOf(curve elliptic.Curve, x *big.Int) *big.Int {
	p, b := curve.Params().P, curve.Params().B
	y2 := new(big.Int).Exp(x, big.NewInt(3), p)
	y2.Sub(y2, new(big.Int).Mul(x, big.NewInt(3))).Add(y2, b).Mod(y2, p)
	return y2.ModSqrt(y2, p)
}

// Three quarters of all P-521 keys are short, in a coordinate or both.
func TestB3RandomP521KeysWithoutLeadingZeros(t *testing.T) {
	short := 0
	for range 64 {
		key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
		require.NoError(t, err)
		point, err := key.PublicKey.Bytes()
		require.NoError(t, err)
		x, y := new(big.Int).SetBytes(point[1:67]).Bytes(), new(big.Int).SetBytes(point[67:]).Bytes()
		if len(x) < 66 || len(y) < 66 {
			short++
		}
		keys := candidatesOf(t, mustParse(t, nil, ecOf(elliptic.P521(), x, y)), "ES512", "")
		require.Len(t, keys, 1)
		require.NoError(t, keys[0].Verify([]byte("input"), signES(t, key, crypto.SHA512, "input")))
	}
	assert.Greater(t, short, 16) // fewer than 1 in 10^15 runs have less
}

// A coordinate that was cut anywhere else is another number, and its point is not on the curve.
func TestB3CoordinateThatMissesOtherBytesIsRefused(t *testing.T) {
	const offCurve, width = "point is not on the curve", "coordinate is not as wide as the curve"
	for _, tt := range shortKeys {
		_, x, y := shortKey(t, tt.curve, tt.scalar)
		size := len(x)
		for name, c := range map[string]struct {
			x, y   []byte
			reason string
		}{
			"x without its first digit":       {x[tt.x+1:], y, offCurve},
			"y without its first digit":       {x, y[tt.y+1:], offCurve},
			"x without its last byte":         {x[:size-1], y, offCurve},
			"y without its last byte":         {x, y[:size-1], offCurve},
			"x filled up behind":              {append(x[tt.x+1:size:size], make([]byte, tt.x+1)...), y, offCurve},
			"x and y swapped, both short":     {y[tt.y:], x[tt.x:], offCurve},
			"x empty":                         {nil, y, width},
			"y empty":                         {x, nil, width},
			"x is zero":                       {[]byte{0}, y, offCurve},
			"surplus in front of x":           {append([]byte{1}, x...), y, width},
			"surplus in front of y":           {x, append([]byte{0, 1}, y...), width},
			"surplus behind x":                {append(x[:size:size], 0), y, map[bool]string{true: offCurve, false: width}[tt.x > 0]},
			"a byte moved from y to x":        {append(x[:size:size], y[0]), y[1:], map[bool]string{true: offCurve, false: width}[tt.x > 0]},
			"all of the point in x, y empty":  {append(x[:size:size], y...), nil, width},
			"coordinate beyond the field's p": {tt.curve.Params().P.Bytes(), y, offCurve},
		} {
			assert.Equal(t, c.reason, reasonOf(t, rules{lenient: true}, ecOf(tt.curve, c.x, c.y)), "%s %d: %s", tt.alg, tt.scalar, name)
		}
	}
}

// RFC 7518 section 6.2.1.2 wants the full width. A stranger gets no choice of spellings.
func TestB3StrangersCoordinatesHaveTheFullWidth(t *testing.T) {
	const width = "coordinate is not as wide as the curve"
	for _, tt := range shortKeys {
		_, x, y := shortKey(t, tt.curve, tt.scalar)
		assert.Empty(t, reasonOf(t, strangerRules, ecOf(tt.curve, x, y)))
		assert.Equal(t, width, reasonOf(t, strangerRules, ecOf(tt.curve, append([]byte{0}, x...), y)))
		assert.Equal(t, width, reasonOf(t, strangerRules, ecOf(tt.curve, x, append([]byte{0}, y...))))
		if tt.x > 0 {
			assert.Equal(t, width, reasonOf(t, strangerRules, ecOf(tt.curve, x[1:], y)))
		}
		if tt.y > 0 {
			assert.Equal(t, width, reasonOf(t, strangerRules, ecOf(tt.curve, x, y[1:])))
		}
	}
}
