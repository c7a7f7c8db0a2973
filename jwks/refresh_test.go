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
		assert.Equal(t, 2, keySetRequests(issuer, func() {
			requireKnown(t, cache, "known") // a fetch is under way
			time.Sleep(500 * time.Millisecond)
			issuer.Publish(namedKey("added"))
			concurrently(100, func(int) { assert.NoError(t, cache.Refresh(t.Context())) })
			assert.Contains(t, cache.Status().KeyIDs, "added")
		}), "the one under way, and one for all")
	})
}

func TestRefreshIsNotAnsweredByAnEarlierOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
		cache := newCache(t, issuer)
		assert.Equal(t, 2, keySetRequests(issuer, func() {
			concurrently(2, func(i int) {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				assert.NoError(t, cache.Refresh(t.Context()))
			})
		}))
	})
}

func TestRefreshIgnoresFreshnessAndBackoffAndTakesNoToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer, atURL(issuer))
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusUnauthorized, nil, ""))
		assert.Equal(t, 10, keySetRequests(issuer, func() {
			for range 10 {
				assert.ErrorContains(t, cache.Refresh(t.Context()), "status 401")
			}
		}))
		issuer.Recover()
		assert.Equal(t, 10, keySetRequests(issuer, func() {
			for range 10 {
				assert.NoError(t, cache.Refresh(t.Context()))
			}
		}))
		assert.Equal(t, 3, keySetRequests(issuer, func() {
			for range 10 {
				requireUnknown(t, cache, "junk")
			}
		}))
	})
}

func TestRefreshEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(3*time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := cache.Refresh(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, claims.ErrKeysUnavailable)

		assert.Zero(t, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }), "the fetch went on")
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
		assert.Zero(t, keySetRequests(issuer, func() { assert.NoError(t, cache.Ready(t.Context())) }))

		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		time.Sleep(whileRevalidating)
		assert.Equal(t, 1, keySetRequests(issuer, func() {
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

		n := keySetRequests(issuer, func() {
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
		assert.InDelta(t, 30*60/3, n, 60, "one request after 1 to 5 s each")
		issuer.Recover()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		assertState(t, jwks.StateFresh, cache)
		assert.ErrorIs(t, <-ended, context.DeadlineExceeded)
	})
}

func TestRunEndsWithItsContextDuringAFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.Equal(t, time.Second, took(func() { _ = newCache(t, issuer).Run(ctx) }))
	})
}
