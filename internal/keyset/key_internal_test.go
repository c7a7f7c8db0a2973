package keyset

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

func rsaOf(n *big.Int, e int64) string {
	encode := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`"kty":"RSA","n":%q,"e":%q`, encode(n.Bytes()), encode(big.NewInt(e).Bytes()))
}

// rsaOfBits returns a key whose odd modulus has exactly that many bits.
func rsaOfBits(bits uint) string { return rsaOf(oddOfBits(bits), 65537) }

func oddOfBits(bits uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return n.SetBit(n, 0, 1)
}

func okp(crv string, x []byte) string {
	return fmt.Sprintf(`"kty":"OKP","crv":%q,"x":%q`, crv, base64.RawURLEncoding.EncodeToString(x))
}

func ec(crv, x, y string) string {
	return fmt.Sprintf(`"kty":"EC","crv":%q,"x":%q,"y":%q`, crv, x, y)
}

// The coordinates of p256Members.
const (
	p256X = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"
	p256Y = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"
)

// replaced returns the JWK with text in place of old, which it must contain.
func replaced(jwk, old, text string) string {
	if !strings.Contains(jwk, old) {
		panic("no " + old)
	}
	return strings.Replace(jwk, old, text, 1)
}

// A key that cannot be used is skipped with a reason. The other key of the set is used (RFC 7517
// section 5).
func TestUnusableKeysAreSkipped(t *testing.T) {
	even := new(big.Int).Lsh(big.NewInt(1), 2047)
	encode := base64.RawURLEncoding.EncodeToString
	wide := encode(make([]byte, 80))
	for _, tt := range []struct{ name, jwk, reason string }{
		{"no kty", `"crv":"P-256"`, "kty is missing"},
		{"kty null", `"kty":null`, "kty is missing"},
		{"kty unknown", `"kty":"XMSS","alg":"XMSS","pub":"AA"`, "unsupported kty"},
		{"kty in another case", replaced(rsaMembers, `"RSA"`, `"rsa"`), "unsupported kty"},
		{"oct", `"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T","alg":"HS256"`, "a symmetric key"},
		{"oct without k", `"kty":"oct"`, "a symmetric key"},

		{"RSA private", rsaMembers + `,"d":"AQ"`, "a private key"},
		{"RSA with only p", rsaMembers + `,"p":"AQ"`, "a private key"},
		{"RSA with only q", rsaMembers + `,"q":"AQ"`, "a private key"},
		{"RSA with only dp", rsaMembers + `,"dp":"AQ"`, "a private key"},
		{"RSA with only dq", rsaMembers + `,"dq":"AQ"`, "a private key"},
		{"RSA with only qi", rsaMembers + `,"qi":"AQ"`, "a private key"},
		{"RSA with only oth", rsaMembers + `,"oth":[]`, "a private key"},
		{"RSA with k", rsaMembers + `,"k":"AQ"`, "a private key"},
		{"EC private", p256Members + `,"d":"AQ"`, "a private key"},
		{"OKP private", ed25519Members + `,"d":"AQ"`, "a private key"},

		{"use enc", rsaMembers + `,"use":"enc"`, "use is not sig"},
		{"use in another case", rsaMembers + `,"use":"SIG"`, "use is not sig"},
		{"use empty", rsaMembers + `,"use":""`, "use is not sig"},
		{"use array", rsaMembers + `,"use":["sig"]`, "use is not a string"},
		{"key_ops encrypt", rsaMembers + `,"key_ops":["encrypt"]`, "key_ops has no verify"},
		{"key_ops sign", rsaMembers + `,"key_ops":["sign"]`, "key_ops has no verify"},
		{"key_ops Verify", rsaMembers + `,"key_ops":["Verify"]`, "key_ops has no verify"},
		{"key_ops empty", rsaMembers + `,"key_ops":[]`, "key_ops has no verify"},
		{"key_ops string", rsaMembers + `,"key_ops":"verify"`, "key_ops is not an array of strings"},
		{"key_ops with null", rsaMembers + `,"key_ops":["verify",null]`, "key_ops is not an array of strings"},
		{"key_ops nested", rsaMembers + `,"key_ops":[["verify"]]`, "key_ops is not an array of strings"},

		{"alg none", rsaMembers + `,"alg":"none"`, "unsupported alg"},
		{"alg HS256 on RSA", rsaMembers + `,"alg":"HS256"`, "unsupported alg"},
		{"alg RSA-OAEP", rsaMembers + `,"alg":"RSA-OAEP"`, "unsupported alg"},
		{"alg empty", rsaMembers + `,"alg":""`, "unsupported alg"},
		{"alg in another case", rsaMembers + `,"alg":"rs256"`, "unsupported alg"},
		{"alg ES256K", p256Members + `,"alg":"ES256K"`, "unsupported alg"},
		{"alg array", rsaMembers + `,"alg":["RS256"]`, "alg is not a string"},
		{"alg ES256 on RSA", rsaMembers + `,"alg":"ES256"`, "alg does not fit the key"},
		{"alg RS256 on EC", p256Members + `,"alg":"RS256"`, "alg does not fit the key"},
		{"alg ES384 on P-256", p256Members + `,"alg":"ES384"`, "alg does not fit the key"},
		{"alg ES256 on P-521", p521Members + `,"alg":"ES256"`, "alg does not fit the key"},
		{"alg EdDSA on EC", p256Members + `,"alg":"EdDSA"`, "alg does not fit the key"},
		{"alg ES256 on OKP", ed25519Members + `,"alg":"ES256"`, "alg does not fit the key"},
		{"alg Ed448 on Ed25519", ed25519Members + `,"alg":"Ed448"`, "unsupported alg"},

		{"kid number", rsaMembers + `,"kid":1`, "kid is not a string"},
		{"kid array", rsaMembers + `,"kid":["a"]`, "kid is not a string"},
		{"kid of 257 bytes", rsaMembers + `,"kid":"` + strings.Repeat("a", 257) + `"`, "kid is longer than 256 bytes"},

		{"RSA of 512 bits", rsaOfBits(512), "RSA modulus under 2048 bits"},
		{"RSA of 1024 bits", rsaOfBits(1024), "RSA modulus under 2048 bits"},
		{"RSA of 2047 bits", rsaOfBits(2047), "RSA modulus under 2048 bits"},
		{"RSA of 8193 bits", rsaOfBits(8193), "RSA modulus over 8192 bits"},
		{"RSA of 100000 bits", rsaOfBits(100_000), "RSA modulus over 8192 bits"},
		{"RSA zero", `"kty":"RSA","n":"AA","e":"AQAB"`, "RSA modulus under 2048 bits"},
		{"RSA even", rsaOf(even, 65537), "RSA modulus is even"},
		{"RSA e=0", rsaOf(oddOfBits(2048), 0), "RSA exponent is not an odd number from 3 to 2^31-1"},
		{"RSA e=1", rsaOf(oddOfBits(2048), 1), "RSA exponent is not an odd number from 3 to 2^31-1"},
		{"RSA e=2", rsaOf(oddOfBits(2048), 2), "RSA exponent is not an odd number from 3 to 2^31-1"},
		{"RSA e=65536", rsaOf(oddOfBits(2048), 65536), "RSA exponent is not an odd number from 3 to 2^31-1"},
		{"RSA e=2^31+1", rsaOf(oddOfBits(2048), 1<<31+1), "RSA exponent is not an odd number from 3 to 2^31-1"},
		{"RSA e=2^32+1", rsaOf(oddOfBits(2048), 1<<32+1), "RSA exponent is not an odd number from 3 to 2^31-1"},
		{"RSA e=2^64+3", replaced(rsaMembers, `"AQAB"`, `"AQAAAAAAAAAD"`), "RSA exponent is not an odd number from 3 to 2^31-1"},
		{"RSA without n", `"kty":"RSA","e":"AQAB"`, "n is missing"},
		{"RSA without e", replaced(rsaMembers, `"e":"AQAB",`, ``), "e is missing"},
		{"RSA e a number", replaced(rsaMembers, `"AQAB"`, `65537`), "e is not a string"},
		{"RSA n null", `"kty":"RSA","e":"AQAB","n":null`, "n is missing"},

		{"too little padding", replaced(rsaMembers, `"AQAB"`, `"AAEAAQ="`), "e is not base64url"},
		{"too much padding", replaced(rsaMembers, `"AQAB"`, `"AQAB===="`), "e is not base64url"},
		{"padding and more", replaced(rsaMembers, `"AQAB"`, `"AAEAAQ==AAAA"`), "e is not base64url"},
		{"padding and a line break", replaced(rsaMembers, `"AQAB"`, `"AAEAAQ==\n"`), "e is not base64url"},
		{"padding and trailing bits", replaced(rsaMembers, `"AQAB"`, `"AAEAAR=="`), "e is not base64url"},
		{"padding and the standard alphabet", replaced(p256Members, p256X, "MK+C"+p256X[4:]+"="), "x is not base64url"},
		{"standard alphabet", replaced(p256Members, "MKBC", "MK+C"), "x is not base64url"},
		{"line break", replaced(p256Members, "MKBC", `MKBC\n`), "x is not base64url"},
		{"space", replaced(p256Members, "MKBC", "MKBC "), "x is not base64url"},
		{"trailing bits", replaced(p256Members, "7D4", "7D5"), "x is not base64url"},
		{"not base64 at all", `"kty":"OKP","crv":"Ed25519","x":"ü"`, "x is not base64url"},

		{"EC without crv", `"kty":"EC","x":"AA","y":"AA"`, "crv is missing"},
		{"EC crv null", `"kty":"EC","crv":null,"x":"AA","y":"AA"`, "crv is missing"},
		{"secp256k1", ec("secp256k1", p256X, p256Y), "unsupported crv"},
		{"P-224", ec("P-224", p256X, p256Y), "unsupported crv"},
		{"p-256", ec("p-256", p256X, p256Y), "unsupported crv"},
		{"EC on Ed25519", ec("Ed25519", p256X, p256Y), "unsupported crv"},
		{"EC without x", `"kty":"EC","crv":"P-256","y":"` + p256Y + `"`, "x is missing"},
		{"EC without y", `"kty":"EC","crv":"P-256","x":"` + p256X + `"`, "y is missing"},
		{"EC off the curve", ec("P-256", p256Y, p256X), "point is not on the curve"},
		{"EC at the origin", ec("P-256", strings.Repeat("A", 43), strings.Repeat("A", 43)), "point is not on the curve"},
		{"EC coordinate beyond p", ec("P-256", strings.Repeat("_", 42)+"8", p256Y), "point is not on the curve"},
		{"EC coordinate without its last bytes", ec("P-256", p256X[:40], p256Y), "point is not on the curve"},
		{"EC long coordinate", ec("P-256", "AAAA"+p256X[:40]+"PgAA", p256Y), "coordinate is not as wide as the curve"},
		{"EC coordinates whose widths add up", ec("P-256", p256X[:40], encode(make([]byte, 34))), "point is not on the curve"},
		{"EC 80-byte coordinates", ec("P-256", wide, wide), "point is not on the curve"},
		{"EC empty coordinates", ec("P-256", "", ""), "coordinate is not as wide as the curve"},
		{"P-256 point named P-384", ec("P-384", p256X, p256Y), "point is not on the curve"},

		{"OKP without crv", `"kty":"OKP","x":"AA"`, "crv is missing"},
		{"X25519", okp("X25519", make([]byte, 32)), "unsupported crv"},
		{"Ed448", okp("Ed448", make([]byte, 57)), "unsupported crv"},
		{"Ed25519 without x", `"kty":"OKP","crv":"Ed25519"`, "x is missing"},
		{"Ed25519 of 0 bytes", okp("Ed25519", nil), "Ed25519 key is not of 32 bytes"},
		{"Ed25519 of 5 bytes", okp("Ed25519", []byte("hello")), "Ed25519 key is not of 32 bytes"},
		{"Ed25519 of 31 bytes", okp("Ed25519", make([]byte, 31)), "Ed25519 key is not of 32 bytes"},
		{"Ed25519 of 33 bytes", okp("Ed25519", make([]byte, 33)), "Ed25519 key is not of 32 bytes"},
		{"Ed25519 all zeros", okp("Ed25519", make([]byte, 32)), "Ed25519 key is no point of large order"},

		{"duplicate kid", rsaMembers + `,"kid":"a","kid":"a"`, "duplicate member"},
		{"duplicate alg, one spelled with \\u", rsaMembers + `,"alg":"RS256","\u0061lg":"RS256"`, "duplicate member"},
		{"duplicate unknown member", rsaMembers + `,"x":1,"x":1`, "duplicate member"},
		{"duplicate in a nested object", rsaMembers + `,"x":[{"y":1,"y":1}]`, "duplicate member"},
		{"invalid UTF-8", rsaMembers + ",\"kid\":\"\xff\"", "malformed"},
		{"invalid UTF-8 in an unknown member", rsaMembers + ",\"x\":\"\xff\"", "malformed"},
		{"lone surrogate", rsaMembers + `,"kid":"\ud800"`, "malformed"},
	} {
		set, err := Parse(jwkset(tt.jwk, p256Members+`,"kid":"good"`), nil)
		require.NoError(t, err, tt.name)
		assert.Equal(t, []string{"good"}, set.KeyIDs(), tt.name)
		if assert.Len(t, set.Skipped(), 1, tt.name) {
			assert.Equal(t, tt.reason, set.Skipped()[0].Reason, tt.name)
		}
	}
}

