package jwks_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// Ages at which a set of the default schedule is in the named state, despite jitter.
const (
	whileRevalidating = 16 * time.Minute
	whileStale        = 61 * time.Minute
	whileExhausted    = 24 * time.Hour
)

const alg = "EdDSA"

// secret is in every body that must not get into an error.
const secret = "sEcReT"

func namedKey(kid string) jwkstest.Key {
	k := jwkstest.NewKey(alg)
	k.ID = kid
	return k
}

// bubble runs f in a synctest bubble. Then it waits for the fetches under way, which end within
// 5 s, because the clock of a bubble stops when its function returns.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(10 * time.Second) })
		f(t)
	})
}

// newIssuer returns an issuer that publishes one key, "known".
func newIssuer() *jwkstest.Issuer {
	return jwkstest.NewIssuer(jwkstest.Config{Key: namedKey("known")})
}

// newCache returns a cache that finds its key set by discovery and logs nothing.
func newCache(t testing.TB, issuer *jwkstest.Issuer, edits ...func(*jwks.Config)) *jwks.Cache {
	t.Helper()
	config := jwks.Config{
		Issuer: issuer.URL(),
		Client: issuer.Client(),
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	cache, err := jwks.New(config)
	require.NoError(t, err)
	return cache
}

// atURL configures the address of the key set, so that there is no discovery.
func atURL(issuer *jwkstest.Issuer) func(*jwks.Config) {
	return func(c *jwks.Config) { c.URL = issuer.JWKSURL() }
}

// newWarmCache returns a cache that has fetched once.
func newWarmCache(t testing.TB, issuer *jwkstest.Issuer, edits ...func(*jwks.Config)) *jwks.Cache {
	t.Helper()
	cache := newCache(t, issuer, edits...)
	require.NoError(t, cache.Refresh(t.Context()))
	return cache
}

func requireKnown(t testing.TB, cache *jwks.Cache, kid string) claims.Key {
	t.Helper()
	keys, err := cache.Keys(t.Context(), alg, kid)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	return keys[0]
}

func requireUnknown(t testing.TB, cache *jwks.Cache, kid string) {
	t.Helper()
	keys, err := cache.Keys(t.Context(), alg, kid)
	require.ErrorIs(t, err, claims.ErrUnknownKey)
	require.NotErrorIs(t, err, claims.ErrKeysUnavailable)
	require.Empty(t, keys)
}

func requireUnavailable(t testing.TB, cache *jwks.Cache, kid string) *claims.UnavailableError {
	t.Helper()
	keys, err := cache.Keys(t.Context(), alg, kid)
	return unavailable(t, keys, err)
}

func unavailable(t testing.TB, keys []claims.Key, err error) *claims.UnavailableError {
	t.Helper()
	var failure *claims.UnavailableError
	require.ErrorAs(t, err, &failure)
	require.NotErrorIs(t, err, claims.ErrUnknownKey)
	require.Empty(t, keys)
	require.Positive(t, failure.RetryAfter)
	return failure
}

// took returns how long f took, by the clock of the bubble.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// concurrently runs f in n goroutines of the bubble and waits for them.
func concurrently(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

// keySetRequests returns how many requests for the key set the issuer gets while f runs, and
// until every goroutine in the bubble waits.
func keySetRequests(issuer *jwkstest.Issuer, f func()) int {
	before := issuer.Count(jwkstest.JWKS)
	f()
	synctest.Wait()
	return issuer.Count(jwkstest.JWKS) - before
}

// assertState checks the cache's State.
func assertState(t testing.TB, want jwks.State, cache *jwks.Cache) {
	t.Helper()
	assert.Equal(t, want, cache.Status().State)
}

// roundTrip makes a function a RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// recorder keeps the requests that go through a client.
type recorder struct {
	mu       sync.Mutex
	requests []*http.Request
}

func (rec *recorder) client(base *http.Client) *http.Client {
	return &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		rec.mu.Lock()
		rec.requests = append(rec.requests, r.Clone(context.Background()))
		rec.mu.Unlock()
		return base.Transport.RoundTrip(r)
	})}
}

func (rec *recorder) all() []*http.Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]*http.Request(nil), rec.requests...)
}

func (rec *recorder) last() *http.Request {
	all := rec.all()
	return all[len(all)-1]
}

// gauge counts how many callers are inside, and keeps the maximum.
type gauge struct{ inside, most atomic.Int64 }

func (g *gauge) enter() {
	now := g.inside.Add(1)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
}

func (g *gauge) leave() { g.inside.Add(-1) }

// requestCounts are the requests that an issuer got: at both addresses of discovery, and for
// the key set.
type requestCounts struct{ discovery, keys int }

// counter returns a function that counts the requests from now on.
func counter(issuer *jwkstest.Issuer) func() requestCounts {
	count := func() requestCounts {
		discovery := issuer.Count(jwkstest.Discovery) + issuer.Count(jwkstest.Metadata)
		return requestCounts{discovery, issuer.Count(jwkstest.JWKS)}
	}
	before := count()
	return func() requestCounts {
		now := count()
		return requestCounts{now.discovery - before.discovery, now.keys - before.keys}
	}
}
