package dpop_test

import (
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A modelServer is one of the processes that share a store. Its clock is a few seconds wrong.
type modelServer struct {
	clock  *wallClock
	shared *dpop.Shared
	broken bool // nothing was fresh here since the last error
}

// A sharedHistory is one random run of servers and their store.
type sharedHistory struct {
	*rand.Rand
	store   *fakeStore
	servers []*modelServer
	proofs  []*modelProof
	local   bool // LocalOnOutage
	forgets bool // the store has no persistence
	losses  int  // how often it has forgotten all

	mu     sync.Mutex // guards the fields below
	faults *rand.Rand
	failed time.Time // when a call failed last
}

// TestModelOfShared runs random histories of servers that come and go, of a store that fails in
// each way, and of concurrent uses, against a plain reference. No proof is fresh twice, but for
// what the documentation says: once by each process with LocalOnOutage, and once more after
// the store has forgotten all. Two seconds after a failure the first new proof is fresh, and then
// each one. No use takes longer than the budget.
func TestModelOfShared(t *testing.T) {
	var fresh, replays, refused, twice atomic.Int64
	t.Run("histories", func(t *testing.T) {
		runHistories(t, func(t *testing.T, r *rand.Rand) {
			h := &sharedHistory{
				Rand: r, store: newFakeStore(), local: r.IntN(3) == 0, forgets: r.IntN(3) == 0,
				faults: rand.New(rand.NewPCG(r.Uint64(), 0)),
			}
			for range 3 {
				h.servers = append(h.servers, &modelServer{clock: &wallClock{}})
				h.restart(t, h.servers[len(h.servers)-1])
			}
			for range 400 {
				h.step(t)
				h.burst(t, &fresh, &replays, &refused)
			}
			for _, p := range h.proofs {
				h.check(t, p)
				if p.uses() > 1 {
					twice.Add(1)
				}
			}
			h.store.behave(nil)
			time.Sleep(time.Minute) // the calls that hang end
		})
	})
	reportKinds(t, map[string]*atomic.Int64{"fresh": &fresh, "replays": &replays, "refused": &refused, "used twice, as documented": &twice})
}

func (h *sharedHistory) restart(t *testing.T, s *modelServer) {
	s.broken = false
	s.shared = newShared(t, h.store, dpop.SharedConfig{Now: s.clock.Now, LocalOnOutage: h.local, Logger: silent})
}

// step lets time pass, and something happen.
func (h *sharedHistory) step(t *testing.T) {
	time.Sleep(time.Duration(h.IntN(4000)) * time.Millisecond)
	server := h.servers[h.IntN(len(h.servers))]
	switch h.IntN(40) {
	case 0:
		h.restart(t, server)
	case 1, 2:
		server.clock.ahead = time.Duration(h.IntN(30)-15) * time.Second
	case 3, 4:
		h.store.behave(h.fault(h.IntN(7)))
	case 5, 6, 7, 8:
		h.store.behave(nil)
	case 9:
		h.store.behave(func(ctx context.Context, args []string) ([]string, error) {
			h.mu.Lock()
			kind := h.faults.IntN(7)
			h.mu.Unlock()
			return h.fault(kind)(ctx, args)
		})
	case 10:
		if h.forgets {
			h.store.mu.Lock()
			clear(h.store.values)
			h.store.mu.Unlock()
			h.losses++
		}
	}
}

// fault returns a way to fail. Some store the value although no reply comes in time.
func (h *sharedHistory) fault(kind int) func(context.Context, []string) ([]string, error) {
	return func(ctx context.Context, args []string) ([]string, error) {
		h.mu.Lock()
		h.failed = time.Now()
		h.mu.Unlock()
		switch kind {
		case 0:
			return nil, errDown
		case 1:
			return hangs(ctx, args)
		case 2:
			_, _ = h.store.answer(args)
			return nil, io.ErrUnexpectedEOF
		case 3: // late
			time.Sleep(200 * time.Millisecond)
			return h.store.answer(args)
		case 4: // sent again after a lost reply
			_, _ = h.store.answer(args)
			return h.store.answer(args)
		case 5:
			return []string{"OK"}, nil
		}
		time.Sleep(40 * time.Millisecond)
		return h.store.answer(args)
	}
}

// burst uses a proof at several servers at once, each of which accepts it.
func (h *sharedHistory) burst(t *testing.T, fresh, replays, refused *atomic.Int64) {
	p := newModelProof(h.Rand, len(h.proofs), h.servers[h.IntN(len(h.servers))].clock.Now())
	if len(h.proofs) > 0 && h.IntN(2) == 0 {
		p = h.proofs[max(0, len(h.proofs)-1-h.IntN(40))]
	} else {
		h.proofs = append(h.proofs, p)
	}
	var servers []*modelServer
	for range 1 + h.IntN(4) {
		if server := h.servers[h.IntN(len(h.servers))]; p.accepted(server.clock.Now()) {
			servers = append(servers, server)
		}
	}
	isNew, works := !p.asked, h.works()
	var all sync.WaitGroup
	var mu sync.Mutex
	var problems []error
	for _, server := range servers {
		p.asked, works = true, works && !server.broken
	}
	for _, server := range servers {
		all.Go(func() {
			began := time.Now()
			isFresh, err := server.shared.Use(context.Background(), p.key, p.id, p.until)
			assert.LessOrEqual(t, time.Since(began), 50*time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				assert.False(t, isFresh)
				refused.Add(1)
				if isNew || !strings.Contains(err.Error(), "the clock was set back") {
					problems = append(problems, err)
				}
				server.broken = true
			case isFresh:
				fresh.Add(1)
				p.fresh[server.shared]++
				server.broken = false
			default:
				replays.Add(1)
			}
		})
	}
	all.Wait()
	if !works || !h.works() || len(servers) == 0 {
		return
	}
	assert.Empty(t, problems, "the store answers")
	if isNew {
		assert.Equal(t, 1, p.uses(), "a new proof")
	}
}

// works reports whether no call has failed for two seconds.
func (h *sharedHistory) works() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Since(h.failed) > 2*time.Second
}

// check compares how often a proof was fresh with what is documented.
func (h *sharedHistory) check(t *testing.T, p *modelProof) {
	for _, uses := range p.fresh {
		assert.Equal(t, 1, uses, "fresh twice in one process")
	}
	switch {
	case h.local: // once by each process
	case h.losses > 0:
		assert.LessOrEqual(t, p.uses(), 1+h.losses)
	default:
		assert.LessOrEqual(t, p.uses(), 1, "fresh twice")
	}
}
