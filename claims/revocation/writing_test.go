package revocation_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
)

// A process that is cut off from the server cannot undo later what others have added meanwhile.
func TestAnOldRemovalDoesNotUndoANewerAddition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		var down atomic.Bool
		a := newList(t, revocation.Config{Do: func(ctx context.Context, args ...string) ([]string, error) {
			if down.Load() {
				return nil, errDown
			}
			return server.do(ctx, args...)
		}})
		b := newList(t, revocation.Config{Do: server.do})
		defer run(t, a, b)()
		down.Store(true)
		require.Error(t, a.Remove(t.Context(), session("alice")))
		time.Sleep(40 * time.Second)
		require.NoError(t, b.Add(t.Context(), session("alice")))
		down.Store(false)
		for range 10 {
			time.Sleep(2 * time.Second)
			assert.True(t, revoked(t, a, "alice"))
			assert.True(t, revoked(t, b, "alice"))
		}
	})
}

// The server can carry out a removal when its caller has long had an error.
func TestARemovalThatRunsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		var late atomic.Bool
		a := newList(t, revocation.Config{Do: func(ctx context.Context, args ...string) ([]string, error) {
			if late.Load() && strings.Contains(args[1], "ZADD") {
				time.Sleep(10 * time.Second)
			}
			return server.do(ctx, args...)
		}})
		b := newList(t, revocation.Config{Do: server.do})
		defer run(t, a, b)()
		require.NoError(t, b.Add(t.Context(), session("alice"), session("bob")))
		late.Store(true)
		require.Error(t, a.Remove(t.Context(), session("alice"), session("bob")))
		require.NoError(t, b.Add(t.Context(), session("alice")))
		for range 20 {
			time.Sleep(2 * time.Second)
			assert.True(t, revoked(t, b, "alice"))
			assert.True(t, revoked(t, a, "alice"))
		}
		assert.False(t, revoked(t, b, "bob"), "it was not added since")
	})
}

// What Add has put on the list is there from then on, whatever a poll has read before.
func TestAPollThatHasReadARemovalUndoesNoAddition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		time.Sleep(10500 * time.Millisecond)
		require.NoError(t, list.Add(t.Context(), session("x")))
		require.NoError(t, list.Remove(t.Context(), session("x")))
		server.put("s23:"+issuerURL+"expired", "b 0 1000")
		reading := make(chan bool, 100)
		server.behave(func(ctx context.Context, args []string) ([]string, error) {
			reply, err := server.answer(args)
			switch {
			case strings.Contains(args[1], "HDEL"):
				<-ctx.Done() // the poll ends later
			case !strings.Contains(args[1], "ZADD"):
				reading <- true
				time.Sleep(100 * time.Millisecond)
			}
			return reply, err
		})
		<-reading
		require.NoError(t, list.Add(t.Context(), session("x")))
		for range 300 {
			time.Sleep(10 * time.Millisecond)
			require.True(t, revoked(t, list, "x"))
		}
	})
}

// Nor one that is part of a long call, and is sent after the poll.
func TestAPollDuringALongAdditionUndoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list, other := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		time.Sleep(10500 * time.Millisecond)
		require.NoError(t, other.Add(t.Context(), session("999")))
		require.NoError(t, other.Remove(t.Context(), session("999")))
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			if strings.Contains(args[1], "ZADD") {
				time.Sleep(400 * time.Millisecond)
			}
			return server.answer(args)
		})
		entries := make([]revocation.Entry, 1000)
		for n := range entries {
			entries[n] = session(fmt.Sprint(n))
		}
		var adding sync.WaitGroup
		adding.Go(func() { assert.NoError(t, list.Add(t.Context(), entries...)) })
		synctest.Wait()
		for range 600 {
			require.True(t, revoked(t, list, "999"))
			time.Sleep(10 * time.Millisecond)
		}
		adding.Wait()
	})
}