func TestElementsThatAreNotObjectsAreSkipped(t *testing.T) {
	set, err := Parse([]byte(`{"keys":[null,true,1,"RSA",[],[{`+rsaMembers+`}],{`+p256Members+`}]}`), nil)
	require.NoError(t, err)
	require.Len(t, set.Skipped(), 6)
	for _, skip := range set.Skipped() {
		assert.Equal(t, Skip{Reason: "not a JSON object"}, skip)
	}
	assert.Equal(t, 1, set.Len())
}

func TestSkippedKeyIsNamed(t *testing.T) {
	set, err := Parse(jwkset(
		rsaMembers+`,"use":"enc","kid":"enc"`,
		rsaMembers+`,"d":"AQ","kid":"private"`,
		rsaMembers+`,"kid":"`+strings.Repeat("a", 400)+`"`,
		rsaMembers+`,"kid":{"a":"b"}`,
		p256Members), nil)
	require.NoError(t, err)
	var kids []string
	for _, skip := range set.Skipped() {
		kids = append(kids, skip.KeyID)
	}
	assert.Equal(t, []string{"enc", "private", strings.Repeat("a", 256), ""}, kids)
}

func TestLargestAndSmallestKeysAreUsed(t *testing.T) {
	octets := append([]byte{0}, oddOfBits(8192).Bytes()...)
	zeroed := `"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(octets) + `"`
	for name, jwk := range map[string]string{
		"RSA of 2048 bits":        rsaOfBits(2048),
		"RSA of 8192 bits":        rsaOfBits(8192),
		"leading zero":            zeroed,
		"RSA e=3":                 rsaOf(oddOfBits(2048), 3),
		"RSA e=2^31-1":            rsaOf(oddOfBits(2048), 1<<31-1),
		"kid of 256 bytes":        p256Members + `,"kid":"` + strings.Repeat("a", 256) + `"`,
		"kid with odd characters": p256Members + `,"kid":"\u0000\"../../etc/passwd' OR 1=1"`,
	} {
		assert.Equal(t, 1, mustParse(t, nil, jwk).Len(), name)
	}
}

