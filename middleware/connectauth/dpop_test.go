package connectauth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/connectauth"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// The htu of a proof is the URL of the procedure, and the htm the method of the request, which is
// GET for some calls of procedures without side effects.
func TestDPoP(t *testing.T) {
	issuer, key := jwkstest.NewIssuer(jwkstest.Config{}), jwkstest.NewKey("ES256")
	auth := newAuth(t, issuer, func(c *middleware.Config) {
		c.DPoP = &dpop.Config{
			Origins: []string{"https://api.example.test"},
			Nonces:  &dpop.Nonces{Secrets: [][]byte{[]byte("a secret of thirty-two bytes, ok")}, Always: true},
		}
	})
	served := 0
	h := newList(&served, connectauth.HandlerOption(auth, connectauth.Rules{unaryProcedure: connectauth.Authenticated()}))
	token := issuer.Token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
	call := func(method, htm, nonce string) *httptest.ResponseRecorder {
		claims := map[string]any{}
		if nonce != "" {
			claims["nonce"] = nonce
		}
		target, body := unaryProcedure, "{}"
		if method == http.MethodGet {
			target, body = unaryProcedure+"?"+url.Values{"connect": {"v1"}, "encoding": {"json"}, "message": {"{}"}}.Encode(), ""
		}
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", jwkstest.Proof(key, htm, "https://api.example.test"+unaryProcedure, token, claims))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	w := call("POST", "POST", "")
	require.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Contains(t, w.Header().Get("WWW-Authenticate"), `DPoP realm="api", error="use_dpop_nonce"`)
	nonce := w.Header().Get("DPoP-Nonce")
	require.NotEmpty(t, nonce)
	assert.Zero(t, served)

	assert.Equal(t, http.StatusOK, call("POST", "POST", nonce).Code)
	assert.Equal(t, http.StatusOK, call("GET", "GET", nonce).Code)
	assert.Equal(t, 2, served)
	assert.Equal(t, http.StatusUnauthorized, call("POST", "GET", nonce).Code)
	assert.Equal(t, http.StatusUnauthorized, call("GET", "POST", nonce).Code)
}
