package jwks

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A Cache is the key set of one issuer, kept current. It is a [claims.KeySet]. Make one
// with [New]; nothing has to be closed. Its methods are safe for concurrent use.
type Cache struct {
	schedule   schedule
	source     *source
	limit      *FetchLimit
	observer   observer
	onDocument func([]byte)

	view atomic.Pointer[view] // loaded by anybody, replaced with mu held

	// mu makes loading the view, deciding and replacing it one step, and guards
	// bucket. It is never held across I/O or a caller's function.
	mu     sync.Mutex
	bucket bucket
}

var _ claims.KeySet = (*Cache)(nil)

// A view is all that a request has to know, at one moment. It is never changed, only
// replaced.
type view struct {
	keys    *keySet  // good's, less the withdrawn ones: what requests are served from
	good    *goodSet // nil in StateCold
	blocked withdrawn

	flight *flight   // under way; nil if none is
	latest attempted // the latest that has ended

	failures   int // in a row, of fetches that were not forced
	failedAt   time.Time
	spread     float64 // the random part of the backoff, in [0, 1)
	retryAfter time.Duration

	location location
	warning  error     // of the latest attempt to read discovery again
	reported condition // what the log says of the cache

	begun, forced, failed uint64 // fetches; begun is also the seq of the newest flight
}

type attempted struct {
	began time.Time
	err   error
}

// New returns a cache for one issuer. It makes no request and starts no goroutine: the
// first request does, or [Cache.Refresh], or [Cache.Run]. The error reports every
// mistake in c.
func New(c Config) (*Cache, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	cache := &Cache{
		schedule:   newSchedule(c.RefreshAfter, c.StaleWhileRevalidate, c.MaxStale),
		source:     &source{getter: newGetter(c)},
		limit:      c.FetchLimit,
		observer:   newObserver(c),
		onDocument: c.OnDocument,
	}
	if cache.limit == nil {
		cache.limit = NewFetchLimit(defaultFetchLimit)
	}
	first := &view{}
	if c.URL != "" {
		first.location.url = c.URL
	} else {
		cache.source.issuer = c.Issuer
	}
	if c.Seed != nil {
		seed, err := newSeed(c.Seed, time.Now())
		if err != nil {
			cache.observer.badSeed(err)
		} else {
			first.serve(seed)
		}
	}
	cache.view.Store(first)
	return cache, nil
}

// Keys returns the keys for a token's alg and kid, at most four; the caller must not
// modify the slice. With a key that is known and a set that is fresh, or being
// revalidated, that is one atomic load and a map access.
//
// The error matches [claims.ErrUnknownKey] if the latest fetch succeeded, began at most
// 10 s ago and has no such key; and without any fetch if none could help: for an alg
// that no public key has, for a kid over 256 bytes or withdrawn by [Cache.Block], and
// where more than four keys fit. Otherwise it is a [*claims.UnavailableError], also
// around the error of ctx. It waits for at most 3 s.
func (c *Cache) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	v, now := c.view.Load(), time.Now()
	state := c.state(v, now)
	if state == StateFresh || state == StateRevalidating {
		if keys, err := v.lookup(alg, kid); keys != nil || err != nil {
			if state == StateRevalidating {
				c.refresh(v, now)
			}
			return keys, err
		}
	}
	if !supported(alg) || len(kid) > maxKeyIDBytes {
		return nil, errUnknownKey
	}
	keys, err := c.resolve(ctx, newReader(alg, kid, v, now))
	if err != nil {
		// A refresh retries, asks without no-cache and reads discovery again, so it may
		// find what a forced fetch did not: unknown keys alone must start it.
		c.revalidate()
	}
	return keys, err
}

// resolve serves what cannot be had at once: it makes sure of a set that may be used, and
// if that lacks the key, of one that is current.
func (c *Cache) resolve(ctx context.Context, r reader) ([]claims.Key, error) {
	joined, err := c.settle(ctx, r)
	if err != nil {
		return nil, err
	}
	keys, err := c.view.Load().lookup(r.alg, r.kid)
	switch {
	case keys != nil || err != nil:
		return keys, err
	case joined != nil && r.answeredBy(joined):
		return c.verdict(r)
	}
	return c.miss(ctx, r)
}

// A reader is a request for keys that may have to wait.
type reader struct {
	alg, kid string
	arrived  time.Time
	begun    uint64    // how many fetches had begun by then
	deadline time.Time // of all waiting
}

func newReader(alg, kid string, v *view, now time.Time) reader {
	return reader{alg: alg, kid: kid, arrived: now, begun: v.begun, deadline: now.Add(maxWait)}
}

// answeredBy reports whether the outcome of f decides what r is told: f did not begin
// before r arrived. Requests that arrive in the same instant share one fetch, whichever
// of them began it.
func (r reader) answeredBy(f *flight) bool {
	return f.seq > r.begun || !f.began.Before(r.arrived)
}

