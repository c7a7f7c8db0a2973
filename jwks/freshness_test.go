package jwks_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestAgeCountsFromTheStartOfTheFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
		start := time.Now()
		cache := newWarmCache(t, issuer)
		assert.Equal(t, 2*time.Second, cache.Status().Age)
		assert.Equal(t, start, cache.Status().LastSuccess)
	})
}

func TestFreshnessFollowsCacheControl(t *testing.T) {
	for name, tt := range map[string]struct {
		caching         jwkstest.Caching
		fresh, notFresh time.Duration
	}{
		"no header":     {jwkstest.Caching{}, 13 * time.Minute, 16 * time.Minute},
		"an hour":       {jwkstest.Caching{CacheControl: "max-age=3600"}, 53 * time.Minute, 61 * time.Minute},
		"a year":        {jwkstest.Caching{CacheControl: "max-age=31536000"}, 53 * time.Minute, 61 * time.Minute},
		"zero":          {jwkstest.Caching{CacheControl: "max-age=0"}, 4 * time.Minute, 6 * time.Minute},
		"minus its Age": {jwkstest.Caching{CacheControl: "max-age=3600", Age: "1800"}, 26 * time.Minute, 31 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.SetCaching(tt.caching)
				cache := newWarmCache(t, issuer)
				time.Sleep(tt.fresh)
				assertState(t, jwks.StateFresh, cache)
				assert.Zero(t, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
				time.Sleep(tt.notFresh - tt.fresh)
				assertState(t, jwks.StateRevalidating, cache)
				assert.Equal(t, 1, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
			})
		})
	}
}

func TestShortRefreshAfterShortensWindowAndBounds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{CacheControl: "max-age=3600"})
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.RefreshAfter = 3 * time.Second })
		for age, want := range map[time.Duration]jwks.State{
			10 * time.Second: jwks.StateFresh,        // an hour is at most 12 s here
			13 * time.Second: jwks.StateRevalidating, // for 9 s
			22 * time.Second: jwks.StateStale,
		} {
			require.NoError(t, cache.Refresh(t.Context()))
			time.Sleep(age)
			assertState(t, want, cache)
		}
	})
}

func TestJitterSpreadsRefreshes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		due := map[time.Time]bool{}
		for range 20 {
			at := newWarmCache(t, issuer).Status().NextRefresh
			assert.False(t, at.After(time.Now().Add(15*time.Minute)))
			assert.False(t, at.Before(time.Now().Add(13*time.Minute+30*time.Second)))
			due[at] = true
		}
		assert.Greater(t, len(due), 10)
	})
}

func TestConditionalRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		caching jwkstest.Caching
		header  string
	}{
		"ETag":          {jwkstest.Caching{ETag: true}, "If-None-Match"},
		"Last-Modified": {jwkstest.Caching{LastModified: true}, "If-Modified-Since"},
		"both":          {jwkstest.Caching{ETag: true, LastModified: true}, "If-None-Match"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var requests recorder
				issuer := newIssuer()
				issuer.SetCaching(tt.caching)
				time.Sleep(time.Minute) // within a second, Last-Modified is not a validator
				cache := newWarmCache(t, issuer, func(c *jwks.Config) {
					c.URL, c.Client = issuer.JWKSURL(), requests.client(issuer.Client())
				})
				key := requireKnown(t, cache, "known")
				// The document was delivered 16, 32 and 48 minutes ago, and then 16 again.
				for _, conditional := range []bool{true, true, false, true} {
					time.Sleep(whileRevalidating)
					assert.Equal(t, 1, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
					assert.Equal(t, conditional, requests.last().Header.Get(tt.header) != "")
					assertState(t, jwks.StateFresh, cache)
				}
				assert.True(t, key == requireKnown(t, cache, "known"), "it is the same key")
				assert.Empty(t, requests.all()[0].Header.Get(tt.header))

				issuer.Publish(namedKey("added"))
				time.Sleep(whileRevalidating)
				assert.Equal(t, 1, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
				assert.Zero(t, keySetRequests(issuer, func() { requireKnown(t, cache, "added") }))
				assert.True(t, key == requireKnown(t, cache, "known"), "also after a 200")
			})
		})
	}
}

func TestForcedFetchAndRefreshAreUnconditional(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var requests recorder
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true, LastModified: true})
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.Client = requests.client(issuer.Client()) })
		for _, f := range []func(){
			func() { requireUnknown(t, cache, "junk") },
			func() { require.NoError(t, cache.Refresh(t.Context())) },
		} {
			f()
			header := requests.last().Header
			assert.Empty(t, header.Get("If-None-Match")+header.Get("If-Modified-Since"))
			assert.Equal(t, "no-cache", header.Get("Cache-Control"))
		}
	})
}

func TestNotModifiedCarriesNewFreshness(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true, CacheControl: "max-age=1200"})
		cache := newWarmCache(t, issuer)
		issuer.SetCaching(jwkstest.Caching{ETag: true, CacheControl: "max-age=3600"})
		time.Sleep(21 * time.Minute)
		requireKnown(t, cache, "known")
		synctest.Wait()
		time.Sleep(50 * time.Minute)
		assertState(t, jwks.StateFresh, cache)
	})
}

func TestNotModifiedRecoversAnExhaustedSet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true})
		cache := newWarmCache(t, issuer)
		time.Sleep(2 * whileExhausted)
		requireKnown(t, cache, "known")
	})
}

func TestNotModifiedWithoutADocumentIsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusNotModified, nil, ""))
		assert.ErrorContains(t, requireUnavailable(t, cache, "known"), "status 304, although there was no condition")
		assertState(t, jwks.StateCold, cache)
	})
}

func TestValidatorsOfAnotherAddressAreNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var requests recorder
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true})
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.Client = requests.client(issuer.Client()) })
		issuer.MoveJWKS(issuer.URL() + "moved/jwks.json")
		time.Sleep(24*time.Hour + time.Minute)
		requireKnown(t, cache, "known")
		assert.Equal(t, "/moved/jwks.json", requests.last().URL.Path)
		assert.Empty(t, requests.last().Header.Get("If-None-Match"))
	})
}
