package jwks

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// fetchTimeout bounds a whole fetch, with its retries and discovery, from the moment
	// it has a slot of the FetchLimit.
	fetchTimeout = 5 * time.Second
	// slowFetch is when a fetch counts as slow: see FetchLimit.
	slowFetch = time.Second
	// abandonAfter is when a fetch is given up that did not end with its context. Its
	// RoundTripper ignores the context. One fetch that hangs must not stop all later
	// ones. It keeps its slot of the FetchLimit until it returns, which bounds the number
	// of stuck goroutines. When all slots are taken in this way, nothing is fetched.
	abandonAfter = fetchTimeout + time.Second
	// maxSlotWait bounds the wait for a slot. No request waits so long for the outcome.
	maxSlotWait = 30 * time.Second
	maxRetries  = 2 // of a whole fetch
)

var (
	errSlow      = errors.New("jwks: the fetch takes too long to wait for")
	errAbandoned = errors.New("jwks: the fetch was given up: the RoundTripper ignores its context")
	errCutOff    = errors.New("jwks: the fetch was cut off: the process did not run")
	errPanic     = errors.New("jwks: the fetch failed: a panic in the Client")
	errNoSlot    = errors.New("jwks: too many other fetches under way")
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
	seq          uint64
	kind         kind
	cacheControl string
	began        time.Time
	failed       chan struct{} // closed when the first of its HTTP requests has failed
	done         chan struct{} // closed when the snapshot has the outcome

	// Set before done is closed.
	err       error
	confirmed bool          // by a 304, which proves nothing about an unknown kid
	took      time.Duration // from ran on

	reported atomic.Bool // to Config.OnFetch

	// Guarded by Cache.mu.
	ran      time.Time // when it got a slot; zero before
	cancel   context.CancelFunc
	watchdog *time.Timer // from ran on
}

