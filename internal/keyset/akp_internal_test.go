package keyset

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/mldsa"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func akp(alg string, pub []byte) string {
	return fmt.Sprintf(`"kty":"AKP","alg":%q,"pub":%q`, alg, base64.RawURLEncoding.EncodeToString(pub))
}

// akpOf returns the members of a public key of the right length. No one has its private key.
func akpOf(alg string) string { return akp(alg, akpBytes(alg)) }

func akpBytes(alg string) []byte { return bytes.Repeat([]byte{7}, mldsa.PublicKeyBytes(alg)) }

// The faults of an AKP key are the same in a program that lacks ML-DSA (RFC 9964 sections 3 and 7.3).
func TestUnusableAKPKeys(t *testing.T) {
	const size = "ML-DSA key is not as long as its alg says"
	good := akpOf("ML-DSA-44")
	for _, tt := range []struct{ rule, jwk, reason string }{
		{"no alg", `"kty":"AKP","pub":"AA"`, "alg is missing"},
		{"alg that is no string", `"kty":"AKP","alg":44,"pub":"AA"`, "alg is not a string"},
		{"alg empty", `"kty":"AKP","alg":"","pub":"AA"`, "unsupported alg"},
		{"another algorithm of kty AKP", akp("SLH-DSA-SHA2-128s", make([]byte, 32)), "unsupported alg"},
		{"alg in lower case", replaced(good, "ML-DSA-44", "ml-dsa-44"), "unsupported alg"},
		{"alg of another kty", replaced(good, "ML-DSA-44", "ES256"), "unsupported alg"},
		{"alg none", replaced(good, "ML-DSA-44", "none"), "unsupported alg"},
		{"alg of a longer key", replaced(good, "ML-DSA-44", "ML-DSA-65"), size},
		{"alg of a shorter key", replaced(akpOf("ML-DSA-87"), "ML-DSA-87", "ML-DSA-65"), size},
		{"no pub", `"kty":"AKP","alg":"ML-DSA-44"`, "pub is missing"},
		{"pub that is no string", `"kty":"AKP","alg":"ML-DSA-44","pub":[]`, "pub is not a string"},
		{"pub empty", akp("ML-DSA-44", nil), size},
		{"pub without its last byte", akp("ML-DSA-44", akpBytes("ML-DSA-44")[1:]), size},
		{"pub with another byte", akp("ML-DSA-44", append(akpBytes("ML-DSA-44"), 7)), size},
		{"pub in base64", replaced(good, `"pub":"B`, `"pub":"+`), "pub is not base64url"},
		{"pub of zeros", akp("ML-DSA-44", make([]byte, 1312)), "ML-DSA key lets everyone sign"},
		{"private", good + `,"priv":"AA"`, "a private key"},
		{"private, and no seed", good + `,"priv":0`, "a private key"},
		{"use", good + `,"use":"enc"`, "use is not sig"},
		{"key_ops", good + `,"key_ops":["sign"]`, "key_ops has no verify"},
		{"duplicate", good + `,"alg":"ML-DSA-44"`, "duplicate member"},
	} {
		set := mustParse(t, nil, tt.jwk, p256Members+`,"kid":"good"`)
		assert.Equal(t, []string{"good"}, set.KeyIDs(), tt.rule)
		if assert.Len(t, set.Skipped(), 1, tt.rule) {
			assert.Equal(t, tt.reason, set.Skipped()[0].Reason, tt.rule)
		}
		assert.Equal(t, tt.reason, proofKeyReason(t, tt.jwk, "ML-DSA-44"), tt.rule)
	}
}

// A stranger's key has one spelling. The issuer's can be padded, and null is as good as absent.
func TestSpellingsOfAnAKPKey(t *testing.T) {
	jwk := akpOf("ML-DSA-65") // 1,952 bytes leave one character of padding
	for _, tt := range []struct{ jwk, reason string }{
		{jwk[:len(jwk)-1] + `="`, "pub is not base64url"},
		{jwk + `,"priv":null`, "a private key"},
	} {
		assert.Equal(t, tt.reason, proofKeyReason(t, tt.jwk, "ML-DSA-65"), tt.jwk)
		set := mustParse(t, nil, p256Members, tt.jwk)
		if missing := mldsa.Missing(); missing != nil {
			require.Len(t, set.Skipped(), 1)
			assert.Equal(t, missing.Error(), set.Skipped()[0].Reason)
			continue
		}
		assert.Equal(t, mustParse(t, nil, p256Members, jwk).entries[1].id, set.entries[1].id)
	}
}

