package jwks

import (
	"context"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

const (
	// maxWait is how long a request waits for fetches, all together.
	maxWait = 3 * time.Second
	// moment is how long a request waits that starts a refresh in an outage.
	moment = 500 * time.Millisecond
	// runGrace is how long requests leave a due refresh to Run.
	runGrace = time.Second
)

// A waiter is a request for keys that may need to wait.
type waiter struct {
	alg, kid string
	arrived  time.Time
	begun    uint64    // how many fetches had begun at arrived
	deadline time.Time // of all waiting

	waits bool        // OnWait was called
	done  func(error) // what OnWait returned; can be nil
}

func newWaiter(alg, kid string, s *snapshot, now time.Time) waiter {
	return waiter{alg: alg, kid: kid, arrived: now, begun: s.begun, deadline: now.Add(maxWait)}
}

// answeredBy reports whether the outcome of f, which has ended, answers w: f did not ask
// before w arrived, and was not answered by a 304. An issuer whose validator does not change
// with the keys would otherwise hide a new key. Requests that arrive at the same instant
// share one fetch.
func (w *waiter) answeredBy(f *fetching) bool { return !f.confirmed && w.precedes(f) }

// precedes reports whether f, which has ended, did not ask before w arrived.
func (w *waiter) precedes(f *fetching) bool {
	return f.seq > w.begun || !f.ran.Before(w.arrived)
}

// await waits for f until a time: see fetching.wait.
func (c *Cache) await(ctx context.Context, w *waiter, f *fetching, until time.Time) error {
	c.enter(ctx, w, f)
	return f.wait(ctx, until.Sub(c.now()))
}

// enter tells Config.OnWait that w waits for f, unless f has ended or it was told before. It
// holds no lock and has nothing to undo: a panic of OnWait is one of the request.
func (c *Cache) enter(ctx context.Context, w *waiter, f *fetching) {
	if c.onWait == nil || w.waits {
		return
	}
	select {
	case <-f.done:
	default:
		w.waits = true
		w.done = c.onWait(ctx)
	}
}

// leave tells that the waiting is over, if it was told that it began.
func (w *waiter) leave(err error) {
	if w.done != nil {
		w.done(err)
	}
}

// resolve serves what is not there at once. It waits for a usable set, and if that set
// lacks the key, for a newer one.
func (c *Cache) resolve(ctx context.Context, w *waiter) ([]claims.Key, error) {
	joined, err := c.settle(ctx, w)
	if err != nil {
		return nil, err
	}
	keys, err := c.current.Load().find(w.alg, w.kid)
	switch {
	case err != nil:
		c.misses.count(joined == nil)
		return nil, err
	case keys != nil:
		return keys, nil
	case joined != nil && w.answeredBy(joined):
		c.misses.count(false)
		return c.verdict(w)
	}
	return c.miss(ctx, w)
}

// settle waits where the state says so, and returns nil once there is a set to use. joined
// is the fetch whose end it waited for; nil if there is none.
func (c *Cache) settle(ctx context.Context, w *waiter) (joined *fetching, err error) {
	s, now := c.current.Load(), c.now()
	switch s.state(now) {
	case StateFresh, StateRevalidating:
		return nil, nil
	case StateStale:
		joined, err = c.awaitFresh(ctx, w)
	case StateCold, StateExhausted:
		joined, err = c.awaitUsable(ctx, s, now, w)
	}
	if err != nil {
		return nil, c.unavailable(err)
	}
	if s = c.current.Load(); !s.usable(c.now()) {
		return nil, c.unavailable(s.latest.err)
	}
	return joined, nil
}

// awaitFresh waits for one shared refresh of a stale set, until the refresh is 3 s old. If
// it joins a forced fetch that fails, it waits for the scheduled one that follows: strangers
// cause forced fetches, and must not be able to keep an old set in use.
//
// While an outage is presumed, the stale set is served at once. Only a request that starts
// a due refresh waits a moment for its first answer. Without this wait, a process that runs
// only while it serves requests would never complete a fetch.
func (c *Cache) awaitFresh(ctx context.Context, w *waiter) (joined *fetching, err error) {
	for {
		s, now := c.current.Load(), c.now()
		presumed := s.presumesOutage(now)
		switch {
		case s.state(now) != StateStale:
			return joined, nil
		case presumed && c.running.Load() > 0 && s.overdue(now) < runGrace:
			return joined, nil // Run is about to start the refresh
		}
		f, started := c.startDue(s, now)
		switch {
		case f == nil:
			return joined, nil
		case presumed && started:
			c.enter(ctx, w, f)
			f.firstOutcome(ctx, moment)
			return joined, nil
		case presumed:
			return joined, nil
		}
		err := c.await(ctx, w, f, earlier(f.began.Add(maxWait), w.deadline))
		switch {
		case err == errSlow:
			return joined, nil
		case err != nil, f.err == nil && w.precedes(f):
			return f, err
		}
		joined = f
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// awaitUsable joins the fetch under way or starts one. During backoff there is none, and
// nothing to wait for.
func (c *Cache) awaitUsable(ctx context.Context, s *snapshot, now time.Time, w *waiter) (*fetching, error) {
	f, _ := c.startDue(s, now)
	if f == nil {
		return nil, nil
	}
	return f, c.await(ctx, w, f, w.deadline)
}

// miss looks for a key that the set lacks: in the outcome of the fetch under way, and in
// one more if that fetch began before the waiter arrived.
func (c *Cache) miss(ctx context.Context, w *waiter) ([]claims.Key, error) {
	for first := true; ; first = false {
		f, limited := c.startForced(w)
		if first {
			c.misses.count(limited)
		}
		if f == nil {
			return c.verdict(w)
		}
		if err := c.await(ctx, w, f, w.deadline); err != nil {
			return nil, c.unavailable(err)
		}
		if w.answeredBy(f) {
			return c.verdict(w)
		}
		if keys, err := c.current.Load().find(w.alg, w.kid); keys != nil || err != nil {
			return keys, err
		}
	}
}

// verdict answers by the latest fetch, without another one.
func (c *Cache) verdict(w *waiter) ([]claims.Key, error) {
	s, now := c.current.Load(), c.now()
	if keys, err := s.find(w.alg, w.kid); keys != nil || err != nil {
		return keys, err
	}
	since, _ := elapsed(now, s.answer.began)
	if s.answer.err == nil && since <= forcedInterval {
		return nil, keyset.ErrUnknownKey
	}
	return nil, &claims.UnavailableError{RetryAfter: max(c.untilForced(now), minBackoff), Err: s.answer.err}
}

// unavailable says why there are no keys, and when to ask again.
func (c *Cache) unavailable(reason error) error {
	wait := c.untilNext(c.current.Load(), c.now())
	return &claims.UnavailableError{RetryAfter: max(wait, minBackoff), Err: reason}
}

// untilNext returns how long it is until a fetch can help a caller who gets no keys now. The
// fetch under way must end first. With a usable set the caller lacks one key, so the next
// forced fetch helps. Without one, the next scheduled fetch helps, after the backoff that
// follows if the fetch under way fails.
func (c *Cache) untilNext(s *snapshot, now time.Time) time.Duration {
	var left time.Duration
	if s.fetch != nil {
		since, _ := elapsed(now, s.fetch.began)
		left = max(fetchTimeout-since, 0)
	}
	switch {
	case s.usable(now):
		return max(left, c.untilForced(now))
	case s.fetch != nil:
		return left + minBackoff
	}
	return s.untilDue(now)
}
