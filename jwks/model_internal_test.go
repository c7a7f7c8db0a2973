package jwks

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

var (
	modelHistories = flag.Int("model.histories", 0, "how many random histories TestModel runs; 0 for 1,000, and 100 under race")
	modelSeed      = flag.Uint64("model.seed", 0, "run only the history of this seed")
)

// TestModel runs random histories of 30 hours, and checks everything that happened against a
// plain reference of the promises P1 to P7. Requests for known, new, removed and junk kids
// come in bursts and after idle hours; the process is frozen, suspended and restarted; the
// issuer rotates, fails, hangs and recovers, behind a firewall or a shared cache.
//
// A failure prints the seed that reproduces it: go test ./jwks -run TestModel -model.seed=N
func TestModel(t *testing.T) {
	if *modelSeed != 0 {
		runHistory(t, *modelSeed)
		return
	}
	histories := *modelHistories
	if histories == 0 {
		histories = 1000 / slowdown
	}
	if testing.Short() {
		histories = min(histories, 100)
	}
	var next atomic.Uint64
	for range runtime.GOMAXPROCS(0) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for seed := next.Add(1); seed <= uint64(histories) && !t.Failed(); seed = next.Add(1) {
				runHistory(t, seed)
			}
		})
	}
}

func runHistory(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(seed)
		h.run(t)
		if problems := h.check(); len(problems) > 0 {
			t.Errorf("seed %d: %s", seed, h.describe())
			for _, problem := range problems[:min(len(problems), 5)] {
				t.Errorf("seed %d: %s", seed, problem)
			}
		}
	})
}

// A history is one random run, and what happened in it.
type history struct {
	*rand.Rand
	start  time.Time
	issuer *modelIssuer
	frozen bool // the process runs only while it serves a request
	runs   bool // Cache.Run is called
	doomed bool // the issuer does not recover from its next fault
	trace  []string

	cache  *Cache
	since  time.Time       // when the cache was made
	life   context.Context // of the process
	stop   context.CancelFunc
	skew   atomic.Int64 // how far the machine's clock is ahead, because it was suspended
	random *rand.Rand   // of the cache
	next   int          // the next key to publish

	mu      sync.Mutex
	asked   []ask
	fetches []fetched
	told    int // how many requests of the issuer belong to fetches
	changes []change
	blocks  []blocked
	jumps   []jump
	stored  []byte
	stamp   time.Time // of stored
	pending sync.WaitGroup
}

// An ask is one call of Keys.
type ask struct {
	began, ended time.Time
	kid          int // -1 for junk
	found        bool
	unknown      bool
	state        State // of the cache when it began
	patience     time.Duration
	err          error
	restarted    time.Time // when the cache was made
	forced       uint64    // forced fetches before it, of this cache
}

// A fetched is one fetch that has ended, as the log tells.
type fetched struct {
	began, ended time.Time
	cause        string
	ok, cut      bool
	kids         []int // of the document in use after a good fetch
}

// A blocked is a kid that was blocked.
type blocked struct {
	kid       int
	at, until time.Time // until is zero for the whole history
	stored    bool      // with a document, so that it survives a restart
}

// A jump is a suspension of the machine.
type jump struct {
	at  time.Time
	d   time.Duration
	cut bool // a request to the issuer was under way: its fetch failed
}

// A change is a moment at which the issuer changed.
type change struct {
	at    time.Time
	kids  []int
	fault string
}

func newHistory(seed uint64) *history {
	h := &history{
		Rand: rand.New(rand.NewPCG(seed, 0)), random: rand.New(rand.NewPCG(seed, 1)),
		start: time.Now(), next: 2,
	}
	h.issuer = newModelIssuer(h.Rand)
	switch h.IntN(5) {
	case 0:
		h.frozen, h.issuer.proxy = true, false
		h.issuer.latency = time.Duration(1+h.IntN(200)) * time.Millisecond
	case 1:
		h.runs = true
	}
	h.doomed = h.IntN(10) == 0
	return h
}

func (h *history) describe() string {
	m := h.issuer
	var text strings.Builder
	fmt.Fprintf(&text, "frozen %v, Run %v, latency %v, etag %d, max-age %d, firewall %q, proxy %v\n",
		h.frozen, h.runs, m.latency, m.etag, m.maxAge, m.firewall, m.proxy)
	for _, line := range h.trace {
		text.WriteString(line + "\n")
	}
	return text.String()
}

func (h *history) note(format string, args ...any) {
	h.trace = append(h.trace, fmt.Sprintf("%v ", time.Since(h.start))+fmt.Sprintf(format, args...))
}

