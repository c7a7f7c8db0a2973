package jwks_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestColdWaitersShareOneFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		assertState(t, jwks.StateCold, cache)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))

		assert.Equal(t, 1, keySetRequests(issuer, func() {
			assert.Equal(t, 2*time.Second, took(func() {
				concurrently(100, func(int) { requireKnown(t, cache, "known") })
			}))
		}))
		assert.Equal(t, 1, issuer.Count(jwkstest.Discovery))
		assertState(t, jwks.StateFresh, cache)
	})
}

func TestColdWaiterWaitsAtMostThreeSecondsForASlowIssuer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(4*time.Second))

		assert.Equal(t, 3*time.Second, took(func() {
			failure := requireUnavailable(t, cache, "known")
			assert.Equal(t, 3*time.Second, failure.RetryAfter, "the rest of the fetch, and the shortest backoff")
		}))
		assert.Zero(t, keySetRequests(issuer, func() {
			assert.Equal(t, time.Second, took(func() { requireKnown(t, cache, "known") }))
		}), "the fetch goes on")
	})
}

func TestColdRequestInBackoffIsToldAtOnceWhenTheNextFetchIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		requireUnavailable(t, cache, "known")

		for range 20 {
			var failure *claims.UnavailableError
			before := issuer.Count(jwkstest.Discovery)
			assert.Zero(t, took(func() {
				concurrently(10, func(int) { requireUnavailable(t, cache, "known") })
				failure = requireUnavailable(t, cache, "known")
			}))
			assert.Equal(t, before, issuer.Count(jwkstest.Discovery), "no fetch during backoff")
			assert.LessOrEqual(t, failure.RetryAfter, 5*time.Second)
			assert.ErrorContains(t, failure, "connection refused")

			time.Sleep(failure.RetryAfter)
			requireUnavailable(t, cache, "known")
			assert.Greater(t, issuer.Count(jwkstest.Discovery), before, "a fetch at the announced time")
		}
		issuer.Recover()
		time.Sleep(5 * time.Second)
		requireKnown(t, cache, "known")
	})
}

func TestBackoffGrowsToFiveMinutesWhileTheSetServes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(whileRevalidating)

		began := time.Now()
		var gaps []time.Duration
		last := cache.Status().Fetches
		lastAt := time.Now()
		for time.Since(began) < 6*time.Hour {
			requireKnown(t, cache, "known")
			if n := cache.Status().Fetches; n != last {
				gaps, last, lastAt = append(gaps, time.Since(lastAt)), n, time.Now()
			}
			time.Sleep(time.Second)
		}
		for _, gap := range gaps[1:] {
			assert.GreaterOrEqual(t, gap, time.Second)
			assert.LessOrEqual(t, gap, 5*time.Minute+5*time.Second)
		}
		assert.Greater(t, len(gaps), 6*60/5, "at most five minutes apart")
		assert.Less(t, len(gaps), 400, "with full jitter, half of that on average")

		issuer.Recover()
		requireKnown(t, cache, "known")
		time.Sleep(5 * time.Minute)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assertState(t, jwks.StateFresh, cache)

		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusForbidden, nil, ""))
		time.Sleep(whileRevalidating)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.LessOrEqual(t, time.Until(cache.Status().NextRefresh), 2*time.Second, "backoff starts again at its minimum")
	})
}

func TestStaleWaitersShareOneRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Publish(namedKey("other"))
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
		issuer.Retire("known")
		time.Sleep(whileStale)
		assertState(t, jwks.StateStale, cache)

		assert.Equal(t, 1, keySetRequests(issuer, func() {
			assert.Equal(t, 2*time.Second, took(func() {
				concurrently(100, func(int) { requireUnknown(t, cache, "known") })
			}), "no waiter gets the old set")
		}))
	})
}

func TestStaleSetIsServedOnceTheRefreshTakesThreeSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		time.Sleep(whileStale)

		concurrently(2, func(i int) {
			late := time.Duration(i) * 2 * time.Second
			time.Sleep(late)
			assert.Equal(t, 3*time.Second-late, took(func() { requireKnown(t, cache, "known") }),
				"the 3 s count from the start of the refresh")
		})
		assert.Zero(t, took(func() { requireKnown(t, cache, "known") }))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Error(t, cache.Status().LastError)
		assert.Zero(t, took(func() { requireKnown(t, cache, "known") }), "the latest fetch failed")
	})
}

func TestStaleWaiterLeavesWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		time.Sleep(whileStale)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		keys, err := cache.Keys(ctx, alg, "known")
		assert.ErrorIs(t, unavailable(t, keys, err), context.DeadlineExceeded)
	})
}

func TestExhaustedSetIsNotServed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(whileExhausted)
		assertState(t, jwks.StateExhausted, cache)
		requireUnavailable(t, cache, "known")
		assert.Zero(t, took(func() { requireUnavailable(t, cache, "known") }), "in backoff")

		issuer.Recover()
		time.Sleep(5 * time.Second)
		requireKnown(t, cache, "known")
	})
}

// The backoff of about five minutes was chosen while the set could still be used. Without a usable
// set, Retry-After counts for a minute, with a fifth of jitter.
func TestBackoffShortensWhenTheSetIsExhausted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusTooManyRequests, http.Header{"Retry-After": {"300"}}, ""))
		start := time.Now()
		time.Sleep(whileExhausted - time.Minute)
		require.Error(t, cache.Refresh(t.Context()))
		failed := time.Now()
		assert.GreaterOrEqual(t, cache.Status().NextRefresh.Sub(failed), 250*time.Second)
		assert.LessOrEqual(t, cache.Status().NextRefresh.Sub(failed), 5*time.Minute)
		time.Sleep(time.Until(start.Add(whileExhausted)))
		assert.GreaterOrEqual(t, cache.Status().NextRefresh.Sub(failed), time.Minute)
		assert.LessOrEqual(t, cache.Status().NextRefresh.Sub(failed), 72*time.Second)
		issuer.Recover()
		time.Sleep(time.Until(cache.Status().NextRefresh))
		requireKnown(t, cache, "known")
	})
}

func TestSetWithoutAUsableKeyDoesNotReplaceAGoodOne(t *testing.T) {
	for name, body := range map[string]string{
		"empty list":    `{"keys":[]}`,
		"no list":       `{}`,
		"unusable only": `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"shared"},{"kty":"XMSS","kid":"quantum"}]}`,
		"not an object": `[]`,
		"HTML":          `<html><body>secret page</body></html>`,
		"empty body":    ``,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusOK, nil, body))
				err := cache.Refresh(t.Context())
				require.ErrorIs(t, err, claims.ErrKeysUnavailable)
				assert.NotContains(t, err.Error(), "secret page")
				if name == "unusable only" {
					assert.ErrorContains(t, err, `kid "shared": a symmetric key; kid "quantum": unsupported kty`)
				}
				requireKnown(t, cache, "known")
				assert.Equal(t, []string{"known"}, cache.Status().KeyIDs)
			})
		})
	}
}

// A RoundTripper that ignores its context must not stop later fetches, and its late answer
// must not replace a newer one.
func TestLateOutcomeNeverReplacesANewerOne(t *testing.T) {
	for name, during := range map[string]bool{"after the newer fetch": false, "during the newer fetch": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				release := make(chan struct{})
				cache := newCache(t, issuer, atURL(issuer), func(c *jwks.Config) {
					c.Client = &http.Client{Transport: stuckOnce(issuer, release)}
				})
				requireUnavailable(t, cache, "known") // its answer, with only this key, is held back
				time.Sleep(4 * time.Second)
				assert.ErrorContains(t, cache.Status().LastError, "ignores its context")

				issuer.Publish(namedKey("added"))
				issuer.Retire("known")
				issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
				time.Sleep(10 * time.Second)
				if during {
					time.AfterFunc(500*time.Millisecond, func() { close(release) })
				}
				assert.Equal(t, time.Second, took(func() { requireKnown(t, cache, "added") }))
				if !during {
					close(release)
				}
				synctest.Wait()
				assert.Equal(t, []string{"added"}, cache.Status().KeyIDs)
				assert.Equal(t, uint64(2), cache.Status().Fetches)
				requireKnown(t, cache, "added")
			})
		})
	}
}

// stuckOnce gets the first answer at once, and returns it when release is closed.
func stuckOnce(issuer *jwkstest.Issuer, release <-chan struct{}) roundTrip {
	var once sync.Once
	return func(r *http.Request) (*http.Response, error) {
		first := false
		once.Do(func() { first = true })
		if !first {
			return issuer.Client().Transport.RoundTrip(r)
		}
		res, err := issuer.Client().Transport.RoundTrip(r.WithContext(context.Background()))
		<-release
		return res, err
	}
}
