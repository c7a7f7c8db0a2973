package jwks_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestRefreshIsSharedAndBeginsAfterTheCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
		cache := newWarmCache(t, issuer)
		time.Sleep(whileRevalidating)
		assert.Equal(t, 2, fetches(issuer, func() {
			requireKnown(t, cache, "known") // a fetch is under way
			time.Sleep(500 * time.Millisecond)
			issuer.Publish(namedKey("added"))
			concurrently(100, func(int) { assert.NoError(t, cache.Refresh(t.Context())) })
			assert.Contains(t, cache.Status().KeyIDs, "added")
		}), "the one under way, and one for all")
	})
}

func TestRefreshIgnoresFreshnessAndBackoffAndTakesNoToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer, atURL(issuer))
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusForbidden, nil, ""))
		assert.Equal(t, 10, fetches(issuer, func() {
			for range 10 {
				assert.ErrorContains(t, cache.Refresh(t.Context()), "status 403")
			}
		}))
		issuer.Recover()
		assert.Equal(t, 10, fetches(issuer, func() {
			for range 10 {
				assert.NoError(t, cache.Refresh(t.Context()))
			}
		}))
		assert.Equal(t, 3, fetches(issuer, func() {
			for range 10 {
				requireUnknown(t, cache, "junk")
			}
		}))
	})
}

func TestRefreshLeavesOnItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(3*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := cache.Refresh(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, claims.ErrKeysUnavailable)

		assert.Zero(t, fetches(issuer, func() { requireKnown(t, cache, "known") }), "the fetch went on")
	})
}

func TestReadyDoesWhatARequestDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		err := cache.Ready(t.Context())
		var failure *claims.UnavailableError
		require.ErrorAs(t, err, &failure)
		assert.Zero(t, took(func() { assert.Error(t, cache.Ready(t.Context())) }), "in backoff")

		issuer.Recover()
		time.Sleep(failure.RetryAfter)
		require.NoError(t, cache.Ready(t.Context()))
		assert.Zero(t, fetches(issuer, func() { assert.NoError(t, cache.Ready(t.Context())) }))

		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		time.Sleep(whileRevalidating)
		assert.Equal(t, 1, fetches(issuer, func() {
			assert.Zero(t, took(func() { assert.NoError(t, cache.Ready(t.Context())) }))
		}))
		time.Sleep(whileExhausted)
		assert.Equal(t, 3*time.Second, took(func() { assert.Error(t, cache.Ready(t.Context())) }))
	})
}

func TestRunKeepsAnIdleCacheFresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- cache.Run(ctx) }()
		synctest.Wait()
		assertState(t, jwks.StateFresh, cache)

		n := fetches(issuer, func() {
			for range 24 * 60 {
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Equal(t, jwks.StateFresh, cache.Status().State)
			}
		})
		assert.GreaterOrEqual(t, n, 24*60/15)
		assert.LessOrEqual(t, n, 24*60/13)

		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestRunRecoversUnderBackoff(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		cache := newCache(t, issuer)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		ended := make(chan error)
		go func() { ended <- cache.Run(ctx) }()
		time.Sleep(30 * time.Minute)
		n := issuer.Count(jwkstest.Discovery)
		assert.Greater(t, n, 3*30*60/12)
		assert.Less(t, n, 3*30*60)
		issuer.Recover()
		time.Sleep(12 * time.Second)
		assertState(t, jwks.StateFresh, cache)
		assert.ErrorIs(t, <-ended, context.DeadlineExceeded)
	})
}

func TestRunEndsWithAFetchUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.Equal(t, time.Second, took(func() { _ = newCache(t, issuer).Run(ctx) }))
	})
}

func TestSeedServesWhileTheIssuerIsDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		seed := issuer.Document()
		issuer.Fail(jwkstest.Discovery, jwkstest.Hang())
		cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed = seed })
		assertState(t, jwks.StateStale, cache)
		assert.Zero(t, cache.Status().LastSuccess)

		assert.Equal(t, 3*time.Second, took(func() { requireKnown(t, cache, "known") }), "it may be old")
		time.Sleep(2 * time.Second)
		assert.Zero(t, took(func() { requireKnown(t, cache, "known") }))

		time.Sleep(whileExhausted)
		requireUnavailable(t, cache, "known")
	})
}

func TestSeedGivesWayToTheIssuer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		seed := issuer.Document()
		issuer.Retire("known")
		issuer.Publish(namedKey("other"))
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
		cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed = seed })
		requireUnknown(t, cache, "known")
		requireKnown(t, cache, "other")
		assertState(t, jwks.StateFresh, cache)
	})
}

