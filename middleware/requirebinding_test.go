package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A route that demands bound tokens refuses others with a 401, not a 403: another scope would not
// help the client.
func TestRequireBindingOfARoute(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{})
	pay := b.auth.Require(middleware.RequireBinding(), middleware.AllScopes("read:example"))(whoami)
	w, challenges := b.send(pay, b.request("DPoP "+b.token, b.proof(nil)))
	assert.Equal(t, 200, w.Code)
	assert.Empty(t, challenges)

	w, challenges = b.send(pay, b.request("Bearer "+b.issuer.Token(nil)))
	assert.Equal(t, 401, w.Code)
	assert.Equal(t, []string{`DPoP, error="invalid_token", scope="read:example" algs`}, challenges)

	w, _ = b.send(b.auth.RequireScopes("read:example")(whoami), b.request("Bearer "+b.issuer.Token(nil)))
	assert.Equal(t, 200, w.Code, "another route")

	inHandler := b.auth.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.auth.Refuse(w, r, middleware.Authorize(r.Context(), middleware.RequireBinding()))
	}))
	w, challenges = b.send(inHandler, b.request("Bearer "+b.issuer.Token(nil)))
	assert.Equal(t, 401, w.Code)
	assert.Equal(t, []string{`DPoP, error="invalid_token" algs`}, challenges)
}

func TestRequireBindingOfAllRoutes(t *testing.T) {
	b := newDPoPBench(t, dpop.Config{}, func(c *middleware.Config) { c.RequireBinding = true })
	h := b.auth.Handler(whoami)
	w, _ := b.send(h, b.request("DPoP "+b.token, b.proof(nil)))
	assert.Equal(t, 200, w.Code)
	w, challenges := b.send(h, b.request("Bearer "+b.issuer.Token(nil)))
	assert.Equal(t, 401, w.Code)
	assert.Equal(t, []string{`DPoP, error="invalid_token" algs`}, challenges)
	_, challenges = b.send(h, b.request(""))
	assert.Equal(t, []string{`DPoP algs`}, challenges, "no bearer token is accepted")

	_, err := middleware.New(middleware.Config{Verifier: accepting(t, `{}`), RequireBinding: true})
	require.EqualError(t, err, "middleware: invalid Config.RequireBinding: set DPoP or MTLS, or no token is accepted")
}

// FAPI 2.0 Security Profile section 5.3.4, and "Cryptography and secrets": RS256 is refused, and
// so is a token that is not bound.
func TestFAPI2(t *testing.T) {
	for algorithm, status := range map[string]int{"PS256": 200, "ES256": 200, "EdDSA": 200, "RS256": 401, "ES384": 401} {
		issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey(algorithm)})
		auth, err := middleware.New(middleware.Config{
			Issuers: []claims.Issuer{providers.FAPI2(claims.Issuer{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}})},
			Client:  issuer.Client(),
			DPoP: &dpop.Config{
				Origins: []string{dpopOrigin}, Algorithms: []string{"PS256", "ES256", "EdDSA", "Ed25519"},
			},
			RequireBinding: true,
		})
		require.NoError(t, err)
		for _, key := range []jwkstest.Key{jwkstest.NewKey("ES256"), jwkstest.NewKey("RS256")} {
			token := issuer.Token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
			r := httptest.NewRequest("GET", "/orders", nil)
			r.Header.Set("Authorization", "DPoP "+token)
			r.Header.Set("DPoP", jwkstest.Proof(key, "GET", dpopOrigin+"/orders", token, nil))
			w := httptest.NewRecorder()
			auth.Handler(whoami).ServeHTTP(w, r)
			want := status
			if key.Algorithm == "RS256" {
				want = 401
			}
			assert.Equal(t, want, w.Code, "token by %s, proof by %s", algorithm, key.Algorithm)
		}
		w := httptest.NewRecorder()
		auth.Handler(whoami).ServeHTTP(w, bearer(issuer.Token(nil)))
		assert.Equal(t, 401, w.Code, "not bound")
	}
}