func TestPanicWhileReadingAKeySkipsIt(t *testing.T) {
	e, err := recovered(func() (*entry, error) { panic("in a dependency") })
	assert.Nil(t, e)
	assert.Equal(t, errMalformedKey, err)

	e, err = recovered(func() (*entry, error) { return &entry{keys: []algorithmKey(nil)[:len("x")]}, nil })
	assert.Nil(t, e)
	assert.Equal(t, errMalformedKey, err)
}

func TestPanicWhileVerifyingRefusesTheSignature(t *testing.T) {
	key := &signatureKey{check: func(_, _ []byte) error { panic("in a dependency") }}
	assert.Equal(t, claims.ErrSignature, key.Verify(nil, nil))
}

// The error of a dependency can quote its input.
func TestVerifyErrorQuotesNothing(t *testing.T) {
	key := &signatureKey{check: func(input, _ []byte) error { return fmt.Errorf("bad input %q", input) }}
	assert.Equal(t, claims.ErrSignature, key.Verify([]byte("eyJ"), nil))
}

// The length is checked here, because a library below might not check it.
func TestSignatureOfAnotherLengthIsRefused(t *testing.T) {
	key := &signatureKey{size: 64, check: func(_, _ []byte) error { return nil }}
	assert.NoError(t, key.Verify(nil, make([]byte, 64)))
	for _, length := range []int{0, 63, 65, 128} {
		assert.Equal(t, claims.ErrSignature, key.Verify(nil, make([]byte, length)), length)
	}
}

func TestKeyThatVerifiesAnythingIsNotUsed(t *testing.T) {
	anything := &signatureKey{size: 64, check: func(_, _ []byte) error { return nil }}
	assert.Equal(t, errTrial, anything.trial())
	nothing := &signatureKey{size: 64, check: func(_, _ []byte) error { return claims.ErrSignature }}
	assert.NoError(t, nothing.trial())
}

// jwx accepts an Ed25519 key of 5 bytes, and crypto/ed25519 panics when it verifies with the key.
// This must not happen in a request.
func TestKeyThatPanicsIsFoundWhenItIsRead(t *testing.T) {
	_, err := recovered(func() (*entry, error) {
		keys, err := algorithmKeys(make(ed25519.PublicKey, 5), []string{"EdDSA"})
		return &entry{keys: keys}, err
	})
	assert.Equal(t, errMalformedKey, err)
}