func TestSeedThatCannotBeReadIsIgnored(t *testing.T) {
	for _, seed := range []string{"", "{", "<html>", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AA"}]}`} {
		bubble(t, func(t *testing.T) {
			issuer := newIssuer()
			var log eventLog
			cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed, c.Logger = []byte(seed), log.logger() })
			assertState(t, jwks.StateCold, cache)
			assert.Equal(t, []string{"WARN jwks: seed could not be used"}, log.take())
			requireKnown(t, cache, "known")
		})
	}
}

func TestOnDocumentGetsWhatSeedTakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true})
		var stored [][]byte
		cache := newCache(t, issuer, func(c *jwks.Config) {
			c.OnDocument = func(document []byte) {
				stored = append(stored, document)
				time.Sleep(time.Minute) // a slow disk
			}
		})
		assert.Zero(t, took(func() { requireKnown(t, cache, "known") }), "nobody waits for the hook")
		synctest.Wait()
		require.Equal(t, [][]byte{issuer.Document()}, stored)

		time.Sleep(whileRevalidating)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.Len(t, stored, 1, "a 304 brings no document")

		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(200, nil, `{"keys":[]}`))
		assert.Error(t, cache.Refresh(t.Context()))
		synctest.Wait()
		assert.Len(t, stored, 1, "nor does a failure")

		issuer.Recover()
		next := newCache(t, issuer, func(c *jwks.Config) { c.Seed = stored[0] })
		clear(stored[0])
		requireKnown(t, next, "known")
		time.Sleep(time.Minute)
	})
}

func TestBlockSurvivesRefreshesAndForcesNoFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Publish(namedKey("other"))
		cache := newCache(t, issuer)
		cache.Block("known") // before there is a set
		cache.Block("")
		requireKnown(t, cache, "other")
		for range 3 {
			assert.Zero(t, fetches(issuer, func() { requireUnknown(t, cache, "known") }))
			time.Sleep(whileStale)
			requireKnown(t, cache, "other")
		}
		keys, err := cache.Keys(t.Context(), alg, "")
		require.NoError(t, err)
		assert.Equal(t, []claims.Key{requireKnown(t, cache, "other")}, keys, "a token without kid does not get it either")
		status := cache.Status()
		assert.Equal(t, []string{"known"}, status.Blocked)
		assert.Equal(t, []string{"other"}, status.KeyIDs)
	})
}

func TestBlockedKidIsNotServedByKeysWithoutKid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nameless := namedKey("")
		issuer := jwkstest.NewIssuer(jwkstest.Config{Key: nameless})
		cache := newWarmCache(t, issuer)
		requireKnown(t, cache, "any kid will do")
		cache.Block("any kid will do")
		requireUnknown(t, cache, "any kid will do")
	})
}

func TestStatusTellsWhatHappened(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.PublishJWK(`{"kty":"RSA","use":"enc","kid":"encryption","n":"AA","e":"AQAB"}`)
		cache := newCache(t, issuer, atURL(issuer))
		assert.Equal(t, jwks.Status{State: jwks.StateCold, NextRefresh: time.Now()}, cache.Status())

		began := time.Now()
		require.NoError(t, cache.Refresh(t.Context()))
		time.Sleep(time.Minute)
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusForbidden, nil, ""))
		failed := time.Now()
		requireUnavailable(t, cache, "junk")
		time.Sleep(time.Minute)

		status := cache.Status()
		assert.Equal(t, jwks.StateFresh, status.State)
		assert.Equal(t, 2*time.Minute, status.Age)
		assert.Equal(t, began, status.LastSuccess)
		assert.Equal(t, failed, status.LastAttempt)
		assert.ErrorContains(t, status.LastError, "status 403")
		assert.WithinRange(t, status.NextRefresh, began.Add(13*time.Minute), began.Add(15*time.Minute))
		assert.Equal(t, []string{"known"}, status.KeyIDs)
		assert.Empty(t, status.Blocked)
		require.Len(t, status.Skipped, 1)
		assert.Equal(t, "encryption", status.Skipped[0].KeyID)
		assert.Equal(t, [3]uint64{2, 1, 1}, [3]uint64{status.Fetches, status.ForcedFetches, status.FailedFetches})

		status.KeyIDs[0], status.Skipped[0].KeyID = "changed", "changed"
		assert.Equal(t, []string{"known"}, cache.Status().KeyIDs, "it is a copy")
		assert.Equal(t, "encryption", cache.Status().Skipped[0].KeyID)
	})
}
