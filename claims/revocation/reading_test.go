package revocation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
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

// A crowd of changes is read again for a while, and not with each poll until the next change.
func TestAQuietServerIsHardlyRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), sessions(1000)...))
		time.Sleep(10 * time.Second)
		var rows atomic.Int64
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			reply, err := server.answer(args)
			rows.Add(int64(len(reply) / 3))
			return reply, err
		})
		time.Sleep(time.Minute)
		assert.LessOrEqual(t, rows.Load(), int64(65), "one for each poll, which shows that nothing was lost")
		server.behave(nil)
		require.NoError(t, newList(t, revocation.Config{Do: server.do}).Add(t.Context(), session("new")))
		time.Sleep(2 * time.Second)
		assert.True(t, revoked(t, list, "new"))
	})
}

// Each reading of the whole list ends with the same newest change, which is no reason to read the
// crowd around it again with the next polls.
func TestACrowdOfChangesIsReadOnceWithTheWholeList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), sessions(1000)...))
		time.Sleep(10 * time.Second)
		var rows atomic.Int64
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			reply, err := server.answer(args)
			rows.Add(int64(len(reply) / 3))
			return reply, err
		})
		time.Sleep(10 * time.Minute)
		assert.LessOrEqual(t, rows.Load(), int64(2*1000+700), "two readings of the whole list, and one row for each poll")
	})
}

// The whole list takes longer than MaxAge to be read. What is new must not wait for it, and the list
// must not become too old by it.
func TestASlowServerWithALongList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		began, expires := time.Now(), time.Now().Add(time.Hour).Unix()
		for n := range 20_000 {
			server.members = append(server.members, fakeMember{
				began.UnixMicro() + int64(n), fmt.Sprint("s23:", issuerURL, n), fmt.Sprint("b 0 ", expires),
			})
		}
		time.Sleep(10 * time.Second)
		list := newList(t, revocation.Config{Do: server.do, MaxAge: 5 * time.Second})
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			time.Sleep(300 * time.Millisecond)
			return server.answer(args)
		})
		defer run(t, list)()
		time.Sleep(time.Minute)
		require.Equal(t, 20_000, list.Status().Entries[revocation.Session])
		for range 6 * 60 {
			time.Sleep(time.Second)
			require.Less(t, list.Status().Age, 4*time.Second)
		}
		assert.Zero(t, list.Status().StaleRefused)
	})
}

// Failovers to a server whose clock is up to five seconds behind, and which has not the last
// changes, at any time after a change, and over a connection that breaks. What is added after one is
// read by the next polls, and not only with the whole list.
func TestFailoversToClocksThatAreBehind(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			defer logSeed(t, seed)
			random, server := rand.New(rand.NewPCG(seed, 3)), newFakeServer()
			var breaks atomic.Bool
			var calls atomic.Uint64
			server.behave(func(_ context.Context, args []string) ([]string, error) {
				if calls.Add(1)*(seed+7)%5 < 2 && breaks.Load() {
					return nil, errDown
				}
				return server.answer(args)
			})
			list := newList(t, revocation.Config{Do: server.do})
			defer run(t, list)()
			add := func(id string, behind time.Duration) {
				server.mu.Lock()
				defer server.mu.Unlock()
				server.behind = behind // also for what the list gives back
				server.members = append(server.members, fakeMember{server.nextScore(), "s23:" + issuerURL + id, fmt.Sprintf("b 0 %d", time.Now().Add(time.Hour).Unix())})
			}
			for n := range 8 {
				for m := range random.IntN(2) * 1050 { // more than one call reads
					add(fmt.Sprint(n, " ", m), 0)
				}
				add(fmt.Sprint("newest ", n), 0)
				breaks.Store(random.IntN(2) == 0)
				time.Sleep(time.Duration(random.Int64N(int64(8 * time.Second))))
				server.mu.Lock()
				server.members = server.members[:random.IntN(len(server.members))]
				server.mu.Unlock()
				id := fmt.Sprint("after ", n)
				add(id, time.Duration(random.Int64N(int64(overlap))))
				breaks.Store(false)
				time.Sleep(2200 * time.Millisecond) // the first poll may only end the reading that broke off
				require.True(t, revoked(t, list, id), n)
				time.Sleep(6 * time.Second) // the clocks agree again
			}
		})
	}
}

// A reading that broke off is as old as its beginning when it is complete.
func TestAFailoverAfterAReadingBrokeOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		time.Sleep(1500 * time.Millisecond)
		for n := range 1100 {
			server.put(fmt.Sprintf("s23:%s%d", issuerURL, n), fmt.Sprintf("b 0 %d", time.Now().Add(time.Hour).Unix()))
			time.Sleep(time.Microsecond)
		}
		var calls atomic.Int64
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			if calls.Add(1) > 1 {
				return nil, errDown
			}
			return server.answer(args)
		})
		time.Sleep(7 * time.Second)
		server.mu.Lock()
		server.members = server.members[:500]
		server.members = append(server.members, fakeMember{server.newest() + 1, "s23:" + issuerURL + "after", server.members[0].state})
		server.mu.Unlock()
		server.behave(nil)
		time.Sleep(2 * time.Second)
		assert.True(t, revoked(t, list, "0"))
		assert.True(t, revoked(t, list, "after"))
	})
}

// overlap is how far the documentation lets the clock of a new primary be behind.
const overlap = 5 * time.Second

// A reading that is interrupted goes on where it was.
func TestReadingsOverABadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		first := newList(t, revocation.Config{Do: server.do})
		require.NoError(t, first.Add(t.Context(), sessions(5500)...))
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
