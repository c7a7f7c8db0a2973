package main

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestBoundTokens(t *testing.T) {
	const origin = "http://127.0.0.1:8080"
	issuer, key := jwkstest.NewIssuer(jwkstest.Config{}), jwkstest.NewKey("ES256")
	token := issuer.Token(map[string]any{
		"scope": "read:timesheets", "sub": "alice", "cnf": map[string]any{"jkt": key.Thumbprint()},
	})
	send := func(api http.Handler, claims map[string]any) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/timesheets?month=11", nil)
		r.Header.Set("Authorization", "DPoP "+token)
		r.Header.Set("DPoP", jwkstest.Proof(key, "GET", origin+"/timesheets", token, claims))
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
	api := apiOf(t, issuer, "DPOP", "1", "ADDR", "127.0.0.1:8080")
	assert.Equal(t, http.StatusOK, send(api, nil).Code)
	assert.Equal(t, http.StatusUnauthorized, send(api, map[string]any{"htm": "POST"}).Code)
	assert.Equal(t, http.StatusUnauthorized, call(api, "GET", "/timesheets", token, "").Code, "as a bearer token")
	assert.Equal(t, http.StatusOK, call(api, "GET", "/timesheets", scoped(issuer, "read:timesheets"), "").Code)
	assert.Equal(t, http.StatusUnauthorized, send(apiOf(t, issuer), nil).Code, "off by default")

	secret := base64.StdEncoding.EncodeToString([]byte("thirty-two bytes, and not random"))
	api = apiOf(t, issuer, "DPOP", "https://api.example,"+origin, "DPOP_NONCE_SECRET", secret)
	w := send(api, nil)
	require.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Contains(t, w.Header().Get("WWW-Authenticate"), "use_dpop_nonce")
	assert.Equal(t, http.StatusOK, send(api, map[string]any{"nonce": w.Header().Get("DPoP-Nonce")}).Code)
}

// A store that cannot be reached is an outage, and says nothing about the token or the proof.
func TestBoundTokensWithoutTheirStore(t *testing.T) {
	issuer, key := jwkstest.NewIssuer(jwkstest.Config{}), jwkstest.NewKey("ES256")
	token := issuer.Token(map[string]any{"scope": "read:timesheets", "cnf": map[string]any{"jkt": key.Thumbprint()}})
	api := apiOf(t, issuer, "DPOP", "https://api.example", "REDIS_URL", "redis://127.0.0.1:1/0")
	r := httptest.NewRequest("GET", "/timesheets", nil)
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", jwkstest.Proof(key, "GET", "https://api.example/timesheets", token, nil))
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
}
