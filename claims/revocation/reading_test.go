package revocation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims/revocation"
)

// An entry that the list had no room for is read again: a list that goes on without it would
// accept its tokens, and look current.
func TestAFullListStaysStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		large, small := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do, MaxEntries: 10})
		defer run(t, large, small)()
		for n := range 11 {
			require.NoError(t, large.Add(t.Context(), session(fmt.Sprint(n))))
		}
		time.Sleep(12 * time.Second)
		require.ErrorContains(t, small.Status().Err, "the list is full")
		require.NoError(t, large.Add(t.Context(), session("0")))
		for range 10 {
			time.Sleep(time.Second)
			require.ErrorContains(t, small.Status().Err, "the list is full", "also after a change of what it has")
		}
		time.Sleep(time.Minute)
		requireUnavailable(t, small.Check(t.Context(), tokenWith(t, `"sid":"10"`)))
	})
}

// A reading that is interrupted goes on where it was.
func TestReadingsOverABadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		first := newList(t, revocation.Config{Do: server.do})
		entries := make([]revocation.Entry, 5500)
		for n := range entries {
			entries[n] = session(fmt.Sprint(n))
		}
		require.NoError(t, first.Add(t.Context(), entries...))
		random := rand.New(rand.NewPCG(1, 2))
		list := newList(t, revocation.Config{Do: func(ctx context.Context, args ...string) ([]string, error) {
			if random.IntN(3) == 0 {
				return nil, errDown
			}
			return server.do(ctx, args...)
		}})
		defer run(t, list)()
		for range 10 {
			time.Sleep(5 * time.Minute)
			status := list.Status()
			require.False(t, status.Stale)
			require.Equal(t, 5500, status.Entries[revocation.Session])
		}
	})
}
