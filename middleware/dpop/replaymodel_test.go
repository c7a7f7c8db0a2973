package dpop_test

import (
	"flag"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

var (
	replayHistories = flag.Int("replay.histories", 0, "how many random histories the replay models run; 0 for 400, and 40 under race")
	replaySeed      = flag.Uint64("replay.seed", 0, "run only the history of this seed")
)

// runHistories runs random histories. A failure prints the seed that reproduces it:
// go test ./middleware/dpop -run Model -replay.seed=N
func runHistories(t *testing.T, run func(t *testing.T, r *rand.Rand)) {
	history := func(t *testing.T, seed uint64) {
		synctest.Test(t, func(t *testing.T) {
			run(t, rand.New(rand.NewPCG(seed, 0)))
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		})
	}
	if *replaySeed != 0 {
		history(t, *replaySeed)
		return
	}
	histories := *replayHistories
	if histories == 0 {
		histories = 400
		if replayRace || testing.Short() {
			histories = 40
		}
	}
	var next atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1); seed <= uint64(histories) && !t.Failed(); seed = next.Add(1) {
				history(t, seed)
			}
		})
	}
}

// A modelProof is accepted by a wall clock from one moment to another. A store that was asked
// before that, or after, owes no answer.
type modelProof struct {
	id, key    [32]byte
	from, last time.Time
	until      time.Time
	fresh      map[any]int // how often, by the process
	asked      bool
}

func (p *modelProof) accepted(wall time.Time) bool {
	return !wall.Before(p.from) && !wall.After(p.last)
}

func (p *modelProof) uses() (n int) {
	for _, uses := range p.fresh {
		n += uses
	}
	return n
}

// newModelProof returns a proof that a client makes now, for a server with this clock: one with a
// nonce, or one whose iat is a few seconds wrong.
func newModelProof(r *rand.Rand, n int, wall time.Time) *modelProof {
	p := &modelProof{id: proofID(n), key: proofID(-1 - r.IntN(5)), fresh: make(map[any]int)}
	if r.IntN(3) == 0 {
		step := wall.Unix() / 60
		p.from, p.until = time.Unix(step*60, 0), time.Unix((step+2)*60, 0)
		p.last = p.until.Add(-time.Nanosecond)
		return p
	}
	issued := wall.Add(time.Duration(r.IntN(20)-10) * time.Second).Truncate(time.Second)
	p.from, p.last, p.until = issued.Add(-30*time.Second), issued.Add(time.Minute), issued.Add(lifetime)
	return p
}

// TestModelOfMemory runs random histories of uses and of clocks that are set, against a plain
// reference: no proof is fresh twice, and one that was not used is no replay. It is fresh, unless
// the clock was set back from a time at which it had expired, or the memory is full.
func TestModelOfMemory(t *testing.T) {
	var fresh, back, full, replays atomic.Int64
	t.Run("histories", func(t *testing.T) {
		runHistories(t, func(t *testing.T, r *rand.Rand) {
			c := &wallClock{}
			config := dpop.MemoryConfig{Now: c.Now}
			if r.IntN(2) == 0 {
				config.MaxEntries = 20 + r.IntN(100)
			}
			m := newMemory(t, config)
			var proofs []*modelProof
			highest := c.Now()
			for step := range 1500 {
				modelTime(r, c)
				if c.Now().After(highest) {
					highest = c.Now()
				}
				p := newModelProof(r, step, c.Now())
				if len(proofs) > 0 && r.IntN(2) == 0 {
					p = proofs[max(0, len(proofs)-1-r.IntN(1+r.IntN(len(proofs))))]
				} else {
					proofs = append(proofs, p)
				}
				if !p.accepted(c.Now()) {
					continue
				}
				isFresh, err := m.Use(t.Context(), p.key, p.id, p.until)
				wasSetBack := p.until.Before(highest)
				switch {
				case err != nil && wasSetBack:
					back.Add(1)
				case err != nil:
					full.Add(1)
					assert.NotZero(t, config.MaxEntries, "%d: %v", step, err)
				case isFresh:
					fresh.Add(1)
					assert.Zero(t, p.uses(), "%d: fresh twice", step)
					p.fresh[m]++
				default:
					replays.Add(1)
					assert.Equal(t, 1, p.uses(), "%d: no replay", step)
				}
				assert.False(t, isFresh && err != nil)
				if config.MaxEntries > 0 {
					assert.LessOrEqual(t, m.Status().Entries, config.MaxEntries)
				}
			}
		})
	})
	reportKinds(t, map[string]*atomic.Int64{"fresh": &fresh, "replays": &replays, "refused after the clock was set back": &back, "refused for the bound": &full})
}

// reportKinds requires that the histories had each kind of answer.
func reportKinds(t *testing.T, kinds map[string]*atomic.Int64) {
	if *replaySeed != 0 {
		return
	}
	for kind, count := range kinds {
		assert.NotZero(t, count.Load(), kind)
		t.Logf("%d %s", count.Load(), kind)
	}
}

// modelTime lets time pass, and sets the wall clock now and then.
func modelTime(r *rand.Rand, c *wallClock) {
	switch r.IntN(20) {
	case 0:
		time.Sleep(time.Duration(r.IntN(300)) * time.Second)
	case 1:
		c.ahead += time.Duration(r.IntN(60)-30) * time.Second
	case 2:
		if r.IntN(5) == 0 {
			c.ahead += time.Duration(r.IntN(600)-300) * time.Second
		}
	case 3:
		if r.IntN(20) == 0 {
			c.ahead += time.Duration(r.IntN(4*3600)-2*3600) * time.Second
		}
	case 4:
		if r.IntN(10) == 0 {
			c.ahead = 0
		}
	default:
		time.Sleep(time.Duration(r.IntN(5000)) * time.Millisecond)
	}
}
