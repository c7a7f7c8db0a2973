package jwks

import (
	"context"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// maxWait is how long a request waits for fetches, all together.
const maxWait = 3 * time.Second

// A waiter is a request for keys that may need to wait.
type waiter struct {
	alg, kid string
	arrived  time.Time
	begun    uint64    // how many fetches had begun at arrived
	deadline time.Time // of all waiting
}

func newWaiter(alg, kid string, s *snapshot, now time.Time) waiter {
	return waiter{alg: alg, kid: kid, arrived: now, begun: s.begun, deadline: now.Add(maxWait)}
}

// answeredBy reports whether the outcome of f answers w: f did not begin before w arrived.
// Requests that arrive at the same instant share one fetch.
func (w waiter) answeredBy(f *fetching) bool {
	return f.seq > w.begun || !f.began.Before(w.arrived)
}

// resolve serves what is not there at once. It waits for a usable set, and if that set
// lacks the key, for a newer one.
func (c *Cache) resolve(ctx context.Context, w waiter) ([]claims.Key, error) {
	joined, err := c.settle(ctx, w)
	if err != nil {
		return nil, err
	}
	keys, err := c.current.Load().find(w.alg, w.kid)
	switch {
	case keys != nil || err != nil:
		return keys, err
	case joined != nil && w.answeredBy(joined):
		return c.verdict(w)
	}
	return c.miss(ctx, w)
}

// settle waits where the state says so, and returns nil once there is a set to use. joined
// is the fetch it waited for; nil if it did not wait.
func (c *Cache) settle(ctx context.Context, w waiter) (joined *fetching, err error) {
	s, now := c.current.Load(), time.Now()
	switch s.state(now) {
	case StateFresh, StateRevalidating:
		return nil, nil
	case StateStale:
		joined, err = c.awaitFresh(ctx, s, now, w)
	case StateCold, StateExhausted:
		joined, err = c.awaitUsable(ctx, s, now, w)
	}
	if err != nil {
		return nil, c.unavailable(err)
	}
	if s = c.current.Load(); !s.usable(time.Now()) {
		return nil, c.unavailable(s.latest.err)
	}
	return joined, nil
}

// awaitFresh waits for one shared refresh of a stale set, but only if the latest fetch
// succeeded and the refresh began less than 3 s ago. In an outage the stale set is served
// at once.
func (c *Cache) awaitFresh(ctx context.Context, s *snapshot, now time.Time, w waiter) (*fetching, error) {
	f := c.startDue(s, now)
	if f == nil || s.latest.err != nil {
		return nil, nil
	}
	if patience := f.began.Add(maxWait); patience.Before(w.deadline) {
		w.deadline = patience
	}
	if err := f.wait(ctx, w.deadline); err != errSlow {
		return f, err
	}
	return nil, nil
}

// awaitUsable joins the fetch under way or starts one. During backoff there is none, and
// nothing to wait for.
func (c *Cache) awaitUsable(ctx context.Context, s *snapshot, now time.Time, w waiter) (*fetching, error) {
	f := c.startDue(s, now)
	if f == nil {
		return nil, nil
	}
	return f, f.wait(ctx, w.deadline)
}

// miss looks for a key that the set lacks: in the outcome of the fetch under way, and in
// one more if that fetch began before the waiter arrived.
func (c *Cache) miss(ctx context.Context, w waiter) ([]claims.Key, error) {
	for {
		f := c.startForced(w.begun)
		if f == nil {
			return c.verdict(w)
		}
		if err := f.wait(ctx, w.deadline); err != nil {
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
func (c *Cache) verdict(w waiter) ([]claims.Key, error) {
	s, now := c.current.Load(), time.Now()
	if keys, err := s.find(w.alg, w.kid); keys != nil || err != nil {
		return keys, err
	}
	since, _ := elapsed(now, s.latest.began)
	if s.latest.err == nil && since <= forcedInterval {
		return nil, keyset.ErrUnknownKey
	}
	return nil, &claims.UnavailableError{RetryAfter: max(c.untilForced(now), minBackoff), Err: s.latest.err}
}

// unavailable says why there are no keys, and when to ask again.
func (c *Cache) unavailable(reason error) error {
	wait := c.untilNext(c.current.Load(), time.Now())
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
