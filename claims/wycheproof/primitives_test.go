package wycheproof_test

import (
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// A signatureGroup has vectors of a signature algorithm without JOSE.
type signatureGroup struct {
	PEM          string            `json:"publicKeyPem"`
	PublicKeyJWK json.RawMessage   `json:"publicKeyJwk"`
	KeyJWK       json.RawMessage   `json:"keyJwk"` // in the files of RSASSA-PKCS1-v1_5
	Tests        []signatureVector `json:"tests"`
}

type signatureVector struct {
	ID        int    `json:"tcId"`
	Comment   string `json:"comment"`
	Message   string `json:"msg"`
	Signature string `json:"sig"`
	Result    string `json:"result"`
}

// keys returns a key set of the group's JWK, or of its PEM if it has no JWK.
func (g signatureGroup) keys() (claims.KeySet, error) {
	jwk := g.PublicKeyJWK
	if jwk == nil {
		jwk = g.KeyJWK
	}
	if jwk == nil {
		return jwks.StaticKeys(jwks.PublicKey{PEM: []byte(g.PEM)})
	}
	return jwks.NewStatic(asSet(jwk))
}

// TestSignatures runs the vectors of each algorithm that this library verifies, for each key size.
// The algorithms are those of RFC 7518, RFC 8037 and RFC 9864.
func TestSignatures(t *testing.T) {
	for _, tc := range []struct{ alg, file string }{
		{"ES256", "ecdsa_secp256r1_sha256_p1363_test.json"},
		{"ES384", "ecdsa_secp384r1_sha384_p1363_test.json"},
		{"ES512", "ecdsa_secp521r1_sha512_p1363_test.json"},
		{"EdDSA", "ed25519_test.json"},
		{"Ed25519", "ed25519_test.json"},
		{"RS256", "rsa_signature_2048_sha256_test.json"},
		{"RS384", "rsa_signature_2048_sha384_test.json"},
		{"RS512", "rsa_signature_2048_sha512_test.json"},
		{"RS256", "rsa_signature_3072_sha256_test.json"},
		{"RS384", "rsa_signature_3072_sha384_test.json"},
		{"RS512", "rsa_signature_3072_sha512_test.json"},
		{"RS256", "rsa_signature_4096_sha256_test.json"},
		{"RS384", "rsa_signature_4096_sha384_test.json"},
		{"RS512", "rsa_signature_4096_sha512_test.json"},
		{"RS256", "rsa_signature_8192_sha256_test.json"},
		{"RS384", "rsa_signature_8192_sha384_test.json"},
		{"RS512", "rsa_signature_8192_sha512_test.json"},
		{"PS256", "rsa_pss_2048_sha256_mgf1_32_test.json"},
		{"PS256", "rsa_pss_3072_sha256_mgf1_32_test.json"},
		{"PS256", "rsa_pss_4096_sha256_mgf1_32_test.json"},
		{"PS384", "rsa_pss_2048_sha384_mgf1_48_test.json"},
		{"PS384", "rsa_pss_4096_sha384_mgf1_48_test.json"},
		{"PS512", "rsa_pss_4096_sha512_mgf1_64_test.json"},
	} {
		t.Run(tc.alg+" "+tc.file, func(t *testing.T) {
			accepted := 0
			eachSignature(t, tc.alg, tc.file, func(vector signatureVector, err error) {
				if err == nil {
					accepted++
				}
				// The only "acceptable" vectors have a DigestInfo without NULL, which RFC
				// 8017 section 8.2.2 does not allow.
				assert.Equal(t, vector.Result == "valid", err == nil, "vector %d: %s", vector.ID, vector.Comment)
			})
			assert.Positive(t, accepted)
		})
	}
}

// eachSignature calls check with each vector of a file and the error of its verification.
func eachSignature(t *testing.T, alg, name string, check func(signatureVector, error)) {
	t.Helper()
	file := readFile[struct {
		NumberOfTests int              `json:"numberOfTests"`
		Groups        []signatureGroup `json:"testGroups"`
	}](t, name)
	count := 0
	for _, group := range file.Groups {
		key := onlyKey(t, group, alg)
		for _, vector := range group.Tests {
			count++
			check(vector, vector.verify(t, key))
		}
	}
	require.Equal(t, file.NumberOfTests, count, "vectors read")
}

func onlyKey(t *testing.T, group signatureGroup, alg string) claims.Key {
	t.Helper()
	set, err := group.keys()
	require.NoError(t, err)
	keys, err := set.Keys(t.Context(), alg, "")
	require.NoError(t, err)
	require.Len(t, keys, 1)
	return keys[0]
}

func (v signatureVector) verify(t *testing.T, key claims.Key) error {
	t.Helper()
	message, err := hex.DecodeString(v.Message)
	require.NoError(t, err)
	signature, err := hex.DecodeString(v.Signature)
	require.NoError(t, err)
	return key.Verify(message, signature)
}

// A JWS must have a salt as long as the hash, and MGF1 with that hash (RFC 7518 section 3.5).
// Signatures with other parameters are valid RSASSA-PSS, but must be refused.
func TestOtherParametersOfPSSAreRefused(t *testing.T) {
	for _, tc := range []struct{ alg, file string }{
		{"PS256", "rsa_pss_2048_sha256_mgf1_0_test.json"},
		{"PS256", "rsa_pss_2048_sha256_mgf1sha1_20_test.json"},
		{"PS256", "rsa_pss_2048_sha1_mgf1_20_test.json"},
		{"PS256", "rsa_pss_2048_sha512_256_mgf1_32_test.json"},
		{"PS256", "rsa_pss_2048_shake128_test.json"},
		{"PS512", "rsa_pss_2048_shake256_test.json"},
		{"PS512", "rsa_pss_4096_sha512_mgf1_32_test.json"},
	} {
		t.Run(tc.alg+" "+tc.file, func(t *testing.T) {
			valid := 0
			eachSignature(t, tc.alg, tc.file, func(vector signatureVector, err error) {
				if vector.Result == "valid" {
					valid++
					assert.Error(t, err, "vector %d: %s", vector.ID, vector.Comment)
				}
			})
			assert.Positive(t, valid, "there must be vectors that are valid under other parameters")
		})
	}
}
