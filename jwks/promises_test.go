package jwks_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestP1NoRequestWaitsWhileTheSetIsFreshOrRevalidating(t *testing.T) {
	for name, age := range map[string]time.Duration{
		"fresh":                        0,
		"still fresh":                  13 * time.Minute,
		"revalidating":                 whileRevalidating,
		"at the end of the window":     58 * time.Minute,
		"revalidating after a failure": 0,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				if name == "revalidating after a failure" {
					issuer.FailNext(3, jwkstest.JWKS, jwkstest.Refuse())
					time.Sleep(whileRevalidating)
					requireKnown(t, cache, "known")
					time.Sleep(10 * time.Second)
				}
				issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
				issuer.Fail(jwkstest.Discovery, jwkstest.Hang())
				time.Sleep(age)

				// Two rounds: the second one finds the fetch of the first under way.
				for range 2 {
					assert.Zero(t, took(func() {
						concurrently(100, func(int) { requireKnown(t, cache, "known") })
					}))
					synctest.Wait()
				}
			})
		})
	}
}

func TestP1ManyRequestsShareOneBackgroundRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
		time.Sleep(whileRevalidating)

		assert.Equal(t, 1, keySetRequests(issuer, func() {
			for range 10 {
				concurrently(100, func(int) { requireKnown(t, cache, "known") })
				time.Sleep(100 * time.Millisecond)
			}
		}))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assertState(t, jwks.StateFresh, cache)
	})
}

func TestP2UnknownKidsShareOneForcedFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		var requests recorder
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.Client = requests.client(issuer.Client()) })
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
		discovery := issuer.Count(jwkstest.Discovery)

		assert.Equal(t, 1, keySetRequests(issuer, func() {
			concurrently(1000, func(i int) { requireUnknown(t, cache, strconv.Itoa(i)) })
		}))
		assert.Equal(t, discovery, issuer.Count(jwkstest.Discovery))
		assert.Equal(t, "no-cache", requests.last().Header.Get("Cache-Control"))
	})
}

func TestP2UnknownKidsForceOneFetchAfterTheOneUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
		time.Sleep(whileRevalidating)

		assert.Equal(t, 2, keySetRequests(issuer, func() {
			requireKnown(t, cache, "known") // starts the one under way
			time.Sleep(100 * time.Millisecond)
			concurrently(1000, func(i int) { requireUnknown(t, cache, strconv.Itoa(i)) })
		}))
	})
}

func TestP2ForcedFetchIsOneRequest(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"refused":       jwkstest.Refuse(),
		"reset":         jwkstest.Reset(),
		"503":           jwkstest.Respond(http.StatusServiceUnavailable, nil, ""),
		"429":           jwkstest.Respond(http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}}, ""),
		"408":           jwkstest.Respond(http.StatusRequestTimeout, nil, ""),
		"403":           jwkstest.Respond(http.StatusForbidden, nil, ""),
		"not a key set": jwkstest.Respond(http.StatusOK, nil, "{}"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, fault)
				discovery := issuer.Count(jwkstest.Discovery)

				for n := range 3 {
					assert.Equal(t, 1, keySetRequests(issuer, func() { requireUnavailable(t, cache, "junk") }), n)
				}
				assert.Zero(t, keySetRequests(issuer, func() { requireUnavailable(t, cache, "junk") }), "failures count too")
				assert.Equal(t, discovery, issuer.Count(jwkstest.Discovery))
				requireKnown(t, cache, "known")
			})
		})
	}
}

func TestP2ForcedFetchesAreThreeAtOnceAndOnePerTenSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)

		assert.Equal(t, 3, keySetRequests(issuer, func() {
			for i := range 100 {
				requireUnknown(t, cache, strconv.Itoa(i))
			}
		}))
		assert.Equal(t, 6, keySetRequests(issuer, func() {
			for i := range 60 {
				time.Sleep(time.Second)
				requireUnknown(t, cache, strconv.Itoa(i))
			}
		}))
	})
}

func TestP2ForcedFetchIgnoresBackoff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(whileRevalidating)
		for range 50 { // far into the backoff
			requireKnown(t, cache, "known")
			time.Sleep(30 * time.Second)
		}
		issuer.Recover()
		added := namedKey("added")
		issuer.Publish(added)
		assert.Zero(t, took(func() { requireKnown(t, cache, "added") }))
	})
}

func TestP2FetchLimitBoundsTheFetchesUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		var underWay gauge
		slow := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			underWay.enter()
			defer underWay.leave()
			time.Sleep(time.Second)
			return issuer.Client().Transport.RoundTrip(r)
		})}
		limit := jwks.NewFetchLimit(16)
		caches := make([]*jwks.Cache, 32)
		for i := range caches {
			caches[i] = newCache(t, issuer, func(c *jwks.Config) {
				c.URL, c.Client, c.FetchLimit = issuer.JWKSURL(), slow, limit
			})
		}
		elapsed := took(func() {
			concurrently(len(caches), func(i int) { requireKnown(t, caches[i], "known") })
		})
		assert.Equal(t, int64(16), underWay.most.Load())
		assert.Equal(t, 2*time.Second, elapsed, "the second sixteen wait for a slot")
	})
}

// A RoundTripper that ignores its context keeps its slot until it returns, so that the limit also
// bounds the stuck goroutines.
func TestP2FetchWithoutASlotFailsAfterFiveSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		stuck := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Minute)
			return nil, errors.New("at last")
		})}
		limit := jwks.NewFetchLimit(1)
		first := newCache(t, issuer, func(c *jwks.Config) { c.Client, c.FetchLimit = stuck, limit })
		second := newCache(t, issuer, func(c *jwks.Config) { c.FetchLimit = limit })
		requireUnavailable(t, first, "known")

		assert.Equal(t, 5*time.Second, took(func() {
			assert.ErrorContains(t, second.Refresh(t.Context()), "too many other fetches under way")
		}))
		time.Sleep(time.Minute)
		requireKnown(t, second, "known")
	})
}

// Requests wait once, at the start of the outage.
func TestP3OutageAddsOneWaitAndNothingElse(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"refused": jwkstest.Refuse(),
		"hangs":   jwkstest.Hang(),
		"stalls":  jwkstest.Stall(),
		"503":     jwkstest.Respond(http.StatusServiceUnavailable, nil, ""),
		"HTML":    jwkstest.Respond(http.StatusOK, nil, "<html>maintenance</html>"),
		"no keys": jwkstest.Respond(http.StatusOK, nil, `{"keys":[]}`),
	} {
		for traffic, interval := range map[string]time.Duration{
			"busy": 2 * time.Minute, "rare": 10 * time.Minute, "after 2 idle hours": 2 * time.Hour,
		} {
			t.Run(name+", "+traffic, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					issuer := newIssuer()
					cache := newWarmCache(t, issuer)
					issuer.Fail(jwkstest.JWKS, fault)
					issuer.Fail(jwkstest.Discovery, fault)
					start := time.Now()
					var waited time.Duration
					for time.Since(start) < 24*time.Hour-interval-3*time.Second {
						time.Sleep(interval)
						waited += took(func() { requireKnown(t, cache, "known") })
					}
					assert.LessOrEqual(t, waited, 3*time.Second)
					time.Sleep(time.Until(start.Add(whileExhausted)))
					requireUnavailable(t, cache, "known")
					issuer.Recover()
					time.Sleep(15 * time.Second) // the rest of a fetch, and the longest backoff
					requireKnown(t, cache, "known")
				})
			})
		}
	}
}