// wait returns nil once f has ended, the error of ctx if ctx ended first, and errSlow after
// d.
func (f *fetching) wait(ctx context.Context, d time.Duration) error {
	select {
	case <-f.done:
		return nil
	default:
	}
	if d <= 0 {
		return errSlow
	}
	timer := time.NewTimer(d)
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

// older reports whether f began longer ago than d.
func (f *fetching) older(now time.Time, d time.Duration) bool {
	since, _ := elapsed(now, f.began)
	return since > d
}

// firstOutcome returns once the first HTTP request of f has failed, f has ended, ctx has
// ended or d has passed.
func (f *fetching) firstOutcome(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-f.failed:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// startDue returns the fetch under way, and starts a scheduled one if none is under way and
// one is due. started reports whether this call started it. It returns nil if none is due.
func (c *Cache) startDue(s *snapshot, now time.Time) (f *fetching, started bool) {
	switch {
	case s.fetch == nil && s.untilDue(now) > 0:
		return nil, false
	case s.fetch != nil && !s.fetch.older(now, abandonAfter):
		return s.fetch, false // without the lock: every request of a busy server comes here
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s = c.live(now)
	if s.fetch != nil || s.untilDue(now) > 0 {
		return s.fetch, false
	}
	return c.start(scheduled, now), true
}

// live returns the current snapshot. If its fetch should have ended long ago, it ends it
// first: the process did not run meanwhile, and the fetch was cut off. It must not keep its
// slot until its timeout, which also counts only while the process runs. The caller holds c.mu.
func (c *Cache) live(now time.Time) *snapshot {
	s := c.current.Load()
	f := s.fetch
	if f == nil || f.ran.IsZero() {
		return s
	}
	if since, _ := elapsed(now, f.ran); since <= abandonAfter {
		return s
	}
	_, after := c.replace(f, outcome{err: errCutOff}, now)
	after.outage = s.outage // nothing was logged
	f.cancel()
	close(f.done)
	return after
}

// revalidate starts a scheduled fetch if the set is stale-while-revalidate.
func (c *Cache) revalidate() {
	s, now := c.current.Load(), c.now()
	if s.state(now) == StateRevalidating {
		c.startDue(s, now)
	}
}

// startForced returns a fetch for a waiter that misses a key: the one under way, or a new one if
// the bucket has a token. It returns nil if the bucket is empty, if the issuer asked for a pause,
// or if a fetch has ended that began after the waiter arrived, or that has found the key. limited
// reports whether it was one of the first two.
func (c *Cache) startForced(w *waiter) (f *fetching, limited bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	s := c.live(now)
	switch {
	case s.fetch != nil:
		return s.fetch, false
	case s.answer.seq > w.begun, s.decides(w.alg, w.kid):
		return nil, false
	case s.untilUnpaused(now) > 0 || !c.bucket.take(now):
		c.flood.add(now)
		return nil, true
	}
	return c.start(forced, now), false
}

// untilForced returns how long it is until a forced fetch can start.
func (c *Cache) untilForced(now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.bucket.wait(now), c.current.Load().untilUnpaused(now))
}

// startAsked returns the fetch under way, or starts one for Refresh.
func (c *Cache) startAsked() *fetching {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if f := c.live(now).fetch; f != nil {
		return f
	}
	return c.start(asked, now)
}

// start begins a fetch. The caller holds c.mu and has seen that none is under way. The
// goroutine ends with the fetch, which is bounded by maxSlotWait and fetchTimeout.
func (c *Cache) start(k kind, now time.Time) *fetching {
	s := *c.current.Load()
	s.begun++
	if k == forced {
		s.forced++
	}
	p := s.plan(k, now)
	f := &fetching{
		seq: s.begun, kind: k, cacheControl: p.cacheControl, began: now,
		failed: make(chan struct{}), done: make(chan struct{}),
	}
	p.retries.OnFailed = sync.OnceFunc(func() { close(f.failed) })
	s.fetch = f
	c.current.Store(&s)
	go c.fetch(f, p)
	return f
}

// fetch runs a fetch once it has a slot. Waiting for a slot is no failure of the issuer.
func (c *Cache) fetch(f *fetching, p plan) {
	release := c.limit.acquire(p.slow, maxSlotWait)
	if release == nil {
		c.finish(f, outcome{err: errNoSlot})
		return
	}
	release = sync.OnceFunc(release)
	defer release() // also if the RoundTripper ends the goroutine
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	c.watch(f, cancel)
	out := c.run(ctx, p)
	release() // before finish calls OnDocument and Logger, which can be slow
	c.finish(f, out)
}

// watch starts the watchdog of a fetch that has a slot. The timer is stopped when the fetch
// ends.
func (c *Cache) watch(f *fetching, cancel context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f.ran, f.cancel = c.now(), cancel
	f.watchdog = time.AfterFunc(abandonAfter, func() { c.finish(f, outcome{err: errAbandoned}) })
}

// run makes the requests of a fetch on a context of its own, which no request can cancel. A
// RoundTripper, or a function of the caller's, that panics makes the fetch fail: nothing
// else would recover the panic on this goroutine, and the process would end.
func (c *Cache) run(ctx context.Context, p plan) (out outcome) {
	var heard heard
	p.retries.OnAnswer = heard.note
	defer c.source.client.CloseIdle()
	defer func() {
		if v := recover(); v != nil {
			out = outcome{err: errPanic}
			c.log.panicked("the Client", v)
		}
		out.heard = heard
	}()
	return c.source.run(ctx, p)
}

// finish puts the outcome into the snapshot, releases the requests that wait, and then
// tells the operator. A fetch that was given up is not in the snapshot any more: its late
// outcome is dropped, so that it never replaces the outcome of a newer fetch.
func (c *Cache) finish(f *fetching, out outcome) {
	c.mu.Lock()
	before, after := c.replace(f, out, c.now())
	c.mu.Unlock()
	if after == nil {
		c.report(f)
		return
	}
	close(f.done)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	c.log.fetched(before, after, f, out)
	c.tellFlood()
	c.report(f)
	if out.err == nil {
		c.store.offer(&c.current)
	}
}

// replace puts the outcome of f into the snapshot. It returns nil for after if f is not
// under way any more. The caller holds c.mu.
func (c *Cache) replace(f *fetching, out outcome, now time.Time) (before, after *snapshot) {
	before = c.current.Load()
	if before.fetch != f {
		return before, nil
	}
	s := *before
	s.fetch, f.err, f.confirmed = nil, out.err, out.confirmed
	if f.watchdog != nil {
		f.watchdog.Stop()
	}
	if out.err != errNoSlot {
		ended := f.ended(now)
		f.took, _ = elapsed(ended, f.ran)
		s.conclude(f, out, ended, c.random())
		s.outage = s.outage.next(&s, f.ran, out.err, now)
	}
	c.current.Store(&s)
	return before, &s
}

// ended returns when f ended. A process that was frozen learns of it late; the backoff must
// not start only then.
func (f *fetching) ended(now time.Time) time.Time {
	if since, _ := elapsed(now, f.ran); !f.ran.IsZero() && since > abandonAfter {
		return f.ran.Add(abandonAfter)
	}
	return now
}
