package middleware_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
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

// The tests of this file send one token repeatedly through the whole library. A remembering
// counts signature checks: only the first request may have one.
type remembering struct {
	*middleware.Middleware
	keys   *jwks.Cache
	checks atomic.Int32
}

func newRemembering(t *testing.T, issuer *jwkstest.Issuer) *remembering {
	t.Helper()
	keys, err := jwks.New(jwks.Config{Issuer: issuer.URL(), Client: issuer.Client(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	m := &remembering{keys: keys}
	m.Middleware, err = middleware.New(middleware.Config{Logger: slog.New(slog.DiscardHandler), Issuers: []claims.Issuer{
		{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: m},
	}})
	require.NoError(t, err)
	return m
}

// Keys returns the keys of the cache, which count their checks.
func (m *remembering) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	keys, err := m.keys.Keys(ctx, alg, kid)
	var counted []claims.Key
	for _, key := range keys {
		counted = append(counted, countedKey{key, &m.checks})
	}
	return counted, err
}

type countedKey struct {
	claims.Key
	checks *atomic.Int32
}

func (k countedKey) Verify(signingInput, signature []byte) error {
	k.checks.Add(1)
	return k.Key.Verify(signingInput, signature)
}

// requireHits demands that only the first request had its signature checked.
func (m *remembering) requireHits(t *testing.T) {
	t.Helper()
	require.EqualValues(t, 1, m.checks.Load(), "signature checks")
}

// A server may see only one token. Then no other request refreshes the key set.
func TestHitsNoticeARemovedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		auth := newRemembering(t, issuer)
		h := auth.Handler(whoami)
		token := issuer.Token(map[string]any{"exp": time.Now().Add(72 * time.Hour).Unix()})
		require.Equal(t, 200, serve(t, h, bearer(token)).Status)
		old := issuer.SigningKey()
		issuer.Rotate()
		issuer.Retire(old.ID)
		removed := time.Now()
		var a answer
		for a = serve(t, h, bearer(token)); a.Status == 200; a = serve(t, h, bearer(token)) {
			require.LessOrEqual(t, time.Since(removed), time.Hour)
			time.Sleep(time.Second)
		}
		assert.Equal(t, "The access token is signed with an unknown key", a.Challenge["error_description"])
		assert.LessOrEqual(t, issuer.Count(jwkstest.JWKS), 3, "the first fetch, a refresh, and one for the unknown key")
		auth.requireHits(t)
		time.Sleep(6 * time.Second) // a fetch that may be under way ends
	})
}

// Hits are served while the keys last, and are a 503 after that, never a bad token.
func TestHitsNoticeExhaustedKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		auth := newRemembering(t, issuer)
		h := auth.Handler(whoami)
		token := issuer.Token(map[string]any{"exp": time.Now().Add(72 * time.Hour).Unix()})
		require.Equal(t, 200, serve(t, h, bearer(token)).Status)
		for _, endpoint := range []jwkstest.Endpoint{jwkstest.JWKS, jwkstest.Discovery, jwkstest.Metadata} {
			issuer.Fail(endpoint, jwkstest.Refuse())
		}
		began := time.Now()
		for time.Since(began) < 24*time.Hour-10*time.Minute {
			require.Equal(t, 200, serve(t, h, bearer(token)).Status)
			time.Sleep(5 * time.Minute)
		}
		time.Sleep(15 * time.Minute)
		assert.Equal(t, 503, serve(t, h, bearer(token)).Status, "older than MaxStale")

		issuer.Recover()
		time.Sleep(time.Minute)
		assert.Equal(t, 200, serve(t, h, bearer(token)).Status)
		auth.requireHits(t)
	})
}

func TestBlockedKeyEndsHits(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newRemembering(t, issuer)
	h, token := auth.Handler(whoami), issuer.Token(nil)
	for range 2 {
		require.Equal(t, 200, serve(t, h, bearer(token)).Status)
	}
	auth.keys.Block(issuer.SigningKey().ID)
	assert.Equal(t, 401, serve(t, h, bearer(token)).Status)
	auth.requireHits(t)
}

func TestHitsEndWithTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		auth := newRemembering(t, issuer)
		h := auth.Handler(whoami)
		token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Minute).Unix()})
		for range 64 { // 5 s of leeway
			require.Equal(t, 200, serve(t, h, bearer(token)).Status)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		assert.Equal(t, "The access token expired", serve(t, h, bearer(token)).Challenge["error_description"])
		auth.requireHits(t)
	})
}

// The cache remembers that a token is genuine, not what it may do.
func TestEachRouteChecksATokenThatWasSeenBefore(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, token := newRemembering(t, issuer), issuer.Token(nil)
	for range 3 {
		assert.Equal(t, 200, serve(t, auth.RequireScopes("read:example")(whoami), bearer(token)).Status)
		assert.Equal(t, 403, serve(t, auth.RequireScopes("read:example", "admin")(whoami), bearer(token)).Status)
	}
	auth.requireHits(t)
	elsewhere := trusting(t, issuer, func(c *middleware.Config) { c.Audiences = []string{"https://other.example.test"} })
	a := serve(t, elsewhere.Handler(whoami), bearer(token))
	assert.Equal(t, "The access token is for another audience", a.Challenge["error_description"], "another Middleware does not share the cache")
}

// All requests with one token share its claims, so accessors must return copies.
func TestNoRequestChangesTheClaimsOfTheNextOne(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newRemembering(t, issuer)
	token := issuer.Token(map[string]any{"scope": []string{"read:example"}, "roles": []string{"reader"}})
	spoiler := auth.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		for _, list := range [][]string{c.Scopes(), c.Audience(), c.Strings("roles")} {
			list[0] = "admin"
			_ = append(list[:0:cap(list)], "admin", "admin")
		}
		all, err := claims.As[map[string]any](c)
		assert.NoError(t, err)
		all["roles"].([]any)[0] = "admin"
	}))
	for range 3 {
		require.Equal(t, 200, serve(t, spoiler, bearer(token)).Status)
	}
	admin := middleware.Any(middleware.AllScopes("admin"), middleware.Claim("roles").Any("admin"))
	assert.Equal(t, 403, serve(t, auth.Require(admin)(whoami), bearer(token)).Status)
	reader := []middleware.Policy{middleware.AllScopes("read:example"), middleware.Claim("roles").Any("reader")}
	assert.Equal(t, 200, serve(t, auth.Require(reader...)(whoami), bearer(token)).Status)
	auth.requireHits(t)
}
