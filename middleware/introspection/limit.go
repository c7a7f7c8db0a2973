package introspection

import (
	"sync"
	"time"
)

// A bucket bounds how many tokens that were not accepted yet are introspected. It holds as many as one second brings.
type bucket struct {
	mu   sync.Mutex // guards left and at
	rate float64    // per second
	left float64
	at   time.Time // of left
}

// take reports whether one more token can be introspected, and else how long to wait.
func (b *bucket) take(now time.Time) (wait time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left = min(b.rate, b.left+max(0, now.Sub(b.at).Seconds())*b.rate)
	b.at = now
	if b.left < 1 {
		return time.Second, false
	}
	b.left--
	return 0, true
}

const (
	failuresToBreak = 5
	breakFor        = time.Second
	maxBreak        = 30 * time.Second // for a Retry-After of the endpoint
)

// A breaker keeps requests from waiting for an endpoint that does not answer. After a number of
// failures in a row it lets one request through in each breakFor, until one succeeds.
type breaker struct {
	mu       sync.Mutex // guards the fields below
	failures int        // in a row
	next     time.Time  // when the next request is let through, after failuresToBreak
	probing  bool       // one is under way
}

// wait returns how long no request is made; 0 if one can be made now.
func (b *breaker) wait(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waitLocked(now)
}

// waitLocked is wait for a caller that holds b.mu.
func (b *breaker) waitLocked(now time.Time) time.Duration {
	switch wait := b.next.Sub(now); {
	case b.failures < failuresToBreak:
		return 0
	case wait > 0:
		return wait
	case b.probing:
		return breakFor
	}
	return 0
}

// enter is wait for a request that is made if it returns 0. leave must be called then.
func (b *breaker) enter(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := b.waitLocked(now)
	if wait == 0 && b.failures >= failuresToBreak {
		b.probing = true
	}
	return wait
}

// leave is told how a request ended: by an outage or not, and with which Retry-After.
func (b *breaker) leave(now time.Time, failed bool, pause time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	if !failed {
		b.failures = 0
		return
	}
	b.failures++
	if pause > 0 {
		b.failures = max(b.failures, failuresToBreak)
	}
	b.next = now.Add(min(max(pause, breakFor), maxBreak))
}