// An entry that the server has no room for does not hold up changes that need none.
func TestAFullServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do, MaxEntries: 120}), newList(t, revocation.Config{Do: server.do, MaxEntries: 120})
		defer run(t, a, b)()
		alice := revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "alice"}
		entries := []revocation.Entry{alice}
		for n := range 118 {
			entries = append(entries, session(fmt.Sprint(n)))
		}
		require.NoError(t, a.Add(t.Context(), entries...))
		require.NoError(t, a.Add(t.Context(), session("last"), session("last")), "one new entry, twice")
		for n := range 150 {
			require.ErrorContains(t, a.Add(t.Context(), session(fmt.Sprint("more ", n))), "FULL")
		}
		time.Sleep(time.Minute)
		assert.Equal(t, 150, a.Status().Waiting)
		assert.ErrorContains(t, a.Status().Err, "FULL")

		err := a.Add(t.Context(), session("too many"), alice)
		assert.ErrorContains(t, err, "the server did not take 1 changes, which are sent again: FULL")
		require.NoError(t, a.Add(t.Context(), alice), "a change of what it has")
		require.NoError(t, a.Remove(t.Context(), session("0")))
		token := tokenWith(t, `"sub":"alice",`+issuedAt(time.Now().Add(-time.Second)))
		time.Sleep(1100 * time.Millisecond)
		assert.ErrorIs(t, b.Check(t.Context(), token), claims.ErrRevoked)
		assert.False(t, revoked(t, b, "0"))
	})
}

// An entry that is full there must not keep what waits behind it from the other processes.
func TestWhatWaitsBehindAFullList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do, MaxEntries: 3}), newList(t, revocation.Config{Do: server.do, MaxEntries: 3})
		defer run(t, a, b)()
		alice := revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "alice"}
		require.NoError(t, a.Add(t.Context(), session("0"), session("1"), alice))
		var entries []revocation.Entry
		for n := range 300 {
			entries = append(entries, session(fmt.Sprint("more ", n)))
		}
		server.behave(isDown)
		time.Sleep(20 * time.Second)
		require.Error(t, a.Add(t.Context(), append(entries, alice)...))
		token := tokenWith(t, `"sub":"alice",`+issuedAt(time.Now().Add(-time.Second)))
		server.behave(nil)
		time.Sleep(3 * time.Second)
		assert.ErrorIs(t, b.Check(t.Context(), token), claims.ErrRevoked)
	})
}

// Nor when no more can wait.
func TestWhatAFullOutboxHasNoRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do, MaxEntries: 2}), newList(t, revocation.Config{Do: server.do, MaxEntries: 2})
		alice := revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "alice"}
		require.NoError(t, a.Add(t.Context(), session("0"), alice))
		entries := make([]revocation.Entry, 10_000)
		for n := range entries {
			entries[n] = session(fmt.Sprint("more ", n))
		}
		require.ErrorContains(t, a.Add(t.Context(), entries...), "did not take 10000 changes, which are sent again: FULL")
		assert.Equal(t, 10_000, a.Status().Waiting)
		time.Sleep(10 * time.Second)
		assert.ErrorContains(t, a.Add(t.Context(), alice, session("too many")), "did not take 1 changes, 1 of which are not sent again: FULL")
		token := tokenWith(t, `"sub":"alice",`+issuedAt(time.Now()))
		assert.ErrorIs(t, b.Check(t.Context(), token), claims.ErrRevoked)
		require.NoError(t, a.Add(t.Context(), alice))
		assert.Equal(t, 10_000, a.Status().Waiting)
		server.behave(isDown)
		assert.ErrorContains(t, a.Add(t.Context(), alice), "1 of which are not sent again")
		time.Sleep(10 * time.Second)
	})
}

func TestOneEntryWaitsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		server.behave(isDown)
		a, b := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		defer run(t, a, b)()
		at := time.Now()
		for n := range 1000 {
			require.Error(t, a.Add(t.Context(), session("same"), revocation.Entry{
				Kind: revocation.Subject, Issuer: issuerURL, ID: "u", NotBefore: at.Add(time.Duration(n%500) * time.Second),
			}))
		}
		assert.Equal(t, 2, a.Status().Waiting)
		server.behave(nil)
		time.Sleep(3 * time.Second)
		assert.Zero(t, a.Status().Waiting)
		assert.True(t, revoked(t, b, "same"))
		assert.ErrorIs(t, b.Check(t.Context(), tokenWith(t, `"sub":"u",`+issuedAt(at.Add(499*time.Second)))), claims.ErrRevoked, "the latest one counts")
	})
}

