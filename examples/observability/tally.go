package main

import (
	"fmt"
	"io"
	"net/http"
	"sync"
)

// A tally counts the answers that the clients got.
type tally struct {
	mu        sync.Mutex // guards what follows
	byOutcome map[string]int
	err       error // the first one of a request that got no answer
}

func (t *tally) add(status int, hasToken bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil && t.err == nil {
		t.err = err
	}
	t.byOutcome[outcomeOf(status, hasToken)]++
}

// outcomeOf returns the outcome that the metrics must have for an answer.
func outcomeOf(status int, hasToken bool) string {
	switch status {
	case http.StatusOK, http.StatusCreated:
		return "ok"
	case http.StatusBadRequest, http.StatusUnauthorized:
		if hasToken {
			return "refused"
		}
		return "missing"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusServiceUnavailable:
		return "unavailable"
	}
	return "unexpected"
}

// compare prints what the clients got beside what the metrics count, and reports whether the
// two agree.
func (w *world) compare(out io.Writer) bool {
	w.tally.mu.Lock()
	defer w.tally.mu.Unlock()
	agree := w.tally.err == nil
	if !agree {
		fmt.Fprintln(out, w.tally.err)
	}
	counted, err := w.counted("bearerguard_requests_total", "outcome")
	if err != nil {
		fmt.Fprintln(out, err)
		return false
	}
	fmt.Fprintf(out, "\n%-12s %10s %10s\n", "outcome", "answers", "counted")
	for _, outcome := range []string{"ok", "missing", "refused", "forbidden", "unavailable", "unexpected"} {
		answers := w.tally.byOutcome[outcome]
		fmt.Fprintf(out, "%-12s %10d %10d\n", outcome, answers, counted[outcome])
		agree = agree && answers == counted[outcome]
	}
	if !agree {
		fmt.Fprintln(out, "The metrics do not count what happened.")
	}
	return agree
}

// counted returns the sum of a counter for each value of a label.
func (w *world) counted(name, label string) (map[string]int, error) {
	families, err := w.registry.Gather()
	sums := make(map[string]int)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, pair := range m.GetLabel() {
				if pair.GetName() == label {
					sums[pair.GetValue()] += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return sums, err
}
