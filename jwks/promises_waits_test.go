package jwks_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
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

func TestP4PublishedKidIsAcceptedOnItsFirstUse(t *testing.T) {
	for name, age := range map[string]time.Duration{
		"fresh": time.Minute, "revalidating": whileRevalidating, "stale": whileStale, "exhausted": whileExhausted,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
				time.Sleep(age)
				issuer.Publish(namedKey("added"))

				assert.Equal(t, 1, keySetRequests(issuer, func() {
					concurrently(64, func(int) { requireKnown(t, cache, "added") })
				}))
			})
		})
	}
}

func TestP4WaitersOfAnOlderFetchForceOneMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		// The answer is the set as it was when the fetch began.
		old := jwkstest.Respond(http.StatusOK, nil, string(issuer.Document()))
		issuer.FailNext(1, jwkstest.JWKS, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			jwkstest.Delay(time.Second)(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				old(w, r, next)
			}))
		})
		time.Sleep(whileRevalidating)
		requireKnown(t, cache, "known") // starts that fetch
		time.Sleep(500 * time.Millisecond)
		issuer.Publish(namedKey("added"))

		assert.Equal(t, 1, keySetRequests(issuer, func() {
			assert.Equal(t, 500*time.Millisecond, took(func() {
				concurrently(64, func(int) { requireKnown(t, cache, "added") })
			}))
		}), "one more, for all of them")
	})
}

func TestP4KeyPublishedAfterItsFirstTokenIsFound(t *testing.T) {
	for name, lag := range map[string]time.Duration{"by 2 s": 2 * time.Second, "by 30 s": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				start := time.Now()
				time.AfterFunc(lag, func() { issuer.Publish(namedKey("late")) })
				for {
					_, err := cache.Keys(t.Context(), alg, "late")
					if err == nil {
						break
					}
					require.ErrorIs(t, err, claims.ErrUnknownKey)
					time.Sleep(time.Second)
				}
				assert.LessOrEqual(t, time.Since(start), lag+10*time.Second)
			})
		})
	}
}

// All requests are for the removed key, as those of a Verifier that remembers tokens are.
func TestP5RemovedKeyIsRefusedWithinFreshnessAndWindow(t *testing.T) {
	for name, interval := range map[string]time.Duration{
		"busy": time.Second, "rare": 20 * time.Minute, "one after an hour": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Publish(namedKey("other"))
				cache := newWarmCache(t, issuer)
				requireKnown(t, cache, "known")
				issuer.Retire("known")
				removed := time.Now()
				for {
					time.Sleep(interval)
					if _, err := cache.Keys(t.Context(), alg, "known"); err != nil {
						require.ErrorIs(t, err, claims.ErrUnknownKey)
						break
					}
				}
				assert.LessOrEqual(t, time.Since(removed), time.Hour)
				requireKnown(t, cache, "other")
			})
		})
	}
}

func TestP5BlockTakesEffectAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Publish(namedKey("other"))
		cache := newWarmCache(t, issuer)
		requireKnown(t, cache, "known")
		cache.Block("known")
		assert.Zero(t, keySetRequests(issuer, func() {
			requireUnknown(t, cache, "known")
			keys, err := cache.Keys(t.Context(), alg, "")
			require.NoError(t, err)
			assert.Equal(t, []claims.Key{requireKnown(t, cache, "other")}, keys)
		}))
	})
}

func TestP6ConstructionMakesNoRequestAndStartsNoGoroutine(t *testing.T) {
	issuer := newIssuer()
	before := runtime.NumGoroutine()
	for range 100 {
		newCache(t, issuer, func(c *jwks.Config) { c.Seed = issuer.Document() })
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before) // goroutines of earlier tests can end meanwhile
	assert.Zero(t, issuer.Count(jwkstest.JWKS)+issuer.Count(jwkstest.Discovery))
}

// A bubble ends only when all its goroutines have ended. A timer that is not stopped would delay
// that end.
func TestP6NoGoroutineOutlivesItsFetch(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"good": jwkstest.Delay(0), "hangs": jwkstest.Hang(), "stalls": jwkstest.Stall(), "endless": jwkstest.Pad(-1),
		"503": jwkstest.Respond(http.StatusServiceUnavailable, nil, "x"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, fault)
				before := goroutinesInBubbles()
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				for range 3 {
					_, _ = cache.Keys(ctx, alg, "known")
					_ = cache.Ready(ctx)
				}
				if name == "hangs" {
					synctest.Wait()
					assert.Greater(t, goroutinesInBubbles(), before)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				assert.Equal(t, before, goroutinesInBubbles())
			})
		})
	}
}

// goroutinesInBubbles counts the goroutines that belong to a bubble: the runtime names the bubble
// in the first line of each stack.
func goroutinesInBubbles() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	n := 0
	for line := range strings.SplitSeq(string(stacks), "\n") {
		if strings.HasPrefix(line, "goroutine ") && strings.Contains(line, "synctest bubble") {
			n++
		}
	}
	return n
}

func TestP7WaiterLeavesWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
		cache := newCache(t, issuer)
		cause := errors.New("client has gone")
		var served atomic.Int64
		concurrently(100, func(i int) {
			if i%2 == 0 {
				requireKnown(t, cache, "known")
				served.Add(1)
				return
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
			defer cancel()
			assert.Equal(t, time.Second, took(func() {
				keys, err := cache.Keys(ctx, alg, "known")
				failure := unavailable(t, keys, err)
				assert.ErrorIs(t, failure, context.DeadlineExceeded)
			}))
		})
		assert.Equal(t, int64(50), served.Load())
		assert.Equal(t, 1, issuer.Count(jwkstest.JWKS))
	})
}

func TestP7CancelledRequestDoesNotCancelTheFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
		cache := newCache(t, issuer)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		keys, err := cache.Keys(ctx, alg, "known")
		require.ErrorIs(t, unavailable(t, keys, err), context.Canceled)

		time.Sleep(2 * time.Second)
		synctest.Wait()
		assertState(t, jwks.StateFresh, cache)
		assert.Zero(t, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
	})
}

func TestP7NoRequestWaitsLongerThanThreeSeconds(t *testing.T) {
	for name, age := range map[string]time.Duration{
		"fresh": time.Minute, "revalidating": whileRevalidating, "stale": whileStale, "exhausted": whileExhausted,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
				time.Sleep(age)
				for range 10 {
					assert.LessOrEqual(t, took(func() { _, _ = cache.Keys(t.Context(), alg, "junk") }), 3*time.Second)
				}
			})
		})
	}
}