func (h *history) now() time.Time { return time.Now().Add(time.Duration(h.skew.Load())) }

// restart makes a new cache, with what was stored.
func (h *history) restart(t *testing.T) {
	if h.stop != nil {
		h.stop()
		time.Sleep(abandonAfter + time.Second) // what is under way ends
	}
	config := Config{
		URL:    "https://issuer.example/jwks",
		Client: &http.Client{Transport: h.issuer},
		Logger: slog.New(&modelLog{history: h}),
		OnDocument: func(document []byte) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.stored, h.stamp = document, h.now()
		},
	}
	h.mu.Lock()
	h.since = time.Now()
	seed := fetched{ended: h.since, began: h.since, cause: "none"}
	if h.stored != nil {
		config.Seed, config.SeedTime = h.stored, h.stamp
		began := h.since.Add(-h.now().Sub(h.stamp))
		seed = fetched{ended: h.since, began: began, cause: "seed", ok: true, kids: kidsOf(h.stored)}
	}
	h.fetches = append(h.fetches, seed)
	says, _, err := readStored(h.stored)
	require.NoError(t, err)
	for i := range h.blocks {
		b := &h.blocks[i]
		if !b.stored && b.until.IsZero() && !slices.Contains(says.Blocked, fmt.Sprintf("k%d", b.kid)) {
			b.until = h.since
		}
	}
	h.mu.Unlock()
	require.NoError(t, config.validate())
	var mu sync.Mutex
	random := func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return h.random.Float64()
	}
	cache := config.cache(clock{now: h.now, random: random})
	h.cache = cache
	ctx, cancel := context.WithCancel(context.Background())
	h.life, h.stop = ctx, cancel
	if h.runs {
		h.pending.Go(func() { _ = cache.Run(ctx) })
	}
}

// run makes things happen for 30 hours.
func (h *history) run(t *testing.T) {
	h.changed()
	h.restart(t)
	for time.Since(h.start) < 30*time.Hour {
		h.step(t)
		h.idle()
	}
	h.stop()
	h.pending.Wait()
	synctest.Wait()
	time.Sleep(maxSlotWait + 2*abandonAfter) // every fetch ends
	synctest.Wait()
}

// idle lets time pass: from nothing to hours.
func (h *history) idle() {
	d := []time.Duration{0, 50 * time.Millisecond, time.Second, 8 * time.Second, time.Minute, 6 * time.Minute, 20 * time.Minute}[h.IntN(7)]
	switch {
	case h.frozen: // served every few minutes, as a function is
		d = []time.Duration{7 * time.Second, time.Minute, 5 * time.Minute, 9 * time.Minute}[h.IntN(4)]
	case h.IntN(30) == 0:
		d = 2 * time.Hour
	}
	time.Sleep(d + time.Duration(h.Int64N(int64(d)+1)))
}

func (h *history) step(t *testing.T) {
	switch n := h.IntN(100); {
	case n < 60:
		h.burst()
	case n < 68:
		h.publish()
	case n < 76:
		h.remove()
	case n < 84:
		h.fail()
	case n < 92:
		h.recover()
	case n < 94:
		h.block()
	case n < 96:
		h.note("restart")
		h.restart(t)
	case n < 98:
		d := time.Duration(h.Int64N(int64(3 * time.Hour)))
		h.note("suspended for %v", d)
		h.jump(d)
	default:
		h.note("Refresh")
		cache, life := h.cache, h.life
		h.pending.Go(func() {
			ctx, cancel := context.WithTimeout(life, time.Minute)
			defer cancel()
			_ = cache.Refresh(ctx)
		})
	}
}

// jump suspends the machine, at an instant of its own. If a request or a fetch began at the same
// instant, the reference could not tell what came first.
func (h *history) jump(d time.Duration) {
	time.Sleep(time.Nanosecond)
	defer time.Sleep(time.Nanosecond)
	h.issuer.mu.Lock()
	n := len(h.issuer.requests)
	underWay := n > 0 && h.issuer.requests[n-1].ended.IsZero()
	h.issuer.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.jumps = append(h.jumps, jump{time.Now(), d, underWay && d > abandonAfter})
	h.skew.Add(int64(d))
}

