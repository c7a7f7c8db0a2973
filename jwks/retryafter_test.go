package jwks_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// Once the issuer answers again, a client that obeys Retry-After is served by its second try at
// the latest. Its first try can fall into the backoff after a fetch that was still under way when
// the client got its answer.
func TestClientThatObeysRetryAfterIsServedSoon(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"refused": jwkstest.Refuse(), "hangs": jwkstest.Hang(), "limited": limited("60"), "500": respond(500, ""),
	} {
		for state, tries := range map[string]int{
			"cold": 2, "cold, in backoff": 1, "fresh": 1, "stale-while-revalidate": 1, "stale-if-error": 1,
			"stale-if-error, in backoff": 1, "stale-if-error, after backoff": 1, "exhausted": 2, "exhausted, in backoff": 1,
		} {
			switch {
			case name == "limited" && state == "stale-while-revalidate":
				tries = 2 // the failure starts a refresh, whose 429 also pauses forced fetches
			case name != "hangs":
				tries = 1
			}
			t.Run(name+", "+state, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					issuer := newIssuer()
					repair(issuer)
					cache := cacheStates[state].prepare(t, issuer)
					issuer.Fail(jwkstest.JWKS, afterLatency(fault))
					issuer.Publish(newKey)
					failure := requireUnavailable(t, cache, newKey.ID)
					repair(issuer)
					for n := 1; failure != nil; n++ {
						require.LessOrEqual(t, n, tries)
						time.Sleep(failure.RetryAfter)
						_, err := cache.Keys(t.Context(), alg, newKey.ID)
						if failure = nil; !errors.As(err, &failure) {
							require.NoError(t, err)
						}
					}
				})
			})
		}
	}
}

// The fetch fails at the instant when the wait ends. Whichever comes first, RetryAfter is never
// the time until the next scheduled refresh. A 404 starts a refresh at the same instant. A
// request that learns its outcome in time gets a verdict instead.
func TestRetryAfterOfAFetchThatFailsAtTheEndOfTheWait(t *testing.T) {
	for status, most := range map[int]time.Duration{
		http.StatusForbidden: 2 * time.Second,
		http.StatusNotFound:  5 * time.Second, // of the refresh that follows
	} {
		for range 20 {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.FailNext(1, jwkstest.JWKS, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
					time.Sleep(3 * time.Second)
					jwkstest.Respond(status, nil, "")(w, r, next)
				})
				concurrently(10, func(int) {
					keys, err := cache.Keys(t.Context(), alg, "junk")
					if status == http.StatusNotFound && errors.Is(err, claims.ErrUnknownKey) {
						assert.EqualValues(t, 3, cache.Status().Fetches)
						return
					}
					assert.LessOrEqual(t, unavailable(t, keys, err).RetryAfter, most, status)
				})
			})
		}
	}
}
