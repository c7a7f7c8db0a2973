package jwkstest_test

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

const proofURL = "https://api.example.test/orders"

// An independent implementation reads the jwk, checks the signature and makes the thumbprint.
func TestProofVerifiesUnderItsOwnKey(t *testing.T) {
	for _, algorithm := range []string{"RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"} {
		key := jwkstest.NewKey(algorithm)
		proof := jwkstest.Proof(key, "GET", proofURL, "token", nil)
		header, _, _ := parts(t, proof)
		document, err := json.Marshal(header["jwk"])
		require.NoError(t, err)
		public, err := jwk.ParseKey(document)
		require.NoError(t, err)
		assert.NoError(t, verify(proof, algorithm, public), algorithm)
		assert.Error(t, verify(jwkstest.TamperSignature(proof), algorithm, public), algorithm)

		thumbprint, err := public.Thumbprint(crypto.SHA256)
		require.NoError(t, err)
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(thumbprint), key.Thumbprint(), algorithm)
	}
}

func TestProofHasTheClaimsOfRFC9449(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := jwkstest.NewKey("ES256")
		header, payload, _ := parts(t, jwkstest.Proof(key, "GET", proofURL, "token", nil))
		public := key.JWK()
		assert.Equal(t, map[string]any{
			"typ": "dpop+jwt", "alg": "ES256",
			"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": public["x"], "y": public["y"]},
		}, header)
		hash := sha256.Sum256([]byte("token"))
		assert.NotEmpty(t, payload["jti"])
		delete(payload, "jti")
		assert.Equal(t, map[string]any{
			"htm": "GET", "htu": proofURL, "iat": float64(time.Now().Unix()), "ath": base64.RawURLEncoding.EncodeToString(hash[:]),
		}, payload)
	})
}

func TestProofOptions(t *testing.T) {
	key, other := jwkstest.NewKey("ES256"), jwkstest.NewKey("ES256")
	header, payload, _ := parts(t, jwkstest.Proof(key, "GET", proofURL, "token",
		map[string]any{"nonce": "n", "ath": jwkstest.Absent}, jwkstest.Header("typ", "JWT"), jwkstest.SignedBy(other)))
	assert.Equal(t, "n", payload["nonce"])
	assert.NotContains(t, payload, "ath")
	assert.Equal(t, "JWT", header["typ"])
	assert.Equal(t, key.JWK()["x"], header["jwk"].(map[string]any)["x"], "the key stays that of the client")
}
