package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// trusting returns a Middleware for tokens of the issuer, made as most programs do.
func trusting(t testing.TB, issuer *jwkstest.Issuer, edits ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience},
		Client: issuer.Client(), Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth
}

func bearer(token string) *http.Request { return get("Bearer " + token) }

// Real tokens against the real verifier, on a route that needs read:example.
func TestTokens(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	stranger := jwkstest.NewIssuer(jwkstest.Config{})
	h := trusting(t, issuer).RequireScopes("read:example")(whoami)
	good, unsigned := issuer.Token(nil), issuer.Token(nil, jwkstest.SignedBy(jwkstest.Key{Algorithm: "none"}))
	claim := func(name string, value any) string { return issuer.Token(map[string]any{name: value}) }
	parts := strings.Split(good, ".")
	for _, tt := range []struct {
		rule, token, want string
	}{
		{"good (RFC 6750 section 2.1)", good, "subject client@clients"},
		{"expired (RFC 7519 section 4.1.4)", claim("exp", time.Now().Add(-time.Minute).Unix()), "The access token expired"},
		{"without exp (RFC 9068 section 2.2)", claim("exp", jwkstest.Absent), "The access token lacks a required claim or value"},
		{"not yet valid (RFC 7519 section 4.1.5)", claim("nbf", time.Now().Add(time.Minute).Unix()), "The access token is not valid yet"},
		{"another audience (RFC 8725 section 3.9)", claim("aud", "https://other.example.test"), "The access token is for another audience"},
		{"another issuer (RFC 8725 section 3.8)", claim("iss", "https://other.example.test/"), "The access token is from another issuer"},
		{"another type (RFC 8725 section 3.11)", issuer.Token(nil, jwkstest.Header("typ", "logout+jwt")), "The token is not an access token of the expected type"},
		{"alg none (RFC 8725 section 3.1)", unsigned, "The access token is signed with an algorithm that is not accepted"},
		{"alg of another key (RFC 8725 section 3.1)", issuer.Token(nil, jwkstest.Header("alg", "ES384")), "The access token is signed with an unknown key"},
		{"another issuer's key (RFC 8725 section 3.8)", stranger.Token(nil), "The access token is signed with an unknown key"},
		{"tampered claims (RFC 7515 section 5.2)", jwkstest.TamperClaims(good, map[string]any{"sub": "admin"}), "The access token has an invalid signature"},
		{"tampered signature (RFC 7515 section 5.2)", jwkstest.TamperSignature(good), "The access token has an invalid signature"},
		{"bound to a key (RFC 7800 section 3.1)", claim("cnf", map[string]any{"jkt": "x"}), "The access token is bound to a key that the request does not prove"},
		{"two parts (RFC 7515 section 7.1)", parts[0] + "." + parts[1], "The access token is malformed"},
		{"five parts (RFC 7516 section 9)", good + ".x.y", "The access token is malformed"},
		{"padding (RFC 7515 section 2)", good + "=", "The access token is malformed"},
		{"opaque", "2YotnFZFEjr1zCsicMWpAA", "The access token is malformed"},
		{"scope of another API (RFC 6749 section 3.3)", claim("scope", "read:examples"), "The request requires higher privileges than the access token provides"},
		{"expired, without the scope (RFC 6750 section 3.1)", issuer.Token(map[string]any{"scope": "", "exp": 1}), "The access token expired"},
		{"no b64token (RFC 6750 section 2.1)", good + ",", "The Authorization header does not hold exactly one bearer token"},
		{"no b64token behind an alg that is refused (RFC 6750 section 2.1)", unsigned + ",", "The Authorization header does not hold exactly one bearer token"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			a := serve(t, h, bearer(tt.token))
			if a.Status == http.StatusOK {
				assert.Equal(t, tt.want, a.Body)
				return
			}
			assert.Equal(t, tt.want, a.Challenge["error_description"])
		})
	}
}

func TestLongTokens(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	long := issuer.Token(map[string]any{"groups": strings.Repeat("x", 30<<10)})
	assert.Equal(t, 401, serve(t, trusting(t, issuer).Handler(whoami), bearer(long)).Status)
	wide := trusting(t, issuer, func(c *middleware.Config) { c.MaxTokenBytes = 64 << 10 })
	assert.Equal(t, 200, serve(t, wide.Handler(whoami), bearer(long)).Status)
}

