package middleware_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// Defects of similar libraries that are only visible over HTTP. Those of tokens and keys are
// in package claims.

// A cache of verified tokens must not remember the decision of a route. Otherwise the answer
// of the first route becomes that of every route.
func TestRegressionsCachedTokenStillNeedsTheScope(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := trusting(t, issuer)
	read, write := auth.RequireScopes("read:example")(whoami), auth.RequireScopes("write:example")(whoami)
	token := issuer.Token(map[string]any{"scope": "read:example"})
	for range 3 {
		assert.Equal(t, http.StatusOK, serve(t, read, bearer(token)).Status)
		refused := serve(t, write, bearer(token))
		assert.Equal(t, http.StatusForbidden, refused.Status)
		assert.Equal(t, "write:example", refused.Challenge["scope"])
	}
}

// CWE-113: no part of a token gets into a header, whatever is wrong with the token.
func TestRegressionsNothingOfATokenIsInTheAnswer(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	h := trusting(t, issuer).RequireScopes("read:example")(whoami)
	const canary = "cAnArY\r\nSet-Cookie: a=b\", error=\"x"
	for name, token := range map[string]string{
		"kid":   issuer.Token(nil, jwkstest.Header("kid", canary)),
		"alg":   issuer.Token(nil, jwkstest.Header("alg", canary)),
		"typ":   issuer.Token(nil, jwkstest.Header("typ", canary)),
		"crit":  issuer.Token(nil, jwkstest.Header("crit", []string{canary})),
		"iss":   issuer.Token(map[string]any{"iss": canary}),
		"aud":   issuer.Token(map[string]any{"aud": canary}),
		"exp":   issuer.Token(map[string]any{"exp": canary}),
		"scope": issuer.Token(map[string]any{"scope": canary}),
		"cnf":   issuer.Token(map[string]any{"cnf": map[string]any{canary: canary}}),
	} {
		refused := serve(t, h, bearer(token)) // serve parses the challenge strictly
		require.NotEqual(t, http.StatusOK, refused.Status, name)
		for field, values := range refused.Header {
			assert.NotContains(t, field+strings.Join(values, ""), "cAnArY", name)
		}
		assert.NotContains(t, refused.Body, "cAnArY", name)
		assert.Empty(t, refused.Header["Set-Cookie"], name)
	}
}

// RFC 9449 section 7.2: a stolen bound token is no bearer token.
func TestRegressionsBoundTokenAsBearer(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	h := trusting(t, issuer).Handler(whoami)
	for _, member := range []string{"jkt", "x5t#S256", "jwk", "kid", "unknown"} {
		token := issuer.Token(map[string]any{"cnf": map[string]any{member: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})
		for range 2 {
			refused := serve(t, h, bearer(token))
			assert.Equal(t, http.StatusUnauthorized, refused.Status, member)
			assert.Equal(t, "invalid_token", refused.Challenge["error"], member)
		}
	}
}

// golang-jwt with keyfunc waits for its limiter, and go-oidc fetches once for each forged
// token. Here made-up keys cause a bounded number of requests to the issuer.
func TestRegressionsUnknownKeysAreNoAmplifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		h := trusting(t, issuer).Handler(whoami)
		assert.Equal(t, http.StatusOK, serve(t, h, bearer(issuer.Token(nil))).Status)
		before, began := issuer.Count(jwkstest.JWKS), time.Now()
		for i := range 2000 {
			kid := "made-up-" + strings.Repeat("x", i%200)
			refused := serve(t, h, bearer(issuer.Token(nil, jwkstest.Header("kid", kid))))
			assert.Contains(t, []int{http.StatusUnauthorized, http.StatusServiceUnavailable}, refused.Status)
			time.Sleep(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, issuer.Count(jwkstest.JWKS)-before, 3+int(time.Since(began)/(10*time.Second)))
		assert.Equal(t, http.StatusOK, serve(t, h, bearer(issuer.Token(nil))).Status, "valid tokens are not affected")
		time.Sleep(6 * time.Second)
	})
}
