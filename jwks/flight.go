package jwks

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// maxWait is how long a request waits for fetches, all in all.
	maxWait = 3 * time.Second
	// abandonAfter is when a fetch that should have ended with its context is given
	// up: the RoundTripper ignores the context, and one that hangs must not stop all
	// further fetches. It keeps its slot of the FetchLimit until it returns, which bounds
	// how many goroutines can be stuck: once all slots are kept so, nothing is fetched.
	abandonAfter = fetchTimeout + time.Second
)

var (
	errSlow      = errors.New("jwks: the fetch takes too long to wait for")
	errAbandoned = errors.New("jwks: the fetch was given up: the RoundTripper ignores its context")
)

// A cause is why a fetch is made.
type cause string

const (
	causeSchedule cause = "schedule" // due by age or backoff; conditional, with retries
	causeForced   cause = "forced"   // an unknown key; one request, past every cache
	causeAsked    cause = "asked"    // Refresh; past every cache, with retries
)

// A flight is a fetch under way, shared by all who wait for it.
type flight struct {
	seq      uint64
	cause    cause
	began    time.Time
	done     chan struct{} // closed when the view has its outcome
	err      error         // set before done is closed
	watchdog *time.Timer
}

// wait returns nil once f has ended, ctx's error if that ended first, and errSlow at
// the deadline.
func (f *flight) wait(ctx context.Context, deadline time.Time) error {
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

// refresh returns the flight under way in v; if there is none and one is due, it starts
// it, at most one however many call. It returns nil if none is due.
func (c *Cache) refresh(v *view, now time.Time) *flight {
	if v.flight != nil || c.untilDue(v, now) > 0 {
		return v.flight
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v = c.view.Load()
	if v.flight != nil || c.untilDue(v, now) > 0 {
		return v.flight
	}
	return c.start(causeSchedule, now)
}

// revalidate starts the refresh that is due behind requests, if one is.
func (c *Cache) revalidate() {
	v, now := c.view.Load(), time.Now()
	if c.state(v, now) == StateRevalidating {
		c.refresh(v, now)
	}
}

// force returns a flight for a reader that misses a key and that arrived after so many
// flights had begun: the one under way, or a new one if the bucket has a token. It
// returns nil if one that began after the reader arrived has ended already, or if the
// bucket is empty.
func (c *Cache) force(begun uint64) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, now := c.view.Load(), time.Now()
	switch {
	case v.flight != nil:
		return v.flight
	case v.begun > begun || !c.bucket.take(now):
		return nil
	}
	return c.start(causeForced, now)
}

// untilForced returns how long it is until the bucket has a token.
func (c *Cache) untilForced(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bucket.wait(now)
}

// ask returns the flight under way, or starts one for Refresh.
func (c *Cache) ask() *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.view.Load().flight; f != nil {
		return f
	}
	return c.start(causeAsked, time.Now())
}

// start begins a fetch. The caller holds c.mu and has seen that none is under way. The
// goroutine ends with the fetch, whose context ends after 5 s; the timer is stopped
// then.
func (c *Cache) start(why cause, now time.Time) *flight {
	v := *c.view.Load()
	v.begun++
	if why == causeForced {
		v.forced++
	}
	a := attempt{prev: v.good, known: v.location, noCache: why != causeSchedule, retries: maxRetries}
	if why == causeForced {
		a.retries = 0
	} else {
		a.relocate = v.relocate(now)
	}
	f := &flight{seq: v.begun, cause: why, began: now, done: make(chan struct{})}
	f.watchdog = time.AfterFunc(abandonAfter, func() { c.finish(f, outcome{err: errAbandoned}) })
	v.flight = f
	c.view.Store(&v)
	go c.fly(f, a)
	return f
}

// fly makes the fetch on a context of its own, which no request can cancel.
func (c *Cache) fly(f *flight, a attempt) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	c.finish(f, c.fetch(ctx, a))
}

func (c *Cache) fetch(ctx context.Context, a attempt) outcome {
	if err := c.limit.acquire(ctx); err != nil {
		return outcome{err: &fetchError{what: "key set", problem: "too many other fetches under way", cause: err}}
	}
	defer c.limit.release()
	defer c.source.release()
	return c.source.run(ctx, a, c.schedule)
}

// finish puts the outcome into the view, lets those who wait go on, and only then tells
// the operator. A flight that was given up is not in the view any more: what it still
// brings, however late, is dropped, so that it never replaces what a newer one brought.
func (c *Cache) finish(f *flight, out outcome) {
	before, after := c.conclude(f, out)
	if after == nil {
		return
	}
	f.watchdog.Stop()
	close(f.done)
	c.report(before, after, f, out)
	if c.onDocument != nil && out.err == nil && !out.good.sameDocument(before.good) {
		c.onDocument(out.document)
	}
}

func (c *Cache) conclude(f *flight, out outcome) (before, after *view) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before = c.view.Load()
	if before.flight != f {
		return before, nil
	}
	now := time.Now()
	v := *before
	v.flight, f.err = nil, out.err
	v.latest = attempted{began: f.began, err: out.err}
	v.learn(out, c.schedule.refreshAfter, now)
	if out.err == nil {
		v.renew(f, out.good, now)
	} else {
		v.failed++
		v.backOff(f, out.err, now)
		v.suspect(out.err, now)
	}
	v.reported = conditionOf(c.state(&v, now), out.err)
	c.view.Store(&v)
	return before, &v
}

// learn notes where the set is. A discovery document that could not be read again is
// tried again with the next refresh.
func (v *view) learn(out outcome, refreshAfter time.Duration, now time.Time) {
	if out.location.url == "" {
		return
	}
	if out.warning != nil || out.location.read != v.location.read {
		v.warning = out.warning
	}
	v.location = out.location
	if out.warning != nil {
		age, _ := elapsed(now, v.location.read)
		v.location.good = age + refreshAfter
	}
}

// renew puts a good set in place. A forced fetch does not put off the next reading of
// discovery: a flood of unknown keys could do so for ever.
func (v *view) renew(f *flight, good *goodSet, now time.Time) {
	v.failures = 0
	v.serve(good)
	if f.cause == causeForced && !v.location.read.IsZero() {
		good.fresh = min(good.fresh, v.location.untilDue(now))
	}
}

// backOff notes a failure for the schedule. A forced fetch is none of its business: a
// flood of unknown keys must not put off the refresh that everybody else needs.
func (v *view) backOff(f *flight, err error, now time.Time) {
	if f.cause == causeForced {
		return
	}
	v.failures++
	v.failedAt, v.spread, v.retryAfter = now, rand.Float64(), 0
	var failure *fetchError
	if errors.As(err, &failure) {
		v.retryAfter = failure.retryAfter
	}
}

// suspect ends the freshness of a set whose address discovery named and nothing is at
// any more: it has probably moved. That makes a scheduled fetch due, which reads
// discovery again. A flood gets no more of them than backoff allows, or if they succeed,
// than its forced fetches are.
func (v *view) suspect(err error, now time.Time) {
	var failure *fetchError
	if v.good == nil || v.location.read.IsZero() || !errors.As(err, &failure) || !failure.gone() {
		return
	}
	age, _ := elapsed(now, v.good.began)
	good := *v.good
	good.fresh = min(good.fresh, age)
	v.good = &good
}
