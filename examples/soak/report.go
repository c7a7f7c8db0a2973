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

// A tally counts requests. Its zero value is ready to use.
type tally struct {
	accepted  atomic.Int64 // good requests that were accepted
	early     atomic.Int64 // good requests that were refused, rightly, for a key not known
	repelled  atomic.Int64 // hostile requests that were refused as expected
	abandoned atomic.Int64 // requests that their client gave up

	mu         sync.Mutex // guards what follows
	refusals   map[string]int
	violations map[string]int
}

// refuse counts a refusal by the reason that the API gives.
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

// A report has the figures of a run.
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

// attempts bounds the requests that failures cause. Two fetches are at least a second
// apart, and each makes at most three requests. net/http repeats one more request if a
// connection that it had kept was reset.
func (r report) attempts() int { return 4*r.outages + 3*int(r.troubled/time.Second) }

// fetchBound bounds the requests for the key set. There is one for each refresh, whose age jitter
// shortens by up to a tenth. There are three for all unknown keys, plus one every 10 s.
func (r report) fetchBound() int {
	scheduled := 1 + int(r.elapsed*10/(r.refresh*9))
	return scheduled + 3 + int(r.elapsed/(10*time.Second)) + r.attempts()
}

// discoveryBound bounds the requests for metadata: one at the start, and those that
// failures of the key set cause.
func (r report) discoveryBound() int { return 1 + r.attempts() }

// problems returns each check that failed.
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
	report(r.repelled == 0, "no hostile request was refused")
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
	line("elapsed", "%v, of which %v in outages and until they were overcome",
		r.elapsed.Round(time.Millisecond), r.troubled.Round(time.Millisecond))
	line("requests", "%d", r.accepted+r.early+r.repelled+r.abandoned)
	line("  good", "%d accepted, %d refused for keys that were not yet or no longer known", r.accepted, r.early)
	line("  hostile", "%d refused, %d given up by their client", r.repelled, r.abandoned)
	line("keys", "%d rotations, %d keys retired, %d outages", r.rotations, r.retired, r.outages)
	line("key set requests", "%d, at most %d", r.fetches, r.fetchBound())
	line("discovery requests", "%d, at most %d", r.discoveries, r.discoveryBound())
	line("heap", "%s, then %s", mebibytes(r.before.heap), mebibytes(r.after.heap))
	line("goroutines", "%d, then %d", r.before.goroutines, r.after.goroutines)
	for _, reason := range slices.Sorted(maps.Keys(r.refusals)) {
		line("refused", "%s: %d", reason, r.refusals[reason])
	}
	problems := r.problems()
	for _, problem := range problems {
		line("FAILED", "%s", problem)
	}
	if len(problems) == 0 {
		fmt.Fprintln(out, "All checks passed.")
	}
}
