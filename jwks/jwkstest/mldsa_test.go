package jwkstest_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/mldsa"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// RFC 9964 sections 3 and 6: alg belongs to the key, also in a proof and in the thumbprint.
func TestMLDSAKey(t *testing.T) {
	for _, algorithm := range mldsa.Algorithms() {
		if missing := mldsa.Missing(); missing != nil {
			assert.PanicsWithValue(t, "jwkstest: "+missing.Error(), func() { jwkstest.NewKey(algorithm) })
			continue
		}
		key := jwkstest.NewKey(algorithm)
		jwk := key.JWK()
		pub, err := base64.RawURLEncoding.DecodeString(jwk["pub"].(string))
		require.NoError(t, err)
		require.Equal(t, map[string]any{"kty": "AKP", "alg": algorithm, "use": "sig", "kid": key.ID, "pub": jwk["pub"]}, jwk)

		hash := sha256.Sum256(fmt.Appendf(nil, `{"alg":%q,"kty":"AKP","pub":%q}`, algorithm, jwk["pub"]))
		assert.Equal(t, base64.RawURLEncoding.EncodeToString(hash[:]), key.Thumbprint())

		public, err := mldsa.NewPublicKey(algorithm, pub)
		require.NoError(t, err)
		require.NoError(t, public.Verify([]byte("input"), key.Sign([]byte("input"))))

		header, _, _ := parts(t, jwkstest.Proof(key, "GET", proofURL, "token", nil))
		proofKey, err := json.Marshal(header["jwk"])
		require.NoError(t, err)
		assert.JSONEq(t, fmt.Sprintf(`{"alg":%q,"kty":"AKP","pub":%q}`, algorithm, jwk["pub"]), string(proofKey))

		key.Algorithm = ""
		assert.Equal(t, algorithm, key.JWK()["alg"], "required")
		key.Algorithm = "ES256"
		assert.Equal(t, "ES256", key.JWK()["alg"], "a mistake on purpose")
	}
}
