package jwks

import (
	"context"
	"errors"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
)

const (
	// fetchTimeout bounds a whole fetch, with its retries and discovery.
	fetchTimeout = 5 * time.Second
	// abandonAfter is when a fetch is given up that did not end with its context, because
	// the RoundTripper ignores the context. One fetch that hangs must not stop all later
	// ones. It keeps its slot of the FetchLimit until it returns, which bounds the number
	// of stuck goroutines. When all slots are taken in this way, nothing is fetched.
	abandonAfter = fetchTimeout + time.Second
	maxRetries   = 2 // of a whole fetch
)

var (
	errSlow      = errors.New("jwks: the fetch takes too long to wait for")
	errAbandoned = errors.New("jwks: the fetch was given up: the RoundTripper ignores its context")
)

// A kind says why a fetch was started.
type kind string

const (
	scheduled kind = "schedule" // due by age or backoff; conditional, with retries
	forced    kind = "forced"   // for an unknown key; one request, past every cache
	asked     kind = "asked"    // by Refresh; past every cache, with retries
)

// A fetching is a fetch under way. All requests that wait for it share it.
type fetching struct {
	seq      uint64
	kind     kind
	began    time.Time
	done     chan struct{} // closed when the snapshot has the outcome
	err      error         // set before done is closed
	watchdog *time.Timer
}

// wait returns nil once f has ended, the error of ctx if ctx ended first, and errSlow at
// the deadline.
func (f *fetching) wait(ctx context.Context, deadline time.Time) error {
	select {
	case <-f.done:
		return nil
	default:
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errSlow
	}
}

// startDue returns the fetch under way in s. If there is none and one is due, it starts
// one, however many callers there are. It returns nil if none is due.
func (c *Cache) startDue(s *snapshot, now time.Time) *fetching {
	if s.fetch != nil || s.untilDue(now) > 0 {
		return s.fetch
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s = c.current.Load()
	if s.fetch != nil || s.untilDue(now) > 0 {
		return s.fetch
	}
	return c.start(scheduled, now)
}

// revalidate starts a scheduled fetch if the set is stale-while-revalidate.
func (c *Cache) revalidate() {
	s, now := c.current.Load(), time.Now()
	if s.state(now) == StateRevalidating {
		c.startDue(s, now)
	}
}

// startForced returns a fetch for a waiter that misses a key and that arrived after so many
// fetches had begun: the one under way, or a new one if the bucket has a token. It returns
// nil if the bucket is empty, or if a fetch that began after the waiter arrived has ended.
func (c *Cache) startForced(begun uint64) *fetching {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, now := c.current.Load(), time.Now()
	switch {
	case s.fetch != nil:
		return s.fetch
	case s.begun > begun || !c.bucket.take(now):
		return nil
	}
	return c.start(forced, now)
}

// untilForced returns how long it is until the bucket has a token.
func (c *Cache) untilForced(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bucket.wait(now)
}

// startAsked returns the fetch under way, or starts one for Refresh.
func (c *Cache) startAsked() *fetching {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.current.Load().fetch; f != nil {
		return f
	}
	return c.start(asked, time.Now())
}

// start begins a fetch. The caller holds c.mu and has seen that none is under way. The
// goroutine ends with the fetch, whose context ends after 5 s. The timer is stopped then.
func (c *Cache) start(k kind, now time.Time) *fetching {
	s := *c.current.Load()
	s.begun++
	if k == forced {
		s.forced++
	}
	f := &fetching{seq: s.begun, kind: k, began: now, done: make(chan struct{})}
	f.watchdog = time.AfterFunc(abandonAfter, func() { c.finish(f, outcome{err: errAbandoned}) })
	s.fetch = f
	p := s.plan(k, now)
	c.current.Store(&s)
	go c.fetch(f, p)
	return f
}

// fetch runs a fetch on a context of its own, which no request can cancel.
func (c *Cache) fetch(f *fetching, p plan) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	c.finish(f, c.limited(ctx, p))
}

func (c *Cache) limited(ctx context.Context, p plan) outcome {
	if err := c.limit.acquire(ctx); err != nil {
		return outcome{err: &fetch.Error{What: whatKeySet, Problem: "too many other fetches under way", Cause: err}}
	}
	defer c.limit.release()
	defer c.source.client.CloseIdle()
	return c.source.run(ctx, p)
}

// finish puts the outcome into the snapshot, releases the requests that wait, and then
// tells the operator. A fetch that was given up is not in the snapshot any more: its late
// outcome is dropped, so that it never replaces the outcome of a newer fetch.
func (c *Cache) finish(f *fetching, out outcome) {
	before, after := c.conclude(f, out)
	if after == nil {
		return
	}
	f.watchdog.Stop()
	close(f.done)
	c.log.fetched(before, after, f, out)
	if c.onDocument != nil && out.err == nil && !out.good.sameDocument(before.good) {
		c.onDocument(out.document)
	}
}

func (c *Cache) conclude(f *fetching, out outcome) (before, after *snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before = c.current.Load()
	if before.fetch != f {
		return before, nil
	}
	now := time.Now()
	s := *before
	s.fetch, f.err = nil, out.err
	s.latest = ended{began: f.began, err: out.err}
	s.learn(out, now)
	if out.err == nil {
		s.renew(f, out.good, now)
	} else {
		s.failed++
		s.backOff(f, out.err, now)
		s.suspect(out.err, now)
	}
	s.condition = conditionOf(s.state(now), out.err)
	c.current.Store(&s)
	return before, &s
}
