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
		"refused":            jwkstest.Refuse(),
		"reset":              jwkstest.Reset(),
		"503":                jwkstest.Respond(http.StatusServiceUnavailable, nil, ""),
		"429":                jwkstest.Respond(http.StatusTooManyRequests, nil, ""),
		"429, Retry-After 1": limited("1"),
		"408":                jwkstest.Respond(http.StatusRequestTimeout, nil, ""),
		"403":                jwkstest.Respond(http.StatusForbidden, nil, ""),
		"not a key set":      jwkstest.Respond(http.StatusOK, nil, "{}"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, fault)
				discovery := issuer.Count(jwkstest.Discovery)

				for n := range 3 {
					assert.Equal(t, 1, keySetRequests(issuer, func() { requireUnavailable(t, cache, "junk") }), n)
					if name == "429, Retry-After 1" {
						assert.Zero(t, keySetRequests(issuer, func() { requireUnavailable(t, cache, "junk") }), "a pause")
						time.Sleep(time.Second)
					}
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
// bounds the stuck goroutines. The issuer of a fetch that gets no slot has not failed.
func TestP2FetchWithoutASlotEndsAfterThirtySecondsAndIsNoFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		stuck := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Minute)
			return nil, errors.New("at last")
		})}
		limit := jwks.NewFetchLimit(1)
		first := newCache(t, issuer, func(c *jwks.Config) { c.Client, c.FetchLimit = stuck, limit })
		var log eventLog
		second := newCache(t, issuer, withLog(&log), func(c *jwks.Config) { c.FetchLimit = limit })
		requireUnavailable(t, first, "known")

		assert.Equal(t, 30*time.Second, took(func() {
			assert.ErrorContains(t, second.Refresh(t.Context()), "too many other fetches under way")
		}))
		assert.Equal(t, 3*time.Second, took(func() { requireUnavailable(t, second, "known") }), "no backoff")
		status := second.Status()
		assert.Zero(t, status.FailedFetches)
		assert.NoError(t, status.LastError)
		assert.Zero(t, status.LastAttempt)
		assert.Empty(t, log.take())
		time.Sleep(27 * time.Second) // the first fetch ends meanwhile
		requireKnown(t, second, "known")
	})
}
