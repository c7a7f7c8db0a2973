package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

const (
	heapMargin      = 16 << 20 // bytes
	goroutineMargin = 8
)

// A tally counts as it goes. Its zero value is ready.
type tally struct {
	accepted  atomic.Int64 // good ones
	early     atomic.Int64 // good ones of a key that the API need not know
	repelled  atomic.Int64 // hostile ones, as they should be
	abandoned atomic.Int64 // by their caller

	mu         sync.Mutex // guards what follows
	refusals   map[string]int
	violations map[string]int
}

// refuse counts a refusal as the API sees it.
func (t *tally) refuse(e *middleware.Error) {
	reason := fmt.Sprintf("%d %s", e.Status, cmp.Or(string(e.Reason), e.Code, "no bearer token"))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refusals == nil {
		t.refusals = map[string]int{}
	}
	t.refusals[reason]++
}

func (t *tally) violate(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.violations == nil {
		t.violations = map[string]int{}
	}
	t.violations[what]++
}

func (t *tally) copyTo(r *report) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.accepted, r.early = t.accepted.Load(), t.early.Load()
	r.repelled, r.abandoned = t.repelled.Load(), t.abandoned.Load()
	r.refusals, r.violations = maps.Clone(t.refusals), maps.Clone(t.violations)
}

// A report is what happened.
type report struct {
	accepted, early, repelled, abandoned int64
	refusals, violations                 map[string]int

	rotations, retired, outages int
	elapsed, troubled, refresh  time.Duration
	fetches, discoveries        int // at the issuer
	before, after               usage
}

func (c *conductor) report() report {
	count := c.w.issuer.Count
	return report{
		rotations: c.rotations, retired: c.retired, outages: c.outages,
		troubled: c.troubled, refresh: c.w.refresh,
		fetches:     count(jwkstest.JWKS),
		discoveries: count(jwkstest.Discovery) + count(jwkstest.Metadata),
	}
}

// attempts bounds the requests that failures cause: a second at least is between two
// fetches, which are three requests each, and net/http repeats one by itself if the
// connection that it had was reset.
func (r report) attempts() int { return 4*r.outages + 3*int(r.troubled/time.Second) }

// fetchBound is one for each refresh, whose age jitter shortens by a tenth, and three
// and one more in 10 s for all unknown keys.
func (r report) fetchBound() int {
	scheduled := 1 + int(r.elapsed*10/(r.refresh*9))
	return scheduled + 3 + int(r.elapsed/(10*time.Second)) + r.attempts()
}

// discoveryBound is the one at the start, and what failures of the key set cause.
func (r report) discoveryBound() int { return 1 + r.attempts() }

// problems returns what should not have happened.
func (r report) problems() []string {
	var problems []string
	report := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(r.violations)) {
		report(true, "%s (%d times)", what, r.violations[what])
	}
	report(r.accepted == 0, "no good token was accepted")
	report(r.repelled == 0, "no hostile request was made")
	report(r.fetches > r.fetchBound(), "the issuer was asked for its keys %d times, not %d", r.fetches, r.fetchBound())
	report(r.discoveries > r.discoveryBound(),
		"the issuer was asked for its metadata %d times, not %d", r.discoveries, r.discoveryBound())
	report(r.after.heap > r.before.heap+heapMargin, "the heap grew by %s", mebibytes(r.after.heap-r.before.heap))
	report(r.after.goroutines > r.before.goroutines+goroutineMargin,
		"there are %d goroutines more", r.after.goroutines-r.before.goroutines)
	return problems
}

func mebibytes(n uint64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func (r report) print(out io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-22s"+format+"\n", append([]any{name}, args...)...)
	}
	line("elapsed", "%v, of which %v in outages or overcoming them",
		r.elapsed.Round(time.Millisecond), r.troubled.Round(time.Millisecond))
	line("requests", "%d", r.accepted+r.early+r.repelled+r.abandoned)
	line("  good", "%d accepted, %d of keys that were not known yet, or no more", r.accepted, r.early)
	line("  hostile", "%d refused, %d given up by their caller", r.repelled, r.abandoned)
	line("keys", "%d rotated, %d retired, %d outages", r.rotations, r.retired, r.outages)
	line("key set requests", "%d, at most %d", r.fetches, r.fetchBound())
	line("discovery requests", "%d, at most %d", r.discoveries, r.discoveryBound())
	line("heap", "%s, then %s", mebibytes(r.before.heap), mebibytes(r.after.heap))
	line("goroutines", "%d, then %d", r.before.goroutines, r.after.goroutines)
	for _, reason := range slices.Sorted(maps.Keys(r.refusals)) {
		line("refused", "%s: %d", reason, r.refusals[reason])
	}
	problems := r.problems()
	for _, problem := range problems {
		line("NOT AS IT SHOULD BE", "%s", problem)
	}
	if len(problems) == 0 {
		fmt.Fprintln(out, "All as it should be.")
	}
}