// What changes while it is sent is sent again.
func TestAnEntryThatChangesWhileItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		defer run(t, b)()
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			reply, err := server.answer(args)
			if strings.Contains(args[1], "ZADD") {
				time.Sleep(200 * time.Millisecond)
			}
			return reply, err
		})
		at := time.Now()
		var both sync.WaitGroup
		for n := range 2 {
			both.Go(func() {
				time.Sleep(time.Duration(n) * 100 * time.Millisecond)
				assert.NoError(t, a.Add(t.Context(), revocation.Entry{
					Kind: revocation.Subject, Issuer: issuerURL, ID: "u", NotBefore: at.Add(time.Duration(n) * time.Minute),
				}))
			})
		}
		both.Wait()
		time.Sleep(2 * time.Second)
		assert.ErrorIs(t, b.Check(t.Context(), tokenWith(t, `"sub":"u",`+issuedAt(at.Add(time.Minute)))), claims.ErrRevoked)
	})
}

// A caller waits for its own changes, not for those that an outage has left behind.
func TestAnAdditionDoesNotWaitForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		server.behave(isDown)
		list := newList(t, revocation.Config{Do: server.do})
		entries := make([]revocation.Entry, 5000)
		for n := range entries {
			entries[n] = session(fmt.Sprint(n))
		}
		require.Error(t, list.Add(t.Context(), entries...))
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			time.Sleep(400 * time.Millisecond)
			return server.answer(args)
		})
		began := time.Now()
		require.NoError(t, list.Add(t.Context(), session("one")))
		assert.LessOrEqual(t, time.Since(began), time.Second)
		assert.True(t, revoked(t, newList(t, revocation.Config{Do: server.do}), "one"), "Add returns nil only for what the server has")
		defer run(t, list)()
		assert.Eventually(t, func() bool { return !list.Status().Stale }, 5*time.Second, 100*time.Millisecond, "a poll reads before all is sent")
		assert.NotZero(t, list.Status().Waiting)
		time.Sleep(2 * time.Minute)
		assert.Zero(t, list.Status().Waiting)
	})
}

func TestARemovalOfAnEntryThatIsNotSentYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		defer run(t, a, b)()
		time.Sleep(3 * time.Second)
		server.behave(isDown)
		require.Error(t, a.Add(t.Context(), session("x"), session("y")))
		require.Error(t, a.Remove(t.Context(), session("x")))
		assert.Equal(t, 1, a.Status().Waiting)
		time.Sleep(2 * time.Second)
		assert.False(t, revoked(t, a, "x"), "after a poll")
		server.behave(nil)
		time.Sleep(3 * time.Second)
		for _, list := range []*revocation.List{a, b} {
			assert.False(t, revoked(t, list, "x"))
			assert.True(t, revoked(t, list, "y"))
		}
	})
}

// What the server has taken of a long removal is removed, and nothing else.
func TestARemovalThatFailsHalfWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		entries := make([]revocation.Entry, 250)
		for n := range entries {
			entries[n] = session(fmt.Sprint(n))
		}
		require.NoError(t, list.Add(t.Context(), entries...))
		var writes int
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			if strings.Contains(args[1], "ZADD") {
				writes++
			}
			if writes == 2 {
				return nil, errDown
			}
			return server.answer(args)
		})
		err := list.Remove(t.Context(), append(entries, session("never there"))...)
		require.ErrorContains(t, err, "the server did not take 151 removals, which are not sent again")
		assert.Equal(t, 150, list.Status().Entries[revocation.Session])
		for range 2 {
			for n := range entries {
				assert.Equal(t, n >= 100, revoked(t, list, fmt.Sprint(n)), n)
			}
			assert.False(t, revoked(t, list, "never there"))
			server.behave(nil)
			time.Sleep(10 * time.Minute)
		}
	})
}

// A reply that the script never gives is a failure, never a success.
func TestRepliesToChanges(t *testing.T) {
	for _, reply := range [][]string{{}, {"FULL"}, {"FULL", "1"}, {"FULL", "-1"}, {"FULL", "x"}, {"OK", "0"}, {"no", "0"}} {
		t.Run(fmt.Sprint(reply), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newFakeServer()
				server.behave(func(context.Context, []string) ([]string, error) { return reply, nil })
				list := newList(t, revocation.Config{Do: server.do})
				assert.ErrorContains(t, list.Add(t.Context(), session("x")), "a reply that the script never gives")
				assert.Equal(t, 1, list.Status().Waiting)
				assert.ErrorContains(t, list.Remove(t.Context(), session("x")), "a reply that the script never gives")
			})
		})
	}
}
