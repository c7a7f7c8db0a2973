package jwks

import (
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
)

// The defaults and bounds of the schedule. Config and the package documentation state
// them; a test holds the three together.
const (
	defaultRefreshAfter = 15 * time.Minute
	defaultRevalidate   = 45 * time.Minute
	defaultMaxStale     = 24 * time.Hour

	minFreshness    = 5 * time.Minute // of a max-age
	maxFreshness    = time.Hour       // of a max-age and of RefreshAfter
	minRefreshAfter = 10 * time.Millisecond
	freshnessJitter = 0.1

	minBackoff     = time.Second
	maxBackoff     = 5 * time.Minute
	maxColdBackoff = 10 * time.Second // while no request can be served

	clockTolerance = 5 * time.Second // of a wall clock that is set back
	rediscovery    = 24 * time.Hour
)

// A schedule says how long a key set serves. It holds no state: everything here is
// arithmetic on durations that the caller has measured.
type schedule struct {
	refreshAfter   time.Duration
	revalidate     time.Duration
	maxStale       time.Duration
	floor, ceiling time.Duration // of a max-age
}

// newSchedule fills in the defaults. A refreshAfter below the default brings the bounds
// of max-age and the default window down in proportion: who asks for a refresh every
// 2 s does not want a withdrawn key to live for an hour.
func newSchedule(refreshAfter, revalidate, maxStale time.Duration) schedule {
	s := schedule{refreshAfter, revalidate, maxStale, minFreshness, maxFreshness}
	if s.refreshAfter == 0 {
		s.refreshAfter = defaultRefreshAfter
	}
	proportion := min(1, float64(s.refreshAfter)/float64(defaultRefreshAfter))
	s.floor = scale(minFreshness, proportion)
	s.ceiling = scale(maxFreshness, proportion)
	if s.revalidate == 0 {
		s.revalidate = scale(defaultRevalidate, proportion)
	}
	if s.maxStale == 0 {
		s.maxStale = defaultMaxStale
	}
	return s
}

func scale(d time.Duration, by float64) time.Duration {
	return time.Duration(float64(d) * by)
}

// freshness returns for how long a set is fresh that came, or was confirmed, with these
// headers: refreshAfter, or max-age less Age within bounds, but never so long that no
// window is left before the set is exhausted. random is in [0, 1); it only shortens, so
// that a fleet does not refresh in step.
func (s schedule) freshness(h http.Header, random float64) time.Duration {
	d := s.refreshAfter
	if age, ok := fetch.MaxAge(h); ok {
		d = min(max(age, s.floor), s.ceiling)
	}
	d = min(d, s.maxStale-s.revalidate)
	return d - scale(d, freshnessJitter*random)
}

// elapsed returns how long ago then was, and whether the wall clock has been set back
// since.
func elapsed(now, then time.Time) (d time.Duration, setBack bool) {
	return reconcile(time.Duration(now.UnixNano()-then.UnixNano()), now.Sub(then))
}

// reconcile takes the larger of two measures of one span. The monotonic clock stands
// still while the machine is suspended; the wall clock jumps. Either alone would call a
// set fresh that is hours old.
func reconcile(wall, monotonic time.Duration) (d time.Duration, setBack bool) {
	return max(wall, monotonic, 0), wall < -clockTolerance
}

// state returns what a set of this age is good for. A set whose age cannot be trusted,
// because it is a seed or the wall clock was set back, is stale at best.
func (s schedule) state(age, fresh time.Duration, untrusted bool) State {
	switch {
	case age >= s.maxStale:
		return StateExhausted
	case untrusted:
		return StateStale
	case age < fresh:
		return StateFresh
	case age < fresh+s.revalidate:
		return StateRevalidating
	}
	return StateStale
}

// backoff returns the pause after so many failures in a row: at least a second, and at
// most a bound that doubles up to limit, spread evenly between the two by random, which
// is in [0, 1). A longer Retry-After is honoured up to the limit.
func backoff(failures int, random float64, retryAfter, limit time.Duration) time.Duration {
	bound := min(minBackoff<<min(failures, 10), limit)
	pause := minBackoff + scale(bound-minBackoff, random)
	return min(max(pause, retryAfter), limit)
}

// backoffLimit is lower where no request can be served: then each second counts more
// than sparing an issuer that is asked by nobody else meanwhile.
func backoffLimit(s State) time.Duration {
	if s == StateCold || s == StateExhausted {
		return maxColdBackoff
	}
	return maxBackoff
}

// The bucket that forced fetches are taken from.
const (
	forcedInterval = 10 * time.Second
	forcedBurst    = 3
)

// A bucket holds the credit for forced fetches: forcedBurst at first, and one more per
// forcedInterval. The zero bucket is full.
type bucket struct {
	spent time.Duration // of forcedBurst*forcedInterval, as of at
	at    time.Time
}

// take reports whether there was a token, and takes it.
func (b *bucket) take(now time.Time) bool {
	spent := b.spentAt(now)
	if spent > (forcedBurst-1)*forcedInterval {
		return false
	}
	b.spent, b.at = spent+forcedInterval, now
	return true
}

// wait returns how long it takes until there is a token.
func (b *bucket) wait(now time.Time) time.Duration {
	return max(0, b.spentAt(now)-(forcedBurst-1)*forcedInterval)
}

func (b *bucket) spentAt(now time.Time) time.Duration {
	if b.at.IsZero() {
		return 0
	}
	since, _ := elapsed(now, b.at)
	return max(0, b.spent-since)
}
