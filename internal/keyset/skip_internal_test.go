package keyset

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// unusableReason returns what a look-up says of a skipped key, and "" if its error is another.
func unusableReason(t testing.TB, set *Set, alg, kid string) string {
	t.Helper()
	keys, err := set.Candidates(alg, kid)
	if err == nil {
		require.NoError(t, err)
		return ""
	}
	require.Empty(t, keys)
	require.ErrorIs(t, err, claims.ErrUnusableKey)
	require.ErrorIs(t, err, claims.ErrUnknownKey)
	_, found := set.Find(alg, kid)
	require.Equal(t, err, found)
	text, ok := strings.CutPrefix(err.Error(), "jwks: the key is published, but not used: ")
	require.True(t, ok, err.Error())
	return text
}

func TestB5SkippedKeyHasAReasonOfItsOwn(t *testing.T) {
	set := mustParse(t, nil,
		p256Members+`,"kid":"good"`,
		rsaOfBits(1024)+`,"kid":"short"`,
		rsaMembers+`,"kid":"misspelled","use":"SIG"`, rsaMembers+`,"kid":"signs","key_ops":["sign"]`, rsaMembers+`,"kid":"no alg","alg":"rs256"`,
		rsaMembers+`,"kid":"odd","key_ops":"encrypt"`,
		rsaMembers+`,"kid":"private","d":"AQ"`,
		`"kty":"AKP","alg":"SLH-DSA-SHA2-128s","kid":"post-quantum"`,
		rsaOfBits(1024)+`,"kid":"twice"`, rsaMembers+`,"kid":"twice","d":"AQ"`,
		rsaMembers+`,"kid":"encrypts too","use":"enc"`, rsaOfBits(1024)+`,"kid":"encrypts too"`,
		p256Members+`,"kid":"both"`, rsaOfBits(1024)+`,"kid":"both"`,
		rsaOfBits(1024)+`,"kid":"both, in this order"`, p256Members+`,"kid":"both, in this order"`,
		rsaMembers+`,"kid":7`, rsaOfBits(1024), rsaOfBits(1024)+`,"kid":""`,
		rsaOfBits(1024)+`,"kid":"duplicate","kid":"duplicate"`,
		rsaMembers+`,"kid":"`+strings.Repeat("a", 257)+`"`)
	for _, tt := range []struct{ alg, kid, reason string }{
		{"RS256", "short", "RSA modulus under 2048 bits"},
		{"PS512", "short", "RSA modulus under 2048 bits"},
		{"ES256", "short", "RSA modulus under 2048 bits"}, // no key of this kid has the alg, usable or not
		{"RS256", "misspelled", "use is not sig"},
		{"RS256", "signs", "key_ops has no verify"},
		{"RS256", "no alg", "unsupported alg"},
		{"RS256", "odd", "key_ops is not an array of strings"},
		{"RS256", "private", "a private key"},
		{"EdDSA", "post-quantum", "unsupported alg"},
		{"RS256", "twice", "RSA modulus under 2048 bits"},
		{"RS256", "encrypts too", "RSA modulus under 2048 bits"},

		{"RS256", "good", ""},
		{"RS256", "both", ""}, // the kid is known
		{"RS256", "both, in this order", ""},
		{"RS256", "unknown", ""},
		{"RS256", "Short", ""},
		{"RS256", "7", ""},
		{"RS256", "", ""},
		{"RS256", "duplicate", ""}, // which member is its kid is unknown
		{"RS256", strings.Repeat("a", 257), ""},
		{"HS256", "short", ""}, // no key of a set could have the alg
		{"none", "short", ""},
		{"", "short", ""},
	} {
		assert.Equal(t, tt.reason, unusableReason(t, set, tt.alg, tt.kid), "%s %q", tt.alg, tt.kid)
	}
	assert.Len(t, candidatesOf(t, set, "ES256", "both"), 1)

	rest := set.Without(map[Thumbprint]struct{}{set.entries[0].id.material: {}})
	assert.Equal(t, "RSA modulus under 2048 bits", unusableReason(t, rest, "RS256", "short"))
	next := mustParse(t, set, p256Members, rsaMembers+`,"kid":"short"`)
	assert.Len(t, candidatesOf(t, next, "RS256", "short"), 1, "mended")
}

// No issuer signs with such a key, so the token of a thief who does is as unknown as any other.
func TestB5KeyForEncryptionIsNoSigningKey(t *testing.T) {
	for _, jwk := range []string{
		rsaMembers + `,"use":"enc"`, rsaMembers + `,"use":"enc","alg":"RS256"`, p256Members + `,"use":"enc","alg":"ECDH-ES+A128KW"`,
		rsaMembers + `,"alg":"RSA-OAEP"`, rsaMembers + `,"alg":"RSA-OAEP-256"`, rsaMembers + `,"alg":"RSA1_5"`, p256Members + `,"alg":"ECDH-ES"`,
		rsaMembers + `,"key_ops":["encrypt"]`, rsaMembers + `,"key_ops":["wrapKey","deriveBits"]`, rsaMembers + `,"key_ops":[]`,
		okp("X25519", make([]byte, 32)) + `,"use":"enc"`, rsaOfBits(1024) + `,"use":"enc"`, rsaMembers + `,"use":"enc","d":"AQ"`,
	} {
		set := mustParse(t, nil, ed25519Members+`,"kid":"good"`, jwk+`,"kid":"encryption"`)
		require.Len(t, set.Skipped(), 1)
		assert.Equal(t, "encryption", set.Skipped()[0].KeyID)
		assert.Empty(t, candidatesOf(t, set, "RS256", "encryption"), jwk)
		assert.Empty(t, candidatesOf(t, set, "ES256", "encryption"), jwk)
	}
}

// Keys without a kid serve every kid. Only an alg that none of them has is decided by the kid.
func TestB5SkippedKeyInASetWithoutKids(t *testing.T) {
	set := mustParse(t, nil, p256Members, rsaOfBits(1024)+`,"kid":"short"`)
	assert.Len(t, candidatesOf(t, set, "ES256", "short"), 1)
	assert.Len(t, candidatesOf(t, set, "ES256", "any"), 1)
	assert.Equal(t, "RSA modulus under 2048 bits", unusableReason(t, set, "RS256", "short"))
	assert.Empty(t, unusableReason(t, set, "RS256", "any"))
	assert.Empty(t, unusableReason(t, set, "RS256", ""))
}

func TestB5ReasonHoldsNoByteOfTheDocument(t *testing.T) {
	set := mustParse(t, nil, p256Members+`,"kid":"good"`,
		`"kty":"sEcReT","kid":"sEcReT"`, `"kty":"RSA","kid":"sEcReT-2","n":"sEcReT sEcReT","e":"AQAB"`)
	for _, kid := range []string{"sEcReT", "sEcReT-2"} {
		_, err := set.Candidates("RS256", kid)
		require.ErrorIs(t, err, claims.ErrUnusableKey)
		assert.NotContains(t, err.Error(), "sEcReT")
	}
}
