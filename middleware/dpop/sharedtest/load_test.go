package sharedtest_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// A load is requests at a steady rate to two servers, which share a store. Each proof is used
// at one server, and some time later again at the other one.
type load struct {
	servers [2]*dpop.Shared
	stop    context.CancelFunc
	all     sync.WaitGroup
	next    atomic.Int64

	mu      sync.Mutex
	fresh   map[int]int
	results []result
}

// A result is what became of a new proof.
type result struct {
	server  int
	at      time.Time // when it was sent
	took    time.Duration
	refused bool
}

const (
	workers   = 10
	eachTakes = 10 * time.Millisecond // so the rate is 1,000 a second, and as many replays
)

func startLoad(t *testing.T, connect func(testing.TB, string) doFunc, address string, config dpop.SharedConfig) *load {
	t.Helper()
	config.Logger = silent
	l := &load{fresh: make(map[int]int)}
	for n := range l.servers {
		l.servers[n] = newShared(t, connect(t, address), config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.stop = cancel
	for n := range workers {
		l.all.Go(func() {
			ticks := time.NewTicker(eachTakes)
			defer ticks.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticks.C:
					l.request(t, n)
				}
			}
		})
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.all.Wait()
}

// request uses a new proof at one server, and then an older one at the other.
func (l *load) request(t *testing.T, worker int) {
	id := int(l.next.Add(1))
	began := time.Now()
	err := l.use(t, worker%2, id)
	l.mu.Lock()
	l.results = append(l.results, result{worker % 2, began, time.Since(began), err != nil})
	l.mu.Unlock()
	if older := id - rand.IntN(2000); older > 0 {
		_ = l.use(t, (worker+1)%2, older)
	}
}

func (l *load) use(t *testing.T, server, id int) error {
	fresh, err := l.servers[server].Use(context.Background(), keyOf(id), idOf(id), time.Now().Add(lifetime))
	assert.False(t, fresh && err != nil)
	if fresh {
		l.mu.Lock()
		l.fresh[id]++
		l.mu.Unlock()
	}
	return err
}

// requireNoneTwice ends the load, and shows all used proofs to a server that has not seen them.
func (l *load) requireNoneTwice(t *testing.T, connect func(testing.TB, string) doFunc, address string) {
	t.Helper()
	l.end()
	other := newShared(t, connect(t, address), dpop.SharedConfig{Timeout: slow})
	require.NotEmpty(t, l.fresh)
	for id, times := range l.fresh {
		require.Equal(t, 1, times, "proof %d", id)
		fresh, err := other.Use(t.Context(), keyOf(id), idOf(id), time.Now().Add(lifetime))
		require.NoError(t, err)
		require.False(t, fresh, "proof %d is forgotten", id)
	}
}

// recover waits until requests are accepted again by both servers, and prints what they got
// while the store was gone.
func (l *load) recover(t *testing.T, name string, gone time.Time) {
	t.Helper()
	back := time.Now()
	for n := range l.servers {
		for ; !l.accepts(n, back); time.Sleep(10 * time.Millisecond) {
			require.Less(t, time.Since(back), patience, "it recovers")
		}
	}
	recovered := time.Now()
	time.Sleep(500 * time.Millisecond)
	l.end()
	// The server is up a little before back, and a request can begin while it is away and reach
	// it when it is up: so the last of the time does not count.
	during, after := l.between(gone, gone.Add(*outage-200*time.Millisecond)), l.between(recovered, time.Now())
	t.Logf("%s: gone for %v, %v of the requests refused; both servers accept again after %v, then %v refused; the slowest took %v",
		name, back.Sub(gone).Round(time.Millisecond), during, recovered.Sub(back).Round(time.Millisecond), after, during.slowest)
	assert.Equal(t, during.requests, during.refused, "no request is accepted without the store")
	assert.Less(t, during.slowest, time.Second, "the budget is 50 ms; the machine may be busy")
}

// accepts reports whether a server has accepted a new proof since then. On a busy machine it can
// refuse all of some time, because the budget is 50 ms.
func (l *load) accepts(server int, since time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.results, func(r result) bool { return r.server == server && r.at.After(since) && !r.refused })
}

// A summary is of the requests with new proofs in some time.
type summary struct {
	requests, refused int
	slowest           time.Duration
}

func (s summary) String() string {
	return fmt.Sprintf("%d of %d (%.1f %%)", s.refused, s.requests, 100*float64(s.refused)/float64(max(s.requests, 1)))
}

func (l *load) between(from, to time.Time) (s summary) {
	for _, r := range l.results {
		if r.at.Before(from) || r.at.Add(r.took).After(to) {
			continue
		}
		s.requests++
		if r.refused {
			s.refused++
		}
		s.slowest = max(s.slowest, r.took.Round(time.Millisecond))
	}
	return s
}
