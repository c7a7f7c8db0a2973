package jwks

import (
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// These are the races between a reader's look at the view and its turn with the lock,
// which no schedule of goroutines produces reliably.

func newFailingCache(t *testing.T) *Cache {
	t.Helper()
	cache, err := New(Config{
		URL:    "https://issuer.example/k",
		Logger: slog.New(slog.DiscardHandler),
		Client: &http.Client{Transport: failing{}},
	})
	require.NoError(t, err)
	return cache
}

type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, assert.AnError }

func TestRefreshStartsOneFlightForAllWhoSawNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newFailingCache(t)
		seen, now := cache.view.Load(), time.Now()
		f := cache.refresh(seen, now)
		require.NotNil(t, f)
		assert.Same(t, f, cache.refresh(seen, now))
		<-f.done
		assert.Nil(t, cache.refresh(seen, now), "in backoff by now")
		assert.Equal(t, uint64(1), cache.Status().Fetches)
	})
}

func TestForceIsAnsweredByAFetchThatBeganAfterTheReaderArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newFailingCache(t)
		arrived := cache.view.Load().begun
		require.Error(t, cache.Refresh(t.Context()))
		assert.Nil(t, cache.force(arrived))
		assert.Equal(t, uint64(1), cache.Status().Fetches)

		f := cache.force(cache.view.Load().begun)
		require.NotNil(t, f)
		assert.Same(t, f, cache.force(0), "under way: joined")
		<-f.done
	})
}

// The bucket makes sure that this does not happen: while it is empty, the latest attempt
// began at most 10 s ago. The contract of claims.KeySet does not rest on that.
func TestOldNewsIsNoProofThatAKeyIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newFailingCache(t)
		v := *cache.view.Load()
		v.good = &goodSet{began: time.Now(), fresh: time.Minute}
		v.latest = attempted{began: time.Now()}
		cache.view.Store(&v)
		cache.bucket = bucket{spent: time.Hour, at: time.Now()}

		time.Sleep(forcedInterval)
		_, err := cache.Keys(t.Context(), "ES256", "unknown")
		assert.ErrorIs(t, err, claims.ErrUnknownKey)
		time.Sleep(time.Nanosecond)
		_, err = cache.Keys(t.Context(), "ES256", "unknown")
		assert.ErrorIs(t, err, claims.ErrKeysUnavailable)
		assert.Zero(t, cache.Status().Fetches)
	})
}
