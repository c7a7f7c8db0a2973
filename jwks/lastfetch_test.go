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

// The status is that of the latest answer, also if the body was never complete or no JWK Set.
func TestStatusHasTheLastAnswerAndItsTime(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  jwkstest.Fault
		status int
		took   time.Duration
	}{
		"good":        {jwkstest.Delay(time.Second), 200, time.Second},
		"no key set":  {respond(200, "<html>"), 200, 0},
		"refused":     {respond(403, ""), 403, 0},
		"a redirect":  {jwkstest.Redirect("https://elsewhere.example/"), 302, 0},
		"cut off":     {jwkstest.Stall(), 200, 5 * time.Second},
		"no answer":   {jwkstest.Hang(), 0, 5 * time.Second},
		"short pause": {limited("2"), 429, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer, atURL(issuer))
				assert.Equal(t, 200, cache.Status().LastStatus)
				issuer.Fail(jwkstest.JWKS, tt.fault)
				_ = cache.Refresh(t.Context())
				assert.Equal(t, tt.status, cache.Status().LastStatus)
				assert.InDelta(t, tt.took, cache.Status().LastDuration, float64(time.Second), "with jitter")
			})
		})
	}
}

// The wait for a place in the FetchLimit is no work of the issuer.
func TestStatusLastDurationIsWithoutTheWaitForASlot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		limit := jwks.NewFetchLimit(1)
		share := func(c *jwks.Config) { c.FetchLimit = limit }
		slow, issuer := newIssuer(), newIssuer()
		slow.Fail(jwkstest.JWKS, jwkstest.Delay(3*time.Second))
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
		first, second := newCache(t, slow, atURL(slow), share), newCache(t, issuer, atURL(issuer), share)
		go func() { _ = first.Refresh(t.Context()) }()
		synctest.Wait()
		assert.Equal(t, 4*time.Second, took(func() { require.NoError(t, second.Refresh(t.Context())) }))
		assert.Equal(t, time.Second, second.Status().LastDuration)
	})
}

// The known address of the key set is asked while discovery is read again. Of the two, the answer
// for the key set tells whether the keys are there.
func TestStatusLastStatusIsThatOfTheKeySet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.Discovery, respond(418, ""))
		issuer.Fail(jwkstest.Metadata, respond(418, ""))
		cache := newCache(t, issuer)
		require.Error(t, cache.Refresh(t.Context()))
		assert.Equal(t, 418, cache.Status().LastStatus)
		issuer.Recover()
		require.NoError(t, cache.Refresh(t.Context()))

		time.Sleep(25 * time.Hour) // discovery is due
		issuer.Fail(jwkstest.Discovery, jwkstest.Delay(time.Second))
		require.NoError(t, cache.Refresh(t.Context()))
		issuer.Fail(jwkstest.Discovery, respond(418, ""))
		time.Sleep(25 * time.Hour)
		require.NoError(t, cache.Refresh(t.Context()))
		assert.Equal(t, 200, cache.Status().LastStatus)
	})
}

func TestStatusCountsFailuresInARow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		requireUnavailable(t, cache, "junk")
		assert.Zero(t, cache.Status().Failures, "a forced fetch")
		require.Error(t, cache.Refresh(t.Context()))
		require.Error(t, cache.Refresh(t.Context()))
		assert.Equal(t, 2, cache.Status().Failures)
		time.Sleep(whileStale)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.Equal(t, 3, cache.Status().Failures)
		issuer.Recover()
		require.NoError(t, cache.Refresh(t.Context()))
		assert.Zero(t, cache.Status().Failures)
	})
}

func TestStatusSaysUntilWhenTheSetIsUsable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer, func(c *jwks.Config) { c.MaxStale = 2 * time.Hour })
		assert.Zero(t, cache.Status().UsableUntil)
		began := time.Now()
		require.NoError(t, cache.Refresh(t.Context()))
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(2*time.Hour - time.Minute)
		assert.Equal(t, began.Add(2*time.Hour), cache.Status().UsableUntil)
		requireKnown(t, cache, "known")
		time.Sleep(10 * time.Minute)
		assert.Zero(t, cache.Status().UsableUntil)
		requireUnavailable(t, cache, "known")
	})
}

func TestStatusCountsWhatA304Ended(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true})
		cache := newWarmCache(t, issuer)
		for range 2 {
			time.Sleep(whileRevalidating)
			requireKnown(t, cache, "known")
			synctest.Wait()
		}
		requireUnknown(t, cache, "junk") // is not conditional
		status := cache.Status()
		assert.Equal(t, [2]uint64{4, 2}, [2]uint64{status.Fetches, status.NotModified})
	})
}

func dated(ahead time.Duration, age string) jwkstest.Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		if age != "" {
			w.Header().Set("Age", age)
		}
		next.ServeHTTP(w, r)
	}
}

// A token that seems to be expired, or not valid yet, is often a wrong clock of ours.
func TestStatusHasTheDifferenceOfTheClocks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer, atURL(issuer))
		refresh := func(fault jwkstest.Fault) time.Duration {
			issuer.Fail(jwkstest.JWKS, fault)
			_ = cache.Refresh(t.Context())
			return cache.Status().ClockDifference
		}
		assert.Equal(t, 5*time.Minute, refresh(dated(5*time.Minute, "")))
		assert.Equal(t, -time.Hour, refresh(dated(-time.Hour, "")))
		assert.Equal(t, -time.Hour, refresh(dated(-2*time.Hour, "7200")), "an HTTP cache says nothing of the issuer's clock")
		assert.Equal(t, -time.Hour, refresh(jwkstest.Refuse()), "nor does no answer")
		assert.Equal(t, -time.Minute, refresh(jwkstest.Respond(403, http.Header{
			"Date": {time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat)},
		}, "")), "a refusal has a clock too")
		assert.Zero(t, refresh(dated(time.Second, "")))
	})
}
