package jwks_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// moveAway moves the key set and puts a fault at its old address.
func moveAway(issuer *jwkstest.Issuer, fault jwkstest.Fault) {
	issuer.MoveJWKS(issuer.URL() + "moved/jwks.json")
	issuer.Fail(jwkstest.JWKS, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.Path, "moved") {
			next.ServeHTTP(w, r)
			return
		}
		fault(w, r, next)
	})
}

// acceptedAfter asks for one key, and no other, once a second until the cache has it. It returns
// how long that took.
func acceptedAfter(t *testing.T, cache *jwks.Cache, kid string, most time.Duration) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		if _, err := cache.Keys(t.Context(), alg, kid); err == nil {
			return time.Since(start)
		}
		require.Less(t, time.Since(start), most)
		time.Sleep(time.Second)
	}
}

func TestGoneKeySetIsSearchedForAtOnce(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				moveAway(issuer, jwkstest.Respond(status, nil, ""))
				kid := issuer.Rotate().ID
				assert.Equal(t, time.Second, acceptedAfter(t, cache, kid, 15*time.Second), "with the second request")
				assertState(t, jwks.StateFresh, cache)
				assert.Equal(t, uint64(1), cache.Status().ForcedFetches)
			})
		})
	}
}

// The issuer removes the old address before discovery names the new one.
func TestGoneKeySetIsSearchedForAgainAfterBackoff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusNotFound, nil, ""))
		kid := issuer.Rotate().ID
		time.AfterFunc(5*time.Second, func() { moveAway(issuer, jwkstest.Respond(http.StatusNotFound, nil, "")) })
		acceptedAfter(t, cache, kid, time.Minute)
	})
}

func TestGoneKeySetIsSearchedForInAFlood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		stop := time.Now().Add(time.Minute)
		concurrently(65, func(client int) {
			if client == 0 {
				time.Sleep(30 * time.Second) // no forced fetch is left
				moveAway(issuer, jwkstest.Respond(http.StatusNotFound, nil, ""))
				acceptedAfter(t, cache, issuer.Rotate().ID, 15*time.Second)
				return
			}
			for i := client; time.Now().Before(stop); i += 64 {
				_, err := cache.Keys(t.Context(), alg, strconv.Itoa(i))
				require.Error(t, err)
				time.Sleep(time.Second)
			}
		})
	})
}

// A flood causes its forced fetches, and scheduled fetches after those that fail. Backoff limits
// the scheduled ones if discovery does not help. If discovery helps, there is at most one for
// each forced fetch.
func TestFloodWhileTheKeySetIsGoneStaysWithinItsBounds(t *testing.T) {
	const length = 20 * time.Minute
	forced := bucketBound(length)
	for name, tt := range map[string]struct {
		fault     jwkstest.Fault
		scheduled int
	}{
		"404 to all":            {jwkstest.Respond(http.StatusNotFound, nil, ""), 40},
		"404 to forced fetches": {refuseNoCache(http.StatusNotFound), forced},
		"403 to all":            {jwkstest.Respond(http.StatusForbidden, nil, ""), 40},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, tt.fault)
				discovery, start := issuer.Count(jwkstest.Discovery), time.Now()
				n := keySetRequests(issuer, func() {
					concurrently(8, func(client int) {
						for i := client; time.Since(start) < length; i += 8 {
							_, err := cache.Keys(t.Context(), alg, strconv.Itoa(i))
							require.Error(t, err)
							assert.Zero(t, took(func() { requireKnown(t, cache, "known") }))
							time.Sleep(250 * time.Millisecond)
						}
					})
				})
				assert.LessOrEqual(t, n, forced+tt.scheduled)
				assert.LessOrEqual(t, issuer.Count(jwkstest.Discovery)-discovery, tt.scheduled)
				assert.LessOrEqual(t, cache.Status().ForcedFetches, uint64(forced))
			})
		})
	}
}

// refuseNoCache is a firewall that refuses every request with a Cache-Control header.
func refuseNoCache(status int) jwkstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Header.Get("Cache-Control") == "" {
			next.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(status)
	}
}

// The address was configured, so discovery cannot help.
func TestGoneKeySetAtAConfiguredURLStaysFresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, atURL(issuer))
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusNotFound, nil, ""))
		time.Sleep(time.Minute)
		assert.Equal(t, 1, keySetRequests(issuer, func() { requireUnavailable(t, cache, "junk") }))
		assertState(t, jwks.StateFresh, cache)
		assert.Zero(t, issuer.Count(jwkstest.Discovery))
	})
}

// No request asks for a known key, and no forced fetch succeeds.
func TestRequestsForUnknownKeysStartTheDueRefresh(t *testing.T) {
	for name, tt := range map[string]struct {
		begin func(*jwkstest.Issuer)
		most  time.Duration
	}{
		"no-cache is forbidden": {
			func(i *jwkstest.Issuer) { i.Fail(jwkstest.JWKS, refuseNoCache(http.StatusForbidden)) }, 2 * time.Second,
		},
		"moved, and the old address is forbidden": {
			func(i *jwkstest.Issuer) { moveAway(i, jwkstest.Respond(http.StatusForbidden, nil, "")) }, 2 * time.Second,
		},
		"moved, and the old address hangs": { // until the bucket is empty
			func(i *jwkstest.Issuer) { moveAway(i, jwkstest.Hang()) }, time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				tt.begin(issuer)
				kid := issuer.Rotate().ID
				time.Sleep(whileRevalidating)
				acceptedAfter(t, cache, kid, tt.most)
				assertState(t, jwks.StateFresh, cache)
			})
		})
	}
}
