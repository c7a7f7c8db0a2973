package tenants_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
)

func TestStatusOfLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.slow(100 * time.Millisecond)
		for _, iss := range []string{first, first, second, "https://none.tenants.example/"} {
			_, _ = s.resolver.Resolve(t.Context(), iss)
		}
		status := s.resolver.Status()
		assert.Equal(t, [3]uint64{3, 2, 1}, [3]uint64{status.Lookups, status.Found, status.NotFound})
		assert.Equal(t, 300*time.Millisecond, status.LookupTime)
		assert.NoError(t, status.LastError)

		down := errors.New("the database is down")
		time.Sleep(time.Minute)
		s.mu.Lock()
		s.lookup = func(context.Context, string) error { return down }
		s.mu.Unlock()
		began := time.Now()
		_, err := s.verify(first)
		require.ErrorIs(t, err, claims.ErrUnavailable)
		status = s.resolver.Status()
		assert.EqualValues(t, 1, status.Failed)
		assert.EqualValues(t, 2, status.Found, "no count goes back")
		assert.Equal(t, down, status.LastError)
		assert.Equal(t, began, status.LastErrorAt)
		assert.Zero(t, status.Slow+status.Refused)
	})
}

// A table that answers after 4 seconds fails nothing, and requests get a 503 nevertheless.
func TestStatusCountsRequestsWhoseLookUpTookTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.slow(4 * time.Second)
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				_, err := s.resolver.Resolve(t.Context(), first)
				assert.Error(t, err)
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.resolver.Resolve(ctx, first)
		require.Error(t, err)
		assert.Equal(t, 1, s.resolver.Status().InFlight)
		assert.Zero(t, s.resolver.Status().Slow, "a client that leaves is not counted")
		group.Wait()
		assert.EqualValues(t, 5, s.resolver.Status().Slow)
		time.Sleep(2 * time.Second)
		status := s.resolver.Status()
		assert.Zero(t, status.InFlight)
		assert.Zero(t, status.Failed)
		assert.EqualValues(t, 1, status.Found)
	})
}

func TestStatusCountsTenantsThatWerePushedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, func(c *tenants.Config) { c.MaxTenants = 3 })
		for n := range 10 {
			iss := fmt.Sprintf("https://t%d.tenants.example/", n)
			s.join(iss)
			_, err := s.resolver.Resolve(t.Context(), iss)
			require.NoError(t, err)
		}
		assert.Zero(t, s.resolver.Status().Evictions, "no token of them was verified")
		for n := range 5 {
			_, err := s.verify(fmt.Sprintf("https://t%d.tenants.example/", n))
			require.NoError(t, err)
		}
		assert.EqualValues(t, 2, s.resolver.Status().Evictions)
	})
}
