package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims/revocation"
)

// knows reports whether a process that starts now refuses the tokens of a session.
func knows(t *testing.T, server *fakeServer, id string) bool {
	t.Helper()
	return revoked(t, newList(t, revocation.Config{Do: server.do}), id)
}

// A server that has lost the list gets it back from the processes that run.
func TestWhatAServerHasLostIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do, Logger: log.logger()}), newList(t, revocation.Config{Do: server.do})
		defer run(t, a, b)()
		c := newList(t, revocation.Config{Do: server.do})
		short := revocation.Entry{Kind: revocation.Token, Issuer: issuerURL, ID: "short", ExpiresAt: time.Now()}
		require.NoError(t, c.Add(t.Context(), session("read"), session("removed"), session("changed"), short))
		require.NoError(t, a.Add(t.Context(), session("own")))
		time.Sleep(2 * time.Minute)
		require.NoError(t, c.Remove(t.Context(), session("removed"), session("changed")))
		require.NoError(t, c.Add(t.Context(), session("changed")))
		time.Sleep(4 * time.Minute)
		require.Empty(t, log.String())

		server.lose()
		assert.False(t, knows(t, server, "read"))
		time.Sleep(13 * time.Second)
		for _, id := range []string{"read", "own", "changed"} {
			assert.True(t, knows(t, server, id), id)
		}
		assert.False(t, knows(t, server, "removed"))
		assert.Equal(t, 3, server.size(), "nor what has expired")
		assert.EqualValues(t, 3, max(a.Status().GivenBack, b.Status().GivenBack))
		assert.Zero(t, a.Status().Waiting+b.Status().Waiting)
		assert.Contains(t, log.String(), "level=WARN msg=\"revocation: the server has lost changes of the shared list, which is read again\"\n")
		time.Sleep(20 * time.Minute)
		assert.LessOrEqual(t, strings.Count(log.String(), "\n"), 2, "once")
		if a.Status().GivenBack > 0 {
			assert.Contains(t, log.String(), "and the newest are sent again\" entries=3 list=3\n")
		}
		assert.NotContains(t, log.String(), "example")
	})
}

// A failover loses the last writes, and a new one can follow at once.
func TestTheLastWritesThatAFailoverLosesAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("kept")))
		time.Sleep(time.Minute)
		require.NoError(t, list.Add(t.Context(), session("lost")))
		time.Sleep(2 * time.Second)
		server.mu.Lock()
		server.members = slices.DeleteFunc(server.members, func(m fakeMember) bool { return strings.HasSuffix(m.id, "lost") })
		server.mu.Unlock()
		require.NoError(t, newList(t, revocation.Config{Do: server.do}).Add(t.Context(), session("new")))
		time.Sleep(13 * time.Second)
		for _, id := range []string{"kept", "lost", "new"} {
			assert.True(t, knows(t, server, id), id)
		}
		assert.EqualValues(t, 1, list.Status().GivenBack)
	})
}

// An entry that was removed since the loss stays removed, although another process was about to
// give it back. Processes that give back the same entry change it once.
func TestWhatIsGivenBackIsNotNewerThanWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("removed"), session("there"), session("lost")))
		time.Sleep(2 * time.Second)
		server.mu.Lock()
		there := server.members[1]
		server.mu.Unlock()
		server.lose()
		var given atomic.Bool
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			if strings.Contains(args[1], "ZADD") && !given.Swap(true) {
				server.put("s23:"+issuerURL+"removed", "r 0 "+strings.Fields(there.state)[2])
				server.put(there.id, there.state)
			}
			return server.answer(args)
		})
		time.Sleep(13 * time.Second)
		require.True(t, given.Load())
		server.behave(nil)
		for id, want := range map[string]bool{"removed": false, "there": true, "lost": true} {
			assert.Equal(t, want, knows(t, server, id), id)
			assert.Equal(t, want, revoked(t, list, id), id)
		}
		assert.Equal(t, there.id, server.members[1].id, "not written again, which would have it read again")
		assert.Zero(t, list.Status().Waiting)
		require.NoError(t, list.Add(t.Context(), session("removed")))
		assert.True(t, knows(t, server, "removed"), "a new addition is another thing")
	})
}

// An entry that waits to be given back is sent as a new one if it is added again.
func TestAnAdditionOfWhatWaitsToBeGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("x")))
		time.Sleep(2 * time.Second)
		server.lose()
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			if strings.Contains(args[1], "ZADD") {
				return nil, errors.New("outage")
			}
			return server.answer(args)
		})
		time.Sleep(13 * time.Second)
		require.Equal(t, 1, list.Status().Waiting)
		server.put("s23:"+issuerURL+"x", fmt.Sprintf("r 0 %d", time.Now().Add(time.Hour).Unix()))
		server.behave(nil)
		require.NoError(t, list.Add(t.Context(), session("x")))
		assert.True(t, knows(t, server, "x"))
	})
}

