package jwks_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

type contextKey struct{}

// waits keeps the waits that OnWait was told: how long each took, and its error.
type waits struct {
	mu     sync.Mutex
	begun  int
	values []any // of the contexts
	took   []time.Duration
	errs   []error
}

func (w *waits) use(c *jwks.Config) { c.OnWait = w.begin }

func (w *waits) begin(ctx context.Context) func(error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.begun++
	w.values = append(w.values, ctx.Value(contextKey{}))
	start := time.Now()
	return func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.took, w.errs = append(w.took, time.Since(start)), append(w.errs, err)
	}
}

// slow delays a fault. A request does not wait for a fetch that ends before it can.
func slow(fault jwkstest.Fault) jwkstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		jwkstest.Delay(time.Second)(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fault(w, r, next) }))
	}
}

func TestOnWaitIsToldEachRequestThatWaits(t *testing.T) {
	for name, tt := range map[string]struct {
		age   time.Duration
		fault jwkstest.Fault
		kid   string
		took  time.Duration
		err   error // matched; nil: no error
	}{
		"cold":                    {0, jwkstest.Delay(time.Second), "known", time.Second, nil},
		"cold, and no such key":   {0, jwkstest.Delay(time.Second), "junk", time.Second, claims.ErrUnknownKey},
		"cold, in an outage":      {0, slow(limited("60")), "known", time.Second, claims.ErrKeysUnavailable},
		"cold, too slow":          {0, jwkstest.Hang(), "known", 3 * time.Second, claims.ErrKeysUnavailable},
		"stale":                   {whileStale, jwkstest.Delay(time.Second), "known", time.Second, nil},
		"stale, in an outage":     {whileStale, jwkstest.Hang(), "known", 3 * time.Second, nil},
		"exhausted":               {whileExhausted, jwkstest.Delay(time.Second), "known", time.Second, nil},
		"an unknown key":          {time.Second, jwkstest.Delay(time.Second), "junk", time.Second, claims.ErrUnknownKey},
		"an unknown key, too":     {whileRevalidating, jwkstest.Delay(time.Second), "junk", time.Second, claims.ErrUnknownKey},
		"an unknown key, no luck": {time.Second, slow(respond(403, "")), "junk", time.Second, claims.ErrKeysUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var w waits
				issuer := newIssuer()
				cache := newCache(t, issuer, atURL(issuer), w.use)
				if tt.age > 0 {
					require.NoError(t, cache.Refresh(t.Context()))
					time.Sleep(tt.age)
				}
				issuer.Fail(jwkstest.JWKS, tt.fault)
				ctx := context.WithValue(t.Context(), contextKey{}, "mine")
				var err error
				assert.Equal(t, tt.took, took(func() { _, err = cache.Keys(ctx, alg, tt.kid) }))
				require.ErrorIs(t, err, tt.err)
				assert.Equal(t, []any{"mine"}, w.values, "once, with the context of the request")
				assert.Equal(t, []time.Duration{tt.took}, w.took)
				require.Len(t, w.errs, 1)
				assert.Equal(t, err, w.errs[0], "what the request gets")
			})
		})
	}
}

// Waits of one request for several fetches are one.
func TestOnWaitIsToldARequestOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w waits
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, w.use)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
		go func() { _ = cache.Refresh(t.Context()) }()
		time.Sleep(300 * time.Millisecond)
		assert.Equal(t, 1700*time.Millisecond, took(func() { requireUnknown(t, cache, "junk") }), "two fetches")
		assert.Equal(t, []time.Duration{1700 * time.Millisecond}, w.took)
	})
}

func TestOnWaitIsToldOfReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w waits
		issuer := newIssuer()
		cache := newCache(t, issuer, atURL(issuer), w.use)
		issuer.FailNext(1, jwkstest.JWKS, jwkstest.Delay(time.Second))
		require.NoError(t, cache.Ready(t.Context()))
		assert.Equal(t, []time.Duration{time.Second}, w.took)
		require.NoError(t, cache.Ready(t.Context()))
		assert.Equal(t, 1, w.begun)
	})
}

// During an outage the request that starts a due refresh waits for its first answer.
func TestOnWaitIsToldOfTheMomentInAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w waits
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, w.use)
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		time.Sleep(whileStale)
		requireKnown(t, cache, "known")
		time.Sleep(5 * time.Minute)
		requireKnown(t, cache, "known")
		requireKnown(t, cache, "known")
		assert.Equal(t, []time.Duration{3 * time.Second, 500 * time.Millisecond}, w.took)
	})
}

func TestOnWaitIsNotToldOfOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w waits
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, w.use) // Refresh
		requireKnown(t, cache, "known")
		time.Sleep(whileRevalidating)
		requireKnown(t, cache, "known") // a refresh runs behind it
		cache.Block("blocked")
		requireUnknown(t, cache, "blocked")
		time.Sleep(whileExhausted)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, cache.Run(ctx))
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(whileExhausted)
		require.Error(t, cache.Refresh(t.Context()))
		requireUnavailable(t, cache, "known") // the backoff is not over
		assert.Zero(t, w.begun)
	})
}

// A function that returns nil has seen the beginning, and does not want the end.
func TestOnWaitCanReturnNil(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer, calls := newIssuer(), 0
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
		cache := newCache(t, issuer, func(c *jwks.Config) {
			c.OnWait = func(context.Context) func(error) { calls++; return nil }
		})
		requireKnown(t, cache, "known")
		assert.Equal(t, 1, calls)
	})
}

// The wait is bounded by the beginning of the request, whatever time the function takes.
func TestOnWaitThatIsSlowDoesNotProlongTheWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		cache := newCache(t, issuer, atURL(issuer), func(c *jwks.Config) {
			c.OnWait = func(context.Context) func(error) { time.Sleep(2 * time.Second); return nil }
		})
		assert.Equal(t, 3*time.Second, took(func() { requireUnavailable(t, cache, "known") }))
	})
}

// The panic is one of the request, as any other of its handler. It holds no lock, the fetch goes
// on, and the cache serves the next request.
func TestA15PanicOfOnWaitIsOneOfTheRequest(t *testing.T) {
	for name, onWait := range map[string]func(context.Context) func(error){
		"at the beginning": func(context.Context) func(error) { panic("no trace") },
		"at the end":       func(context.Context) func(error) { return func(error) { panic("no trace") } },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
				cache := newCache(t, issuer, func(c *jwks.Config) { c.OnWait = onWait })
				assert.PanicsWithValue(t, "no trace", func() { _, _ = cache.Keys(t.Context(), alg, "known") })
				time.Sleep(2 * time.Second) // until the fetch has ended
				requireKnown(t, cache, "known")
				assert.PanicsWithValue(t, "no trace", func() { _, _ = cache.Keys(t.Context(), alg, "junk") })
				time.Sleep(2 * time.Second) // until the fetch has ended
				require.NoError(t, cache.Refresh(t.Context()))
				cache.Block("other")
				assert.Equal(t, uint64(3), cache.Status().Fetches)
				assert.Zero(t, cache.Status().FailedFetches)
			})
		})
	}
}
