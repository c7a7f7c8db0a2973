package jwks_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// slowAnswer is how long the issuer takes for an answer in the mornings of these tests.
const slowAnswer = 2500 * time.Millisecond

func answerSlowly(issuer *jwkstest.Issuer) {
	issuer.Fail(jwkstest.JWKS, jwkstest.Delay(slowAnswer))
	issuer.Fail(jwkstest.Discovery, jwkstest.Delay(slowAnswer))
}

// acceptedIn returns how many requests with a removed key are accepted in a morning, which is 4 s
// long here.
func acceptedIn(t *testing.T, cache *jwks.Cache, perSecond int, kid string) int {
	t.Helper()
	var accepted atomic.Int64
	concurrently(4*perSecond, func(i int) {
		time.Sleep(time.Duration(i) * time.Second / time.Duration(perSecond))
		if _, err := cache.Keys(t.Context(), alg, kid); err == nil {
			accepted.Add(1)
		}
	})
	return int(accepted.Load())
}

// A stranger's token causes the forced fetch, which gets one 503.
func TestA1ForcedFailureDoesNotKeepARemovedKey(t *testing.T) {
	for name, edits := range addressings() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Publish(namedKey("other"))
				cache := newWarmCache(t, issuer, edits(issuer)...)
				issuer.FailNext(1, jwkstest.JWKS, respond(503, ""))
				requireUnavailable(t, cache, "junk")
				assert.Equal(t, uint64(1), cache.Status().ForcedFetches)

				issuer.Retire("known")
				time.Sleep(12 * time.Hour)
				answerSlowly(issuer)
				assert.Zero(t, acceptedIn(t, cache, 1000, "known"))
				requireKnown(t, cache, "other")
			})
		})
	}
}

// No stranger is needed: one scheduled refresh gets 503 three times.
func TestA2ScheduledFailureDoesNotKeepARemovedKey(t *testing.T) {
	for name, edits := range addressings() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Publish(namedKey("other"))
				cache := newWarmCache(t, issuer, edits(issuer)...)
				issuer.FailNext(3, jwkstest.JWKS, respond(503, ""))
				time.Sleep(whileRevalidating)
				requireKnown(t, cache, "known")
				time.Sleep(5 * time.Second)
				assert.ErrorContains(t, cache.Status().LastError, "status 503")

				issuer.Retire("known")
				time.Sleep(12 * time.Hour)
				answerSlowly(issuer)
				assert.Zero(t, acceptedIn(t, cache, 1000, "known"))
				requireKnown(t, cache, "other")
			})
		})
	}
}

// Discovery is read again after a day, or after a failure. Requests must not wait for it longer
// than for the key set.
func TestA2DueDiscoveryDoesNotKeepARemovedKey(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"slow": jwkstest.Delay(slowAnswer), "hangs": jwkstest.Hang(), "503": respond(503, ""),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Publish(namedKey("other"))
				cache := newWarmCache(t, issuer)
				for range 13 * 6 {
					time.Sleep(10 * time.Minute)
					requireKnown(t, cache, "known")
				}
				synctest.Wait()
				issuer.Retire("known")
				time.Sleep(12 * time.Hour)
				answerSlowly(issuer)
				issuer.Fail(jwkstest.Discovery, fault)
				assert.Zero(t, acceptedIn(t, cache, 1000, "known"))
				requireKnown(t, cache, "other")
				assert.Equal(t, 2, issuer.Count(jwkstest.Discovery))
			})
		})
	}
}

// addressings are the ways to configure where the key set is.
func addressings() map[string]func(*jwkstest.Issuer) []func(*jwks.Config) {
	return map[string]func(*jwkstest.Issuer) []func(*jwks.Config){
		"discovery": func(*jwkstest.Issuer) []func(*jwks.Config) { return nil },
		"URL":       func(i *jwkstest.Issuer) []func(*jwks.Config) { return []func(*jwks.Config){atURL(i)} },
	}
}
