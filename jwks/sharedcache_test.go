package jwks_test

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
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
)

// A sharedCache is an HTTP cache between the caches of a fleet and the issuer. It keeps each
// answer for as long as its max-age says, obeys the directives of requests, and sends Age (RFC 9111
// sections 4.2 and 5.2.1).
type sharedCache struct {
	next http.RoundTripper

	mu      sync.Mutex
	answers map[string]storedAnswer
}

type storedAnswer struct {
	at     time.Time
	header http.Header
	body   []byte
}

func behindSharedCache(issuer *jwkstest.Issuer) func(*jwks.Config) {
	shared := &sharedCache{next: issuer.Client().Transport, answers: make(map[string]storedAnswer)}
	return func(c *jwks.Config) { c.Client = &http.Client{Transport: shared} }
}

func (s *sharedCache) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, found := s.answers[r.URL.String()]
	if age := time.Since(stored.at); found && s.mayServe(r, stored, age) {
		header := stored.header.Clone()
		header.Set("Age", strconv.Itoa(int(age/time.Second)))
		return answerOf(r, header, stored.body), nil
	}
	res, err := s.next.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusOK {
		return res, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	_ = res.Body.Close()
	s.answers[r.URL.String()] = storedAnswer{time.Now(), res.Header, body}
	return answerOf(r, res.Header, body), nil
}

func (s *sharedCache) mayServe(r *http.Request, stored storedAnswer, age time.Duration) bool {
	directive := r.Header.Get("Cache-Control")
	if directive == "no-cache" {
		return false
	}
	limit := maxAgeOf(stored.header.Get("Cache-Control"))
	if strings.HasPrefix(directive, "max-age=") {
		limit = min(limit, maxAgeOf(directive))
	}
	return age <= limit
}

func maxAgeOf(directive string) time.Duration {
	_, seconds, _ := strings.Cut(directive, "max-age=")
	n, _ := strconv.Atoi(seconds)
	return time.Duration(n) * time.Second
}

func answerOf(r *http.Request, header http.Header, body []byte) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Header: header, Request: r,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// refusedAfter asks for a removed key at an interval, and returns when it is refused for the first
// time.
func refusedAfter(t *testing.T, cache *jwks.Cache, kid string, interval, most time.Duration) time.Duration {
	t.Helper()
	removed := time.Now()
	for {
		time.Sleep(interval)
		if _, err := cache.Keys(t.Context(), alg, kid); err != nil {
			require.ErrorIs(t, err, claims.ErrUnknownKey)
			return time.Since(removed)
		}
		require.Less(t, time.Since(removed), most)
	}
}

func TestA6SharedCacheDoesNotHideARemoval(t *testing.T) {
	for name, tt := range map[string]struct {
		maxAge         string
		interval, most time.Duration
	}{
		"a day, busy":     {"86400", time.Second, time.Hour + time.Minute},
		"a day, rare":     {"86400", 20 * time.Minute, 105 * time.Minute},
		"a day, idle":     {"86400", 2 * time.Hour, 2 * time.Hour},
		"an hour, busy":   {"3600", time.Second, time.Hour + time.Minute},
		"5 minutes, busy": {"300", time.Second, 6 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Publish(namedKey("other"))
				issuer.SetCaching(jwkstest.Caching{CacheControl: "public, max-age=" + tt.maxAge})
				cache := newWarmCache(t, issuer, behindSharedCache(issuer))
				issuer.Retire("known")
				assert.LessOrEqual(t, refusedAfter(t, cache, "known", tt.interval, 48*time.Hour), tt.most)
				assert.Zero(t, cache.Status().FailedFetches)
				requireKnown(t, cache, "other")
			})
		})
	}
}

// The fleet asks the issuer through one cache, which answers for at most 10 s from its store.
func TestA6FleetBehindASharedCacheAsksTheIssuerOncePerTenSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{CacheControl: "public, max-age=86400"})
		through := behindSharedCache(issuer)
		count := counter(issuer)
		for range 100 {
			requireKnown(t, newCache(t, issuer, through), "known")
			time.Sleep(time.Second)
		}
		assert.LessOrEqual(t, count().keys, 10)
	})
}

// After an outage the fetch that succeeds can be one without Cache-Control. The next ones begin
// without it too, and must not take an old copy.
func TestA6SharedCacheDoesNotHideARemovalAfterAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Publish(namedKey("other"))
		issuer.SetCaching(jwkstest.Caching{CacheControl: "public, max-age=60"})
		var requests recorder
		cache := newWarmCache(t, issuer, behindSharedCache(issuer), func(c *jwks.Config) { c.Client = requests.client(c.Client) })
		issuer.SetCaching(jwkstest.Caching{CacheControl: "public, max-age=86400"})
		issuer.FailNext(2*3, jwkstest.JWKS, respond(http.StatusServiceUnavailable, ""))
		for time.Sleep(whileStale); cache.Status().LastError != nil || cache.Status().Fetches < 4; time.Sleep(time.Second) {
			requireKnown(t, cache, "known")
		}
		require.Empty(t, requests.last().Header.Get("Cache-Control"))
		require.Equal(t, uint64(2), cache.Status().FailedFetches)

		issuer.Retire("known")
		assert.LessOrEqual(t, refusedAfter(t, cache, "known", time.Minute, 48*time.Hour), 62*time.Minute)
		assert.Equal(t, uint64(2), cache.Status().FailedFetches, "asked again in the same fetch")
		var controls []string
		for _, r := range requests.all() {
			controls = append(controls, r.Header.Get("Cache-Control"))
		}
		assert.Equal(t, []string{"", "", "max-age=10", "no-cache"}, controls[len(controls)-4:],
			"the recovery, the old copy, the issuer's answer, and the forced fetch for the removed key")
	})
}

