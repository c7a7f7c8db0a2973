package keyset

import (
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// proofKeyReason returns why the JWK is no key of a proof with this alg, or "".
func proofKeyReason(t testing.TB, jwk, alg string) string {
	t.Helper()
	key, material, err := ParseProofKey([]byte("{"+jwk+"}"), alg)
	if err != nil {
		require.Nil(t, key)
		require.Zero(t, material)
		require.ErrorAs(t, err, new(Unusable))
		return err.Error()
	}
	require.NotNil(t, key)
	return ""
}

func TestKeyOfAProof(t *testing.T) {
	for _, tt := range []struct{ jwk, algs string }{
		{rsaMembers, "RS256 RS384 RS512 PS256 PS384 PS512"},
		{rsaOfBits(4096), "RS256"},
		{rsaOf(oddOfBits(2048), 3), "PS256"},
		{p256Members, "ES256"},
		{p521Members, "ES512"},
		{ed25519Members, "EdDSA Ed25519"},
		{p256Members + `,"use":"sig","key_ops":["verify"],"alg":"ES256","kid":"a","ext":true`, "ES256"},
		{ed25519Members + `,"alg":"Ed25519"`, "EdDSA Ed25519"},
		// A key comes from its own members only.
		{p256Members + `,"x5u":"https://evil.example","x5c":["AA"],"jku":"https://evil.example","x5t":1`, "ES256"},
	} {
		for alg := range strings.FieldsSeq(tt.algs) {
			assert.Empty(t, proofKeyReason(t, tt.jwk, alg), "%s: %s", alg, tt.jwk)
		}
	}
}

func TestKeyOfAProofIsRefused(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	wide := encode(append([]byte{0}, decoded(t, p256X)...))
	for _, tt := range []struct{ rule, jwk, alg, reason string }{
		{"a secret", `"kty":"oct","k":"AA"`, "HS256", "a symmetric key"},
		{"no kty", `"crv":"P-256"`, "ES256", "kty is missing"},
		{"another kty", `"kty":"XMSS"`, "ES256", "unsupported kty"},
		{"another curve", ec("secp256k1", p256X, p256Y), "ES256K", "unsupported crv"},
		{"duplicate", p256Members + `,"x":` + `"` + p256X + `"`, "ES256", "duplicate member"},
		{"duplicate in an unknown member", p256Members + `,"z":{"a":1,"a":2}`, "ES256", "duplicate member"},
		{"RSA under 2048 bits", rsaOfBits(2047), "RS256", "RSA modulus under 2048 bits"},
		{"RSA over 4096 bits", rsaOfBits(4097), "RS256", "RSA modulus over 4096 bits"},
		{"RSA exponent over 65537", rsaOf(oddOfBits(2048), 65539), "RS256", "RSA exponent over 65537"},
		{"RSA exponent 1", rsaOf(oddOfBits(2048), 1), "RS256", "RSA exponent is not an odd number from 3 to 2^31-1"},
		{"RSA even", rsaOf(new(big.Int).Lsh(big.NewInt(1), 2047), 65537), "RS256", "RSA modulus is even"},
		{"RSA modulus with a leading zero", `"kty":"RSA","e":"AQAB","n":"` + encode(append([]byte{0}, oddOfBits(2048).Bytes()...)) + `"`, "RS256", "RSA modulus or exponent begins with zeros"},
		{"RSA exponent with a leading zero", replaced(rsaMembers, `"AQAB"`, `"AAEAAQ"`), "RS256", "RSA modulus or exponent begins with zeros"},
		{"coordinate with a leading zero", ec("P-256", wide, p256Y), "ES256", "coordinate is not as wide as the curve"},
		{"off the curve", ec("P-256", p256Y, p256X), "ES256", "point is not on the curve"},
		{"padding", padded(p256Members), "ES256", "x is not base64url"},
		{"Ed25519 of 31 bytes", okp("Ed25519", make([]byte, 31)), "EdDSA", "Ed25519 key is not of 32 bytes"},
		{"Ed25519 of small order", okp("Ed25519", make([]byte, 32)), "EdDSA", "Ed25519 key is no point of large order"},
		{"X25519", okp("X25519", make([]byte, 32)), "EdDSA", "unsupported crv"},
		{"alg of another kty", p256Members, "RS256", "alg does not fit the key"},
		{"alg of another curve", p521Members, "ES256", "alg does not fit the key"},
		{"alg of RSA with Ed25519", ed25519Members, "PS256", "alg does not fit the key"},
		{"another alg in the jwk", rsaMembers + `,"alg":"PS256"`, "RS256", "alg does not fit the key"},
		{"use enc", p256Members + `,"use":"enc"`, "ES256", "use is not sig"},
		{"key_ops without verify", p256Members + `,"key_ops":["deriveBits"]`, "ES256", "key_ops has no verify"},
		{"null", p256Members + `,"kid":null`, "ES256", "kid is not a string"},
	} {
		assert.Equal(t, tt.reason, proofKeyReason(t, tt.jwk, tt.alg), tt.rule)
	}
	for _, jwk := range []string{`null`, `[]`, `"a"`, `1`, ``, `{`} {
		_, _, err := ParseProofKey([]byte(jwk), "ES256")
		assert.Error(t, err, jwk)
	}
}

// A proof that discloses its private key is a mistake of the client (RFC 9449 section 4.3, check 7).
func TestPrivateMemberOfAProofsKeyIsRefused(t *testing.T) {
	for _, tt := range []struct{ jwk, alg string }{{rsaMembers, "RS256"}, {p256Members, "ES256"}, {ed25519Members, "EdDSA"}} {
		for name := range strings.FieldsSeq("d p q dp dq qi oth k priv") {
			for _, value := range []string{`null`, `""`, `"AQ"`, `[]`, `0`} {
				assert.Equal(t, "a private key", proofKeyReason(t, tt.jwk+`,"`+name+`":`+value, tt.alg), "%s: %s", name, value)
			}
		}
	}
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	octets, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return octets
}

// The thumbprint covers the key only (RFC 7638 section 3).
func TestThumbprintOfAProofsKey(t *testing.T) {
	_, first, err := ParseProofKey([]byte("{"+p256Members+"}"), "ES256")
	require.NoError(t, err)
	_, second, err := ParseProofKey([]byte(`{"kid":"a",`+p256Members+`,"use":"sig","z":1}`), "ES256")
	require.NoError(t, err)
	assert.Equal(t, first, second)
}

// FuzzParseProofKey checks that an accepted key has one spelling, has no private member, and
// refuses a made-up signature.
func FuzzParseProofKey(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, "{" + rsaMembers + "}", "{" + p256Members + `,"d":null}`, "{" + p521Members + "}",
		"{" + ed25519Members + `,"alg":"EdDSA"}`, "{" + rsaOfBits(4097) + "}", `{"kty":"oct","k":"AA"}`,
		"{" + akpOf("ML-DSA-44") + "}", "{" + akpOf("ML-DSA-87") + `,"priv":null}`, `{"kty":"AKP","alg":"ML-DSA-65"}`,
	} {
		for _, alg := range []string{"RS256", "PS512", "ES256", "ES512", "Ed25519", "ML-DSA-44", "ML-DSA-87"} {
			f.Add([]byte(seed), alg)
		}
	}
	f.Fuzz(func(t *testing.T, jwk []byte, alg string) {
		key, material, err := ParseProofKey(jwk, alg)
		if err != nil {
			require.Nil(t, key)
			return
		}
		require.True(t, Supported(alg))
		require.Error(t, key.Verify([]byte("input"), make([]byte, key.(*signatureKey).size)))
		m, err := rules{}.readMembers(jwk)
		require.NoError(t, err)
		require.False(t, m.private())
		again, err := m.material()
		require.NoError(t, err)
		_, same, err := ParseProofKey(again, alg)
		require.NoError(t, err)
		require.Equal(t, material, same)
	})
}