// A server that evicts keys can lose one of the two.
func TestAServerThatLosesTheStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("x"), session("y")))
		time.Sleep(2 * time.Second)
		server.mu.Lock()
		for n := range server.members {
			server.members[n].state = ""
		}
		server.mu.Unlock()
		time.Sleep(13 * time.Second)
		assert.True(t, knows(t, server, "x"))
		assert.True(t, knows(t, server, "y"))
		assert.NotZero(t, list.Status().Malformed)
	})
}

// What the server forgets because it has expired is not lost.
func TestWhatHasExpiredIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do, Logger: log.logger()})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("x"), session("y")))
		require.NoError(t, list.Remove(t.Context(), session("y")))
		time.Sleep(3 * time.Hour)
		assert.Zero(t, server.size())
		assert.Empty(t, log.String())
		assert.Zero(t, list.Status().GivenBack)
	})
}

// A reading that goes on where it was interrupted does not meet again what it has met before.
func TestAnInterruptedReadingIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do, Logger: log.logger()})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("x")))
		time.Sleep(2 * time.Second)
		for n := range 1500 {
			server.put(fmt.Sprintf("s23:%s%d", issuerURL, n), fmt.Sprintf("b 0 %d", time.Now().Add(time.Hour).Unix()))
			time.Sleep(time.Microsecond)
		}
		var calls atomic.Int64
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			if calls.Add(1) == 2 {
				return nil, errors.New("outage")
			}
			return server.answer(args)
		})
		time.Sleep(20 * time.Second)
		assert.EqualValues(t, 1, list.Status().Failures)
		assert.True(t, revoked(t, list, "1499"))
		assert.Empty(t, log.String())
		server.lose()
		time.Sleep(13 * time.Second)
		assert.True(t, knows(t, server, "1499"), "a loss is noticed afterwards")
	})
}

// The memory for what can be given back is bounded. The newest entries have it.
func TestTheNewestEntriesAreGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		expires := time.Now().Add(time.Hour).Unix()
		server.mu.Lock()
		for n := range 10_500 {
			server.members = append(server.members, fakeMember{int64(n + 1), fmt.Sprintf("s23:%s%d", issuerURL, n), fmt.Sprintf("b 0 %d", expires)})
		}
		server.mu.Unlock()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		time.Sleep(10 * time.Second)
		require.NoError(t, list.Add(t.Context(), session("500")))
		time.Sleep(2 * time.Second)
		require.NoError(t, list.Add(t.Context(), session("new")))
		time.Sleep(5 * time.Minute)
		server.lose()
		var writes int
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			if strings.Contains(args[1], "ZADD") {
				writes++
			}
			return server.answer(args)
		})
		time.Sleep(20 * time.Second)
		assert.Equal(t, 10_000, server.size())
		assert.Equal(t, 100, writes)
		server.behave(nil)
		for id, want := range map[string]bool{"0": false, "500": true, "501": false, "502": true, "10499": true, "new": true} {
			assert.Equal(t, want, knows(t, server, id), id)
			assert.True(t, revoked(t, list, id))
		}
	})
}

// Random histories of four processes whose server loses all, or its last changes, now and then.
func TestHistoriesWithLosses(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			defer logSeed(t, seed)
			random, server := rand.New(rand.NewPCG(seed, 2)), newFakeServer()
			lists := make([]*revocation.List, 4)
			for n := range lists {
				lists[n] = newList(t, revocation.Config{Do: server.do})
			}
			defer run(t, lists...)()
			cutOff := make(map[string]bool)
			for range 60 {
				id, list := fmt.Sprint(random.IntN(30)), lists[random.IntN(len(lists))]
				switch random.IntN(4) {
				case 0:
					require.NoError(t, list.Remove(t.Context(), session(id)))
					cutOff[id] = false
				default:
					require.NoError(t, list.Add(t.Context(), session(id)))
					cutOff[id] = true
				}
				time.Sleep(2 * time.Second) // all processes have read it
				if random.IntN(10) == 0 {
					server.mu.Lock()
					server.members = server.members[:random.IntN(len(server.members))]
					server.mu.Unlock()
					time.Sleep(15 * time.Second)
				}
				for _, list := range append(lists, newList(t, revocation.Config{Do: server.do})) {
					for id, want := range cutOff {
						require.Equal(t, want, revoked(t, list, id), id)
					}
				}
			}
		})
	}
}