// settle waits where the state says so, and returns nil once there is a set that may be
// used. joined is the fetch that it waited for; nil if it did not have to.
func (c *Cache) settle(ctx context.Context, r reader) (joined *flight, err error) {
	v, now := c.view.Load(), time.Now()
	switch c.state(v, now) {
	case StateFresh, StateRevalidating:
		return nil, nil
	case StateStale:
		joined, err = c.awaitFresh(ctx, v, now, r)
	case StateCold, StateExhausted:
		joined, err = c.awaitUsable(ctx, v, now, r)
	}
	if err != nil {
		return nil, c.unavailable(err)
	}
	v = c.view.Load()
	if s := c.state(v, time.Now()); s == StateCold || s == StateExhausted {
		return nil, c.unavailable(v.latest.err)
	}
	return joined, nil
}

// awaitFresh waits for one shared refresh of a stale set, but only if the last attempt
// succeeded and the refresh is not under way for 3 s already: in an outage the stale
// set is served at once.
func (c *Cache) awaitFresh(ctx context.Context, v *view, now time.Time, r reader) (*flight, error) {
	f := c.refresh(v, now)
	if f == nil || v.latest.err != nil {
		return nil, nil
	}
	if patience := f.began.Add(maxWait); patience.Before(r.deadline) {
		r.deadline = patience
	}
	if err := f.wait(ctx, r.deadline); err != errSlow {
		return f, err
	}
	return nil, nil
}

// awaitUsable joins the attempt under way or makes one. In backoff there is none, and
// nothing to wait for.
func (c *Cache) awaitUsable(ctx context.Context, v *view, now time.Time, r reader) (*flight, error) {
	f := c.refresh(v, now)
	if f == nil {
		return nil, nil
	}
	return f, f.wait(ctx, r.deadline)
}

// miss looks for a key that the set lacks: in the outcome of the flight under way, and
// if that began before the reader arrived, in one more.
func (c *Cache) miss(ctx context.Context, r reader) ([]claims.Key, error) {
	for {
		f := c.force(r.begun)
		if f == nil {
			return c.verdict(r)
		}
		if err := f.wait(ctx, r.deadline); err != nil {
			return nil, c.unavailable(err)
		}
		if r.answeredBy(f) {
			return c.verdict(r)
		}
		if keys, err := c.view.Load().lookup(r.alg, r.kid); keys != nil || err != nil {
			return keys, err
		}
	}
}

// verdict answers by the latest attempt, without another one.
func (c *Cache) verdict(r reader) ([]claims.Key, error) {
	v, now := c.view.Load(), time.Now()
	if keys, err := v.lookup(r.alg, r.kid); keys != nil || err != nil {
		return keys, err
	}
	since, _ := elapsed(now, v.latest.began)
	if v.latest.err == nil && since <= forcedInterval {
		return nil, errUnknownKey
	}
	return nil, &claims.UnavailableError{RetryAfter: max(c.untilForced(now), minBackoff), Err: v.latest.err}
}

// unavailable says why there are no keys, and when to ask again.
func (c *Cache) unavailable(cause error) error {
	wait := c.untilNext(c.view.Load(), time.Now())
	return &claims.UnavailableError{RetryAfter: max(wait, minBackoff), Err: cause}
}

// untilNext returns how long it is until a fetch may begin for somebody who is told now
// that there are no keys. Where a set may be used, he lacks a key that is not in it, and
// that is a forced fetch. The fetch under way has to end first; where nobody can be
// served, and it fails, backoff comes after it.
func (c *Cache) untilNext(v *view, now time.Time) time.Duration {
	var left time.Duration
	if v.flight != nil {
		since, _ := elapsed(now, v.flight.began)
		left = max(fetchTimeout-since, 0)
	}
	switch s := c.state(v, now); {
	case s != StateCold && s != StateExhausted:
		return max(left, c.untilForced(now))
	case v.flight != nil:
		return left + minBackoff
	}
	return c.untilDue(v, now)
}

// state returns the state of v's set.
func (c *Cache) state(v *view, now time.Time) State {
	if v.good == nil {
		return StateCold
	}
	age, setBack := elapsed(now, v.good.began)
	return c.schedule.state(age, v.good.fresh, v.good.seeded || setBack)
}

// untilDue returns how long it is until a scheduled fetch may be made: until the set is
// not fresh any more and, after failures, the backoff is over.
func (c *Cache) untilDue(v *view, now time.Time) time.Duration {
	var wait time.Duration
	state := c.state(v, now)
	if state == StateFresh {
		age, _ := elapsed(now, v.good.began)
		wait = v.good.fresh - age
	}
	if v.failures > 0 {
		since, _ := elapsed(now, v.failedAt)
		wait = max(wait, backoff(v.failures, v.spread, v.retryAfter, backoffLimit(state))-since)
	}
	return max(wait, 0)
}

// lookup returns nil without an error if a fetch may find the key. A kid that was
// withdrawn is refused before the set is asked: where no key has a kid, any would do.
func (v *view) lookup(alg, kid string) ([]claims.Key, error) {
	if v.blocked.names(kid) {
		return nil, errBlocked
	}
	return v.keys.candidates(alg, kid)
}

// relocate reports whether discovery is to be read again before the next fetch that is
// not forced: after a failure, because the key set may have moved, and once a day.
func (v *view) relocate(now time.Time) bool {
	return !v.location.read.IsZero() && (v.latest.err != nil || v.location.untilDue(now) == 0)
}
