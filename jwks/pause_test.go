package jwks_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// junkFor asks for an unknown kid ten times a second, and returns the requests to the issuer.
func junkFor(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache, length time.Duration) int {
	t.Helper()
	return keySetRequests(issuer, func() {
		for n := range int(length / (100 * time.Millisecond)) {
			_, err := cache.Keys(t.Context(), alg, "junk"+strconv.Itoa(n))
			assert.Error(t, err)
			time.Sleep(100 * time.Millisecond)
		}
	})
}

// In a flood of unknown kids the issuer asks for a pause of 5 minutes. Forced fetches pause for a
// minute of it: otherwise strangers could keep new keys from being found.
func TestA8RetryAfterPausesForcedFetches(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		for retryAfter, tt := range map[string]struct {
			pause  time.Duration
			within int // forced fetches in 300 s
		}{
			"300": {time.Minute, 5}, "60": {time.Minute, 5}, "30": {30 * time.Second, 10},
		} {
			t.Run(strconv.Itoa(status)+", "+retryAfter, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					issuer := newIssuer()
					cache := newWarmCache(t, issuer)
					issuer.Fail(jwkstest.JWKS, jwkstest.Respond(status, http.Header{"Retry-After": {retryAfter}}, ""))
					start := time.Now()
					assert.Equal(t, 1, keySetRequests(issuer, func() { requireUnavailable(t, cache, "junk") }))
					assert.Zero(t, junkFor(t, issuer, cache, tt.pause-time.Second))
					failure := requireUnavailable(t, cache, "junk")
					assert.Equal(t, tt.pause-time.Since(start), failure.RetryAfter, "the rest of the pause")

					junkFor(t, issuer, cache, 300*time.Second-time.Since(start))
					assert.Equal(t, 1+tt.within, issuer.Count(jwkstest.JWKS), "and the first fetch")
					requireKnown(t, cache, "known")
				})
			})
		}
	}
}

func TestA8NewKidIsAcceptedOnceThePauseIsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.FailNext(1, jwkstest.JWKS, limited("300"))
		requireUnavailable(t, cache, "junk")
		issuer.Publish(newKey)
		assert.Equal(t, time.Minute, acceptedAfter(t, cache, newKey.ID, 2*time.Minute))
	})
}

// A client that obeys Retry-After is served by its second request.
func TestA8RetryAfterOfTheClientIsTheRestOfThePause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.FailNext(1, jwkstest.JWKS, limited("300"))
		requireUnavailable(t, cache, "junk")
		issuer.Publish(newKey)
		time.Sleep(17 * time.Second)
		failure := requireUnavailable(t, cache, newKey.ID)
		assert.Equal(t, 43*time.Second, failure.RetryAfter)
		time.Sleep(failure.RetryAfter)
		requireKnown(t, cache, newKey.ID)
	})
}

// The issuer may ask for the pause in its answer to a scheduled fetch.
func TestA8AnswerToAScheduledFetchPausesForcedFetchesToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, limited("300"))
		time.Sleep(whileRevalidating)
		assert.Equal(t, 1, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
		assert.Zero(t, junkFor(t, issuer, cache, 59*time.Second))
	})
}

// Without Retry-After, and with other statuses, the bucket is the bound.
func TestA8OtherAnswersDoNotPauseForcedFetches(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"429":                    respond(http.StatusTooManyRequests, ""),
		"503":                    respond(http.StatusServiceUnavailable, ""),
		"500 with Retry-After":   jwkstest.Respond(500, http.Header{"Retry-After": {"300"}}, ""),
		"404 with Retry-After":   jwkstest.Respond(404, http.Header{"Retry-After": {"300"}}, ""),
		"429 with Retry-After 0": limited("0"),
		"429 with nonsense":      limited("soon"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer, atURL(issuer))
				issuer.Fail(jwkstest.JWKS, fault)
				assert.Equal(t, bucketBound(59*time.Second), junkFor(t, issuer, cache, time.Minute-100*time.Millisecond))
			})
		})
	}
}

// Refresh is a person's decision.
func TestA8RefreshIgnoresThePause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.FailNext(1, jwkstest.JWKS, limited("300"))
		requireUnavailable(t, cache, "junk")
		issuer.Publish(newKey)
		assert.NoError(t, cache.Refresh(t.Context()))
		requireKnown(t, cache, newKey.ID)
		_, err := cache.Keys(t.Context(), alg, "junk")
		assert.True(t, errors.Is(err, claims.ErrUnknownKey), "the latest fetch succeeded")
	})
}