// burst asks for keys, from one caller or several at once.
func (h *history) burst() {
	callers := 1
	if !h.frozen && h.IntN(5) == 0 {
		callers = 2 + h.IntN(4)
	}
	done := make(chan struct{}, callers)
	h.issuer.mu.Lock()
	h.issuer.asleep = false
	h.issuer.mu.Unlock()
	for range callers {
		kid := h.IntN(h.next)
		switch h.IntN(10) {
		case 0:
			kid = -1
		case 1, 2, 3, 4, 5:
			kid = h.issuer.published[h.IntN(len(h.issuer.published))]
		}
		patience := time.Hour
		if h.IntN(10) == 0 {
			patience = time.Duration(h.IntN(4000)) * time.Millisecond
		}
		a := ask{kid: kid, patience: patience, began: time.Now(), restarted: h.since}
		cache := h.cache
		h.pending.Go(func() {
			h.ask(cache, a)
			done <- struct{}{}
		})
	}
	if h.frozen {
		<-done // and the process stops at once
		h.issuer.mu.Lock()
		h.issuer.frozen++
		h.issuer.asleep = true
		h.issuer.mu.Unlock()
	}
}

func (h *history) ask(cache *Cache, a ask) {
	status := cache.Status()
	a.state, a.forced = status.State, status.ForcedFetches
	ctx, cancel := context.WithTimeout(context.Background(), a.patience)
	defer cancel()
	name := fmt.Sprintf("k%d", a.kid)
	if a.kid < 0 {
		name = "junk"
	}
	keys, err := cache.Keys(ctx, "EdDSA", name)
	a.ended, a.found, a.err = time.Now(), len(keys) > 0, err
	a.unknown = errors.Is(err, claims.ErrUnknownKey)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, a)
}

func (h *history) changed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes = append(h.changes, change{time.Now(), slices.Clone(h.issuer.published), h.issuer.fault.name})
}

func (h *history) change(f func(m *modelIssuer)) {
	h.issuer.mu.Lock()
	f(h.issuer)
	h.issuer.mu.Unlock()
	h.changed()
}

func (h *history) publish() {
	if h.next == len(modelKeys()) || len(h.issuer.published) > 4 {
		return
	}
	h.note("publish k%d", h.next)
	h.change(func(m *modelIssuer) { m.published = append(slices.Clone(m.published), h.next) })
	h.next++
}

// remove takes a key out that is not the last.
func (h *history) remove() {
	if len(h.issuer.published) < 2 {
		return
	}
	i := h.IntN(len(h.issuer.published))
	h.note("remove k%d", h.issuer.published[i])
	h.change(func(m *modelIssuer) { m.published = slices.Delete(slices.Clone(m.published), i, i+1) })
}

func (h *history) fail() {
	if h.doomed && h.issuer.fault.name != "" {
		return
	}
	fault := modelFaults[h.IntN(len(modelFaults))]
	h.note("%s", fault.name)
	h.change(func(m *modelIssuer) { m.fault = fault })
}

func (h *history) recover() {
	if h.doomed {
		return
	}
	h.note("good")
	h.change(func(m *modelIssuer) { m.fault = modelFault{} })
}

func (h *history) block() {
	kid := h.IntN(h.next)
	h.note("Block k%d", kid)
	hasSet := h.cache.Status().State != StateCold // a document that can carry the kid over a restart
	h.cache.Block(fmt.Sprintf("k%d", kid))
	h.mu.Lock()
	defer h.mu.Unlock()
	h.blocks = append(h.blocks, blocked{kid: kid, at: time.Now(), stored: hasSet})
}

// A modelLog is a slog.Handler that notes the ends of fetches.
type modelLog struct{ *history }

func (l *modelLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *modelLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *modelLog) WithGroup(string) slog.Handler            { return l }

func (l *modelLog) Handle(_ context.Context, r slog.Record) error {
	f := fetched{ended: time.Now(), ok: r.Message == "jwks: key set refreshed"}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "cause" {
			f.cause = a.Value.String()
		}
		return true
	})
	if f.cause == "" {
		return nil
	}
	l.issuer.mu.Lock()
	defer l.issuer.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	f.began, f.kids = f.ended, l.fetches[len(l.fetches)-1].kids
	decided := !f.ok
	requests := l.issuer.requests[l.told:] // there is one fetch at a time
	l.told = len(l.issuer.requests)
	for _, request := range slices.Backward(requests) {
		if f.ended.Sub(request.began) > fetchTimeout {
			break // of a fetch that was cut off by a suspension, which is not logged
		}
		f.began = request.began
		f.cut = f.cut || request.cut
		if !decided && request.delivered {
			decided = true
			if request.kids != nil { // not a 304
				f.kids = request.kids
			}
		}
	}
	l.fetches = append(l.fetches, f)
	return nil
}