// After two failures a forced fetch goes without Cache-Control. A copy of an HTTP cache, however
// young, says nothing about a key that was published since.
func TestA6SharedCacheDoesNotHideANewKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{CacheControl: "public, max-age=86400"})
		cache := newWarmCache(t, issuer, behindSharedCache(issuer))
		time.Sleep(5 * time.Second)
		issuer.Publish(newKey)
		issuer.FailNext(2, jwkstest.JWKS, respond(http.StatusServiceUnavailable, ""))
		requireUnavailable(t, cache, newKey.ID)
		requireUnavailable(t, cache, newKey.ID)
		assert.Equal(t, 1, keySetRequests(issuer, func() { requireKnown(t, cache, newKey.ID) }))
	})
}

// A firewall refuses the Cache-Control, and the shared cache behind it has an old copy. That copy
// proves nothing: it must not renew the set.
func TestA6OldCopyDoesNotRenewASet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{CacheControl: "public, max-age=86400"})
		cache := newWarmCache(t, issuer, behindSharedCache(issuer), func(c *jwks.Config) {
			through := c.Client.Transport
			c.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Header.Get("Cache-Control") == "" {
					return through.RoundTrip(r)
				}
				return &http.Response{StatusCode: http.StatusForbidden, Body: http.NoBody, Request: r}, nil
			})}
		})
		start := time.Now()
		time.Sleep(whileStale)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.ErrorContains(t, cache.Status().LastError, "an HTTP cache answered with an old copy")
		assert.Equal(t, start, cache.Status().LastSuccess)

		time.Sleep(time.Until(start.Add(23*time.Hour + 59*time.Minute)))
		requireKnown(t, cache, "known")
		time.Sleep(2 * time.Minute)
		requireKnown(t, cache, "known") // the copy is a day old now, and is fetched anew
		assertState(t, jwks.StateFresh, cache)
	})
}

// constantValidator answers every conditional request with 304, whatever has changed.
func constantValidator(validator, condition, value string) jwkstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set(validator, value)
		if r.Header.Get(condition) != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		next.ServeHTTP(w, r)
	}
}

func TestA7ConstantValidatorDoesNotHideARemoval(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"ETag":          constantValidator("ETag", "If-None-Match", `"v1"`),
		"weak ETag":     constantValidator("ETag", "If-None-Match", `W/"v1"`),
		"Last-Modified": constantValidator("Last-Modified", "If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
	} {
		for traffic, tt := range map[string]struct{ interval, most time.Duration }{
			"busy": {time.Minute, 61 * time.Minute},
			"rare": {20 * time.Minute, 105 * time.Minute}, // confirmed after 45 minutes at the latest
			"idle": {12 * time.Hour, 12 * time.Hour},
		} {
			t.Run(name+", "+traffic, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					time.Sleep(time.Hour) // Last-Modified is in the past
					issuer := newIssuer()
					issuer.Publish(namedKey("other"))
					issuer.Fail(jwkstest.JWKS, fault)
					var requests recorder
					cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.Client = requests.client(c.Client) })
					issuer.Retire("known")
					assert.LessOrEqual(t, refusedAfter(t, cache, "known", tt.interval, 14*24*time.Hour), tt.most)
					requireKnown(t, cache, "other")
					if traffic == "busy" {
						conditional := 0
						for _, r := range requests.all() {
							if r.Header.Get("If-None-Match")+r.Header.Get("If-Modified-Since") != "" {
								conditional++
							}
						}
						assert.InDelta(t, 3, conditional, 1, "the conditional requests in that hour")
					}
				})
			})
		}
	}
}

// A 304 proves nothing about a key that the cache does not know.
func TestA7ConstantValidatorDoesNotHideANewKey(t *testing.T) {
	for name, age := range map[string]time.Duration{
		"fresh": time.Minute, "revalidating": whileRevalidating, "stale": whileStale, "exhausted": whileExhausted,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.JWKS, constantValidator("ETag", "If-None-Match", `"v1"`))
				cache := newWarmCache(t, issuer)
				time.Sleep(age)
				requireKnown(t, cache, "known") // a fetch of a set that is due is confirmed by 304
				issuer.Publish(newKey)
				requireKnown(t, cache, newKey.ID)
			})
		})
	}
}

// The 45 minutes go down with RefreshAfter.
func TestA7ConstantValidatorAndAShortRefreshAfter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Publish(namedKey("other"))
		issuer.Fail(jwkstest.JWKS, constantValidator("ETag", "If-None-Match", `"v1"`))
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.RefreshAfter = 3 * time.Second })
		issuer.Retire("known")
		assert.LessOrEqual(t, refusedAfter(t, cache, "known", 100*time.Millisecond, time.Hour), 12200*time.Millisecond)
	})
}

// A request for a new kid joins a refresh that a 304 ends. The 304 proves nothing about the kid,
// so one forced fetch follows.
func TestA7ConstantValidatorDoesNotHideANewKid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, constantValidator("ETag", "If-None-Match", `"v1"`))
		cache := newWarmCache(t, issuer)
		time.Sleep(whileRevalidating)
		issuer.Publish(namedKey("new"))
		requireKnown(t, cache, "known") // starts the refresh
		requireKnown(t, cache, "new")
		assert.Equal(t, uint64(1), cache.Status().ForcedFetches)
	})
}
