package sharedtest_test

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

var outage = flag.Duration("outage", time.Second, "how long the server is away")

// With "appendonly yes" and "appendfsync always" a server forgets nothing when it is killed.
func TestOutageOfAPersistentServer(t *testing.T) {
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, persistent...)
			l := startLoad(t, connect, s.address, dpop.SharedConfig{})
			time.Sleep(500 * time.Millisecond)
			s.kill(t)
			gone := time.Now()
			time.Sleep(*outage)
			s.start(t)
			l.recover(t, name, gone)
			l.requireNoneTwice(t, connect, s.address)
		})
	}
}

// A server that is stopped accepts connections and commands, and answers them when it goes on.
func TestOutageOfAServerThatHangs(t *testing.T) {
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, forgetful...)
			l := startLoad(t, connect, s.address, dpop.SharedConfig{})
			time.Sleep(500 * time.Millisecond)
			s.hang(t)
			gone := time.Now()
			time.Sleep(*outage)
			began, calls := time.Now(), l.servers[0].Status().Calls
			time.Sleep(time.Second)
			asked, took := l.servers[0].Status().Calls-calls, time.Since(began)
			s.wake(t)
			l.recover(t, name, gone)
			most := 1 + workers + uint64(took/time.Second) // with those that were under way
			assert.LessOrEqual(t, asked, most, "of 1,000 requests, those that an open breaker lets through")
			l.requireNoneTwice(t, connect, s.address)
		})
	}
}

// A server without persistence forgets all. The processes that used a proof know it still.
func TestAForgetfulServer(t *testing.T) {
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, forgetful...)
			first := newShared(t, connect(t, s.address), dpop.SharedConfig{Timeout: slow})
			use := func(shared *dpop.Shared) bool {
				fresh, err := shared.Use(t.Context(), keyOf(1), idOf(1), time.Now().Add(lifetime))
				require.NoError(t, err)
				return fresh
			}
			require.True(t, use(first))
			require.False(t, use(newShared(t, connect(t, s.address), dpop.SharedConfig{Timeout: slow})))
			s.kill(t)
			s.start(t)
			assert.False(t, use(first), "the process knows it")
			assert.True(t, use(newShared(t, connect(t, s.address), dpop.SharedConfig{Timeout: slow})), "documented: once more")
			assert.False(t, use(newShared(t, connect(t, s.address), dpop.SharedConfig{Timeout: slow})))
		})
	}
}

// With LocalOnOutage nothing is refused, and each server accepts a proof once.
func TestOutageWithLocalOnOutage(t *testing.T) {
	t.Parallel()
	s := startServer(t, persistent...)
	l := startLoad(t, clients["valkey-go"], s.address, dpop.SharedConfig{LocalOnOutage: true})
	time.Sleep(200 * time.Millisecond)
	s.kill(t)
	time.Sleep(*outage)
	s.start(t)
	time.Sleep(time.Second)
	l.end()
	for _, r := range l.results {
		require.False(t, r.refused)
	}
	twice := 0
	for id, times := range l.fresh {
		require.LessOrEqual(t, times, 2, "proof %d at two servers", id)
		twice += times - 1
	}
	t.Logf("%d of %d proofs were used at both servers", twice, len(l.fresh))
	assert.NotZero(t, l.servers[0].Status().Fallbacks)
}
