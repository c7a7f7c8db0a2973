package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	timesheetsapi "github.com/bearerguard/bearerguard/examples/timesheets"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

type thumbprintKey struct{}

// bindingIssuer plays an issuer that binds tokens to the key of the request's proof, and whose
// first answer demands a nonce. The proof itself is checked by the API.
func bindingIssuer(t *testing.T) (*jwkstest.Issuer, *int) {
	t.Helper()
	var issuer *jwkstest.Issuer
	demanded := new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proof := r.Header.Get("DPoP")
		if proof == "" {
			issuer.ServeHTTP(w, r)
			return
		}
		if decoded(t, proof, 1)["nonce"] != "nonce of the issuer" {
			*demanded++
			w.Header().Set("DPoP-Nonce", "nonce of the issuer")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"use_dpop_nonce"}`))
			return
		}
		jwk := decoded(t, proof, 0)["jwk"].(map[string]any)
		recorder := httptest.NewRecorder()
		issuer.ServeHTTP(recorder, r.WithContext(context.WithValue(r.Context(), thumbprintKey{}, thumbprint(t, jwk))))
		maps.Copy(w.Header(), recorder.Header())
		w.Header().Del("Content-Length")
		_, _ = w.Write([]byte(strings.Replace(recorder.Body.String(), `"Bearer"`, `"DPoP"`, 1)))
	}))
	t.Cleanup(server.Close)
	issuer = jwkstest.NewIssuer(jwkstest.Config{
		URL: server.URL + "/",
		Clients: []jwkstest.Client{{ID: "uploader", Secret: secret, Grants: map[string][]string{
			jwkstest.Audience: {"read:timesheets", "write:timesheets"},
		}}},
		OnGrant: func(ctx context.Context, g *jwkstest.Grant) error {
			g.Claims["cnf"] = map[string]any{"jkt": ctx.Value(thumbprintKey{})}
			return nil
		},
	})
	return issuer, demanded
}

func decoded(t *testing.T, proof string, n int) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(proof, ".")[n])
	require.NoError(t, err)
	var members map[string]any
	require.NoError(t, json.Unmarshal(text, &members))
	return members
}

// thumbprint is that of RFC 7638 section 3.1.
func thumbprint(t *testing.T, jwk map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"crv": jwk["crv"], "kty": jwk["kty"], "x": jwk["x"], "y": jwk["y"]})
	require.NoError(t, err)
	hash := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

func TestUploadsWithBoundTokens(t *testing.T) {
	issuer, demanded := bindingIssuer(t)
	var handler http.Handler
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer api.Close()
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Realm: "timesheets",
		DPoP: &dpop.Config{
			Origins: []string{api.URL}, Required: true,
			Nonces: &dpop.Nonces{Secrets: [][]byte{[]byte("a secret of thirty-two bytes, ok")}, Always: true},
		},
	})
	require.NoError(t, err)
	handler = timesheetsapi.New(auth)
	w := &world{variable: map[string]string{
		"TOKEN_URL": issuer.TokenURL(), "CLIENT_ID": "uploader", "CLIENT_SECRET": secret,
		"AUDIENCE": jwkstest.Audience, "API_URL": api.URL, "DPOP": "1",
	}}
	code, out := w.run(t)
	assert.Equal(t, 0, code, out)
	assert.Equal(t, 2, strings.Count(out, "uploaded "))
	assert.Contains(t, out, "2 entries of uploader@clients:")
	assert.Equal(t, 1, *demanded)

	w.variable["DPOP"] = "0"
	code, out = w.run(t)
	assert.Equal(t, 1, code, "the API demands bound tokens")
	assert.Contains(t, out, "401 Unauthorized")

	w.variable["DPOP"] = "yes"
	code, out = w.run(t)
	assert.Equal(t, 2, code)
	assert.Contains(t, out, `DPOP: "yes" is neither 0 nor 1`)
}
