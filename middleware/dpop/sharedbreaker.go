package dpop

import (
	"sync"
	"time"
)

const (
	failuresToBreak = 5
	breakFor        = time.Second // not less than maxStoreTimeout, so that probes do not overlap
)

// A breaker keeps requests from waiting for a store that does not answer. After a number of
// failures in a row it lets one call through in each breakFor, until a call succeeds. The
// zero value lets all calls through.
type breaker struct {
	mu       sync.Mutex // guards the fields below
	failures int        // in a row
	first    time.Time  // of these failures
	next     time.Time  // when the next call is let through, after failuresToBreak
	probing  bool       // one is under way
}

// enter reports whether a call can be made, and else how long to wait. After a call that it
// let through, leave must be called.
func (b *breaker) enter(now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch wait := b.next.Sub(now); {
	case b.failures < failuresToBreak:
		return 0, true
	case wait > 0:
		return wait, false
	case b.probing:
		return breakFor, false
	}
	b.probing = true
	return 0, true
}

// leave is told how a call ended. It reports whether this call has opened the breaker, and if it
// has closed it, how long the failures lasted.
func (b *breaker) leave(now time.Time, failed bool) (opened bool, lasted time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	broken := b.failures >= failuresToBreak
	b.probing = false
	if !failed {
		b.failures = 0
		if broken {
			lasted = now.Sub(b.first)
		}
		return false, lasted
	}
	if b.failures == 0 {
		b.first = now
	}
	b.failures++
	b.next = now.Add(breakFor)
	return b.failures == failuresToBreak, 0
}
