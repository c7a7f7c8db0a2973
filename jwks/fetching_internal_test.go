package jwks

import (
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"

	"github.com/bearerguard/bearerguard/claims"
)

// These tests are about races: something changes after a request has loaded the snapshot and
// before it holds the lock. No schedule of goroutines produces them reliably.

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

// A failing RoundTripper takes a second, so a fetch is under way until the clock of the bubble goes
// on.
type failing struct{}

func (failing) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(time.Second)
	return nil, assert.AnError
}

func TestRequestsThatSawNoFetchShareOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newFailingCache(t)
		seen, now := cache.current.Load(), time.Now()
		f, started := cache.startDue(seen, now)
		assert.True(t, started)
		require.NotNil(t, f)
		same, started := cache.startDue(seen, now)
		assert.Same(t, f, same)
		assert.False(t, started)
		<-f.done
		none, _ := cache.startDue(seen, time.Now())
		assert.Nil(t, none, "in backoff now")
		assert.Equal(t, uint64(1), cache.Status().Fetches)
	})
}

func TestNoFetchIsForcedIfOneBeganAfterTheRequestArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newFailingCache(t)
		arrived := cache.current.Load().begun
		require.Error(t, cache.Refresh(t.Context()))
		none, limited := cache.startForced(&waiter{begun: arrived, alg: "ES256", kid: "unknown"})
		assert.Nil(t, none)
		assert.False(t, limited)
		assert.Equal(t, uint64(1), cache.Status().Fetches)

		f, _ := cache.startForced(&waiter{begun: cache.current.Load().begun, alg: "ES256", kid: "unknown"})
		require.NotNil(t, f)
		same, _ := cache.startForced(&waiter{alg: "ES256", kid: "unknown"})
		assert.Same(t, f, same, "under way: joined")
		<-f.done
	})
}

// The fetch can end between the look-up of a request and its turn to force one.
func TestNoFetchIsForcedForAKeyThatWasFoundMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		cache, err := New(Config{Issuer: issuer.URL(), Client: issuer.Client(), Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		require.NoError(t, cache.Refresh(t.Context()))
		key := issuer.SigningKey()
		none, limited := cache.startForced(&waiter{begun: cache.current.Load().begun, alg: key.Algorithm, kid: key.ID})
		assert.Nil(t, none)
		assert.False(t, limited)
		assert.Equal(t, uint64(1), cache.Status().Fetches)
	})
}

// The bucket prevents this case: while it is empty, the latest fetch began at most 10 s ago.
// The contract of claims.KeySet must hold without the bucket too.
func TestOldFetchDoesNotProveThatAKeyIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newFailingCache(t)
		s := *cache.current.Load()
		s.good = &goodSet{began: time.Now(), fresh: time.Minute}
		s.answer = ended{began: time.Now()}
		cache.current.Store(&s)
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
