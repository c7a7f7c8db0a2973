package jwks_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks"
)

func (c *crowdOfIssuers) count(state jwks.State) (n int) {
	for _, cache := range c.caches {
		if cache.Status().State == state {
			n++
		}
	}
	return n
}

// run calls jwks.Run, and returns a function that ends it.
func (c *crowdOfIssuers) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- jwks.Run(ctx, c.caches...) }()
	return func() {
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
		time.Sleep(40 * time.Second) // fetches under way end, and those that wait for a slot
	}
}

// Each issuer answers two requests of 50 ms. With 64 places, 5,000 issuers take 8 s.
func TestRunFetchesManyIssuersAtTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCrowdOfIssuers(t, 5_000, 64)
		defer c.run(t)()
		time.Sleep(9 * time.Second)
		assert.Equal(t, 5_000, c.count(jwks.StateFresh))
	})
}

func TestRunKeepsManyIssuersFresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCrowdOfIssuers(t, 20, 16)
		defer c.run(t)()
		for range 5 * 60 {
			time.Sleep(time.Minute)
			assert.Zero(t, c.count(jwks.StateStale))
		}
		// One that has just become due is fetched with the next tick.
		assert.Equal(t, 20, c.count(jwks.StateFresh)+c.count(jwks.StateRevalidating))
	})
}

// Issuers that never answer must not keep the others waiting.
func TestRunWithIssuersThatHang(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCrowdOfIssuers(t, 1_000, 64)
		c.hang(0, 500, 0)
		defer c.run(t)()
		time.Sleep(2 * time.Minute)
		assert.Equal(t, 500, c.count(jwks.StateFresh))
	})
}

// While Run is about to start a refresh in an outage, no request starts it and waits for it.
func TestRunSparesRequestsTheWaitInAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCrowdOfIssuers(t, 2, 16)
		defer c.run(t)()
		time.Sleep(time.Second)
		c.hang(0, 1, 0)
		var longest time.Duration
		for range 4 * 60 * 6 {
			time.Sleep(10 * time.Second)
			longest = max(longest, took(func() {
				keys, err := c.caches[0].Keys(t.Context(), alg, c.caches[0].Status().KeyIDs[0])
				assert.NoError(t, err)
				assert.NotEmpty(t, keys)
			}))
		}
		assert.Zero(t, longest)
	})
}

// A fetch costs a goroutine, also while it waits for its place in the FetchLimit.
func TestRunBoundsTheFetchesUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCrowdOfIssuers(t, 1_000, 64)
		c.hang(0, 1_000, 0)
		defer c.run(t)()
		time.Sleep(time.Second)
		begun := 0
		for _, cache := range c.caches {
			begun += int(cache.Status().Fetches)
		}
		assert.Equal(t, 256, begun)
	})
}

func TestRunWithoutCachesWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		assert.Equal(t, time.Hour, took(func() { assert.ErrorIs(t, jwks.Run(ctx), context.DeadlineExceeded) }))
		synctest.Wait()
	})
}