func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		h := trusting(t, issuer).Handler(whoami)
		long := map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()}
		before := issuer.Token(long)
		oldKey := issuer.SigningKey()
		assert.Equal(t, 200, serve(t, h, bearer(before)).Status)
		assert.Equal(t, 1, issuer.Count(jwkstest.JWKS))

		issuer.Rotate()
		after := issuer.Token(long)
		var calls sync.WaitGroup
		for range 64 {
			calls.Go(func() {
				assert.Equal(t, 200, serve(t, h, bearer(after)).Status)
				assert.Equal(t, 200, serve(t, h, bearer(before)).Status)
			})
		}
		calls.Wait()
		assert.Equal(t, 2, issuer.Count(jwkstest.JWKS), "one more fetch for all requests")

		issuer.Retire(oldKey.ID)
		time.Sleep(time.Hour) // one freshness period plus the stale-while-revalidate window
		serve(t, h, bearer(after))
		synctest.Wait()
		assert.Equal(t, 401, serve(t, h, bearer(before)).Status, "a removed key")
		assert.Equal(t, 200, serve(t, h, bearer(after)).Status)
	})
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		h := trusting(t, issuer).Handler(whoami)
		known := issuer.Token(map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()})
		assert.Equal(t, 200, serve(t, h, bearer(known)).Status)

		for _, endpoint := range []jwkstest.Endpoint{jwkstest.JWKS, jwkstest.Discovery, jwkstest.Metadata} {
			issuer.Fail(endpoint, jwkstest.Refuse())
		}
		issuer.Rotate()
		fresh := issuer.Token(map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()})
		a := serve(t, h, bearer(fresh))
		assert.Equal(t, 503, a.Status, "a token is not bad because its key cannot be fetched")
		for range 23 {
			assert.Equal(t, 200, serve(t, h, bearer(known)).Status, "known keys serve during the outage")
			time.Sleep(time.Hour)
		}
		assert.Equal(t, 401, serve(t, h, bearer(jwkstest.TamperSignature(known))).Status)

		issuer.Recover()
		time.Sleep(time.Hour)
		serve(t, h, bearer(known))
		synctest.Wait()
		assert.Equal(t, 200, serve(t, h, bearer(fresh)).Status)
	})
}

// The order of starting does not matter, and no server needs a restart.
func TestIssuerDownAtStart(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"refused":       jwkstest.Refuse(),
		"hanging":       jwkstest.Hang(),
		"internal":      jwkstest.Respond(500, nil, ""),
		"not found":     jwkstest.Respond(404, nil, ""),
		"HTML":          jwkstest.Respond(200, nil, "<html>"),
		"empty":         jwkstest.Respond(200, nil, "{}"),
		"other issuer":  jwkstest.Edit(map[string]any{"issuer": "https://evil.example.test/"}),
		"keys by http":  jwkstest.Edit(map[string]any{"jwks_uri": "http://issuer.example.test/jwks"}), // RFC 8414 section 2
		"endless pause": jwkstest.Stall(),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				issuer.Fail(jwkstest.Discovery, fault)
				issuer.Fail(jwkstest.Metadata, fault)
				h := trusting(t, issuer).Handler(whoami)
				token := issuer.Token(nil)

				start := time.Now()
				a := serve(t, h, bearer(token))
				assert.Equal(t, 503, a.Status)
				assert.LessOrEqual(t, time.Since(start), 3*time.Second)
				assert.Equal(t, 401, serve(t, h, bearer("x")).Status, "a token that is bad without its key is refused")
				assert.Equal(t, 401, serve(t, h, get()).Status)
				assert.Zero(t, issuer.Count(jwkstest.JWKS))

				issuer.Recover()
				for range 3 { // a request that hangs may not be over yet
					if a.Status == 503 {
						seconds, err := time.ParseDuration(a.Header.Get("Retry-After") + "s")
						require.NoError(t, err)
						time.Sleep(seconds)
						a = serve(t, h, bearer(token))
					}
				}
				assert.LessOrEqual(t, time.Since(start), 20*time.Second)
				assert.Equal(t, 200, a.Status, "accepted after Retry-After")
			})
		})
	}
}

func TestACallerLeavesOnItsOwnContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		issuer.FailNext(1, jwkstest.JWKS, jwkstest.Delay(time.Second))
		h := trusting(t, issuer).Handler(whoami)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		var patient answer
		var calls sync.WaitGroup
		calls.Go(func() { patient = serve(t, h, bearer(issuer.Token(nil))) })
		assert.Equal(t, 503, serve(t, h, bearer(issuer.Token(nil)).WithContext(ctx)).Status)
		assert.Equal(t, 100*time.Millisecond, time.Since(start))
		calls.Wait()
		assert.Equal(t, 200, patient.Status, "the other callers still get their keys")
		assert.Equal(t, 1, issuer.Count(jwkstest.JWKS))
	})
}

