package keyset

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The encodings of points whose order divides 8, from ge25519_has_small_order of libsodium 1.0.20.
// Both signs of x count. The last three are not reduced.
var smallOrderPoints = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func TestEd25519PointsOfSmallOrderAreWeak(t *testing.T) {
	for _, encoded := range smallOrderPoints {
		point, err := hex.DecodeString(encoded)
		require.NoError(t, err)
		assert.True(t, weakEd25519(point), encoded)
		point[31] ^= 0x80
		assert.True(t, weakEd25519(point), "other sign of %s", encoded)
	}
}

// This is the reason for the check: a key of zero bytes verifies messages that no one has signed.
func TestEd25519ForgeryUnderAZeroKeyIsRefused(t *testing.T) {
	zero := make(ed25519.PublicKey, 32)
	forged := false
	for i := range 100 {
		// R is the neutral element and S is zero, so the signature holds whenever the
		// hash is a multiple of the key's order, 4.
		signature := make([]byte, 64)
		signature[0] = 1
		forged = forged || ed25519.Verify(zero, fmt.Appendf(nil, "%d", i), signature)
	}
	require.True(t, forged, "crypto/ed25519 accepts forgeries under this key")

	_, err := Parse(jwkset(okp("Ed25519", zero)), nil)
	assert.ErrorIs(t, err, ErrNoUsableKey)
}

func TestEd25519KeysThatSignAreNotWeak(t *testing.T) {
	for i := range 200 {
		seed := sha512.Sum512(fmt.Append(nil, i))
		public := ed25519.NewKeyFromSeed(seed[:32]).Public().(ed25519.PublicKey)
		before := slices.Clone(public)
		assert.False(t, weakEd25519(public), "%x", public)
		assert.Equal(t, before, public, "unchanged")
	}
}

// Half of all strings are not points. For these, crypto/ed25519 returns another error than for a
// wrong signature.
func TestEd25519StringsThatAreNotPointsAreWeak(t *testing.T) {
	verify := func(key ed25519.PublicKey) string {
		return ed25519.VerifyWithOptions(key, nil, make([]byte, 64), &ed25519.Options{}).Error()
	}
	good, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	wrongSignature := verify(good)

	points := 0
	for i := range 200 {
		hash := sha512.Sum512(fmt.Append(nil, i))
		isPoint := verify(hash[:32]) == wrongSignature
		assert.Equal(t, !isPoint, weakEd25519(hash[:32]), "%x", hash[:32])
		if isPoint {
			points++
		}
	}
	assert.InDelta(t, 100, points, 50)
}

func TestEdwards25519Constants(t *testing.T) {
	// RFC 8032 section 5.1.
	p, d := edwards25519()
	want, _ := new(big.Int).SetString("37095705934669439343138083508754565189542113879843219016388785533085940283555", 10)
	assert.Equal(t, want, d)
	assert.True(t, p.ProbablyPrime(20))
	assert.True(t, bytes.HasPrefix(p.Bytes(), []byte{0x7f, 0xff}))
}