// A good key is skipped with exactly the reason that the program has.
func TestAKPKeyInAProgramThatLacksMLDSA(t *testing.T) {
	missing := mldsa.Missing()
	if missing == nil {
		t.Skip("this program has ML-DSA")
	}
	for _, alg := range mldsa.Algorithms() {
		set := mustParse(t, nil, akpOf(alg)+`,"kid":"pq"`, p256Members+`,"kid":"good"`)
		assert.Equal(t, []Skip{{KeyID: "pq", Reason: missing.Error()}}, set.Skipped())
		assert.Equal(t, missing.Error(), unusableReason(t, set, alg, "pq"))
		assert.Equal(t, missing.Error(), proofKeyReason(t, akpOf(alg), alg))
	}
}

func needMLDSA(t testing.TB) {
	t.Helper()
	if missing := mldsa.Missing(); missing != nil {
		t.Skip(missing)
	}
}

// jwkOfKey returns the members of a test key's public JWK.
func jwkOfKey(key jwkstest.Key) string {
	return akp(key.Algorithm, decodedPub(key)) + fmt.Sprintf(`,"kid":%q`, key.ID)
}

func decodedPub(key jwkstest.Key) []byte {
	pub, err := base64.RawURLEncoding.DecodeString(key.JWK()["pub"].(string))
	if err != nil {
		panic(err)
	}
	return pub
}

func TestMLDSAKeyVerifies(t *testing.T) {
	needMLDSA(t)
	for _, alg := range mldsa.Algorithms() {
		key, other := jwkstest.NewKey(alg), jwkstest.NewKey(alg)
		set := mustParse(t, nil, jwkOfKey(key))
		keys := candidatesOf(t, set, alg, key.ID)
		require.Len(t, keys, 1)
		proofKey, material, err := ParseProofKey([]byte("{"+jwkOfKey(key)+"}"), alg)
		require.NoError(t, err)
		assert.Equal(t, key.Thumbprint(), base64.RawURLEncoding.EncodeToString(material[:]))
		assert.Equal(t, set.entries[0].id.material, material)

		input := []byte("input")
		signature := key.Sign(input)
		for _, k := range []claims.Key{keys[0], proofKey} {
			assert.NoError(t, k.Verify(input, signature), alg)
			assert.Equal(t, claims.ErrSignature, k.Verify([]byte("other"), signature), alg)
			assert.Equal(t, claims.ErrSignature, k.Verify(input, other.Sign(input)), alg)
			for rule, bad := range badSignatures(signature) {
				assert.Equal(t, claims.ErrSignature, k.Verify(input, bad), "%s: %s", alg, rule)
			}
		}
		assert.Equal(t, set.entries, mustParse(t, set, jwkOfKey(key)).entries, "it keeps its identity")
		for _, another := range []string{"ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "ES256", "EdDSA", "HS256"} {
			if another != alg {
				assert.Empty(t, candidatesOf(t, set, another, key.ID), another)
				assert.Equal(t, "alg does not fit the key", proofKeyReason(t, jwkOfKey(key), another))
			}
		}
	}
}

func badSignatures(good []byte) map[string][]byte {
	changed := func(n int) []byte {
		bad := bytes.Clone(good)
		bad[n] ^= 1
		return bad
	}
	return map[string][]byte{
		"first byte": changed(0), "in the middle": changed(len(good) / 2), "last byte": changed(len(good) - 1),
		"cut": good[:len(good)-1], "longer": append(bytes.Clone(good), 0), "empty": nil,
		"zeros": make([]byte, len(good)), "ones": bytes.Repeat([]byte{0xff}, len(good)),
	}
}

// The alg belongs to the material, so a key of another kid is the same key, and a key of another
// alg is not (RFC 9964 section 6).
func TestMLDSAKeyIsBlockedByItsMaterial(t *testing.T) {
	needMLDSA(t)
	key := jwkstest.NewKey("ML-DSA-44")
	set := mustParse(t, nil, jwkOfKey(key), p256Members)
	rest := set.Without(map[Thumbprint]struct{}{set.entries[0].id.material: {}})
	assert.Empty(t, candidatesOf(t, rest, "ML-DSA-44", key.ID))
	assert.Equal(t, 1, rest.Len())
}

// No JWK of another kty serves ML-DSA, and none of another curve does.
func TestMLDSAIsServedByItsOwnKeysOnly(t *testing.T) {
	for _, jwk := range []string{rsaMembers, p256Members, ed25519Members} {
		set := mustParse(t, nil, jwk)
		for _, alg := range mldsa.Algorithms() {
			assert.True(t, Supported(alg))
			assert.Empty(t, candidatesOf(t, set, alg, ""))
			assert.Equal(t, "alg does not fit the key", proofKeyReason(t, jwk, alg))
		}
		assert.Equal(t, []Skip{{Reason: "alg does not fit the key"}}, mustParse(t, nil, p521Members, jwk+`,"alg":"ML-DSA-44"`).Skipped())
	}
	assert.False(t, Supported("ML-DSA"))
	assert.False(t, Supported(strings.ToLower("ML-DSA-44")))
}