// RFC 8725 section 3.8: the keys of an issuer verify only its tokens.
func TestSeveralIssuers(t *testing.T) {
	a := jwkstest.NewIssuer(jwkstest.Config{URL: "https://a.example.test"})
	b := jwkstest.NewIssuer(jwkstest.Config{URL: "https://b.example.test/tenant"})
	issuers := []claims.Issuer{
		{URL: a.URL(), Audiences: []string{jwkstest.Audience}, MaxLifetime: 24 * time.Hour},
		{URL: b.URL(), Audiences: []string{"b"}, ScopeClaims: [][]string{{"permissions"}}},
	}
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		for _, issuer := range []*jwkstest.Issuer{a, b} {
			if strings.HasPrefix(issuer.URL(), "https://"+r.URL.Host) {
				return issuer.Client().Transport.RoundTrip(r)
			}
		}
		return nil, fmt.Errorf("request to %s", r.URL)
	})}
	auth, err := middleware.New(middleware.Config{Issuers: issuers, Client: client, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	h := auth.RequireScopes("read:example")(whoami)

	assert.Equal(t, 200, serve(t, h, bearer(a.Token(nil))).Status)
	ofB := map[string]any{"aud": "b", "scope": jwkstest.Absent, "permissions": []string{"read:example"}}
	assert.Equal(t, 200, serve(t, h, bearer(b.Token(ofB))).Status, "each issuer has its scope claim")
	ofB["permissions"], ofB["scope"] = []string{}, "read:example"
	assert.Equal(t, 403, serve(t, h, bearer(b.Token(ofB))).Status)

	for rule, token := range map[string]string{
		"a's key for b's iss":      a.Token(map[string]any{"iss": b.URL(), "aud": "b"}),
		"b's audience for a":       a.Token(map[string]any{"aud": "b"}),
		"unknown issuer":           a.Token(map[string]any{"iss": "https://c.example.test"}),
		"unknown key":              a.Token(nil, jwkstest.Header("kid", "x")),
		"tampered":                 jwkstest.TamperSignature(a.Token(nil)),
		"unsigned, expired":        jwkstest.TamperClaims(a.Token(nil), map[string]any{"exp": 1}),
		"unsigned, type":           jwkstest.TamperSignature(a.Token(nil, jwkstest.Header("typ", "x"))),
		"unsigned, lives too long": jwkstest.TamperSignature(a.Token(map[string]any{"exp": time.Now().Add(100 * time.Hour).Unix()})),
		"unsigned, without iat":    jwkstest.TamperSignature(a.Token(map[string]any{"iat": jwkstest.Absent})),
		"unsigned, iat ahead":      jwkstest.TamperSignature(a.Token(map[string]any{"iat": time.Now().Add(time.Hour).Unix()})),
		"unsigned, algorithm":      jwkstest.TamperSignature(a.Token(nil, jwkstest.Header("alg", "HS256"))),
	} {
		t.Run(rule, func(t *testing.T) {
			answer := serve(t, h, bearer(token))
			assert.Equal(t, 401, answer.Status)
			assert.Equal(t, severalIssuersText, answer.Challenge["error_description"], "callers do not learn which issuers are trusted")
		})
	}
}

func TestValidateHook(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	keys, err := jwks.NewStatic(issuer.Document())
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"accepts":     {nil, 200, ""},
		"revoked":     {fmt.Errorf("hunter2: %w", claims.ErrRevoked), 401, "invalid_token"},
		"any other":   {errors.New("hunter2"), 401, "invalid_token"},
		"forbidden":   {fmt.Errorf("hunter2: %w", claims.ErrForbidden), 403, "insufficient_scope"},
		"unavailable": {fmt.Errorf("hunter2: %w", claims.ErrUnavailable), 503, ""},
		"gave up":     {fmt.Errorf("hunter2: %w", context.DeadlineExceeded), 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			auth, err := middleware.New(middleware.Config{Logger: slog.New(slog.DiscardHandler), Issuers: []claims.Issuer{{
				URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys,
				Validate: func(context.Context, *claims.Claims) error { asked++; return tt.err },
			}}})
			require.NoError(t, err)
			token := issuer.Token(nil)
			for range 2 {
				a := serve(t, auth.Handler(auth.RequireScopes("read:example")(whoami)), bearer(token))
				assert.Equal(t, tt.status, a.Status)
				assert.Equal(t, tt.code, a.Challenge["error"])
				assert.NotContains(t, fmt.Sprint(a), "hunter2")
			}
			assert.Equal(t, 2, asked, "once for each request")
		})
	}
}

// All requests share a Middleware: go test -race checks that they may.
func TestConcurrentRequests(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := trusting(t, issuer)
	h := auth.Handler(auth.Require(
		middleware.Any(middleware.AllScopes("x"), middleware.AnyScope("y", "read:example")), allow(),
	)(whoami))
	var calls sync.WaitGroup
	for n := range 16 {
		calls.Go(func() {
			subject := fmt.Sprintf("client-%d", n)
			token := issuer.Token(map[string]any{"sub": subject})
			for range 20 {
				assert.Equal(t, "subject "+subject, serve(t, h, bearer(token)).Body, "each request has its claims")
				assert.Equal(t, 401, serve(t, h, bearer(jwkstest.TamperSignature(token))).Status)
				assert.Equal(t, 403, serve(t, h, bearer(issuer.Token(map[string]any{"scope": "z"}))).Status)
				assert.Equal(t, 401, serve(t, h, get()).Status)
			}
		})
	}
	calls.Wait()
	assert.Equal(t, 1, issuer.Count(jwkstest.JWKS))
}
