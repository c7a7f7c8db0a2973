package jwks

import (
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
)

// The defaults and bounds of the schedule. A test checks that Config and the package
// documentation state the same values.
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
	maxColdBackoff = 5 * time.Second // while no request can be served
	maxRetryAfter  = time.Minute     // of an issuer, while no request can be served

	// conditionalFor is how long after its last full delivery a document is only asked to
	// be confirmed. An issuer whose ETag does not change with its keys would otherwise
	// hide a removal forever. It goes down with RefreshAfter.
	conditionalFor = 45 * time.Minute

	clockTolerance = 5 * time.Second // of a wall clock that is set back
	rediscovery    = 24 * time.Hour
)

// A schedule says how long a key set serves. It holds no state. Everything here is
// arithmetic on durations that the caller measured.
type schedule struct {
	refreshAfter   time.Duration
	revalidate     time.Duration
	maxStale       time.Duration
	floor, ceiling time.Duration // of a max-age
	conditional    time.Duration // see conditionalFor
}

// newSchedule fills in the defaults. A refreshAfter below the default lowers the bounds of
// max-age and the default window in proportion: a configuration that refreshes every 2 s
// must not accept a removed key for an hour.
func newSchedule(refreshAfter, revalidate, maxStale time.Duration) schedule {
	s := schedule{refreshAfter: refreshAfter, revalidate: revalidate, maxStale: maxStale}
	if s.refreshAfter == 0 {
		s.refreshAfter = defaultRefreshAfter
	}
	proportion := min(1, float64(s.refreshAfter)/float64(defaultRefreshAfter))
	s.floor = scale(minFreshness, proportion)
	s.ceiling = scale(maxFreshness, proportion)
	s.conditional = scale(conditionalFor, proportion)
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

// freshness returns how long a set is fresh that was delivered or confirmed with these
// header fields: refreshAfter, or max-age less Age within bounds. It leaves room for the
// window before the set is exhausted. random is in [0, 1). It only shortens the result, so
// that a fleet does not refresh in step.
func (s schedule) freshness(h http.Header, random float64) time.Duration {
	d := s.refreshAfter
	if age, ok := fetch.MaxAge(h); ok {
		d = min(max(age, s.floor), s.ceiling)
	}
	d = min(d, s.maxStale-s.revalidate)
	return d - scale(d, freshnessJitter*random)
}

// seedTime returns when a Seed was fetched and when it was stored: by SeedTime, and by the
// document if that says an earlier time. If neither says it, the Seed serves only for as long
// as a set serves without an answer of the issuer: a program that restarts every day would
// otherwise use an old Seed forever.
func (s schedule) seedTime(now, config, document time.Time) (fetched, stored time.Time) {
	fetched, stored = config, config
	if config.IsZero() {
		fetched, stored = document, now
	} else if !document.IsZero() && document.Before(config) {
		fetched = document
	}
	if fetched.IsZero() {
		fetched = now.Add(-max(0, s.maxStale-s.refreshAfter-s.revalidate))
	}
	return earlier(fetched, now), earlier(stored, now)
}

// elapsed returns how long ago then was, and whether the wall clock was set back since.
func elapsed(now, then time.Time) (d time.Duration, setBack bool) {
	return reconcile(time.Duration(now.UnixNano()-then.UnixNano()), now.Sub(then))
}

// reconcile returns the larger of two measures of one span. The monotonic clock stops while
// the machine is suspended, and the wall clock can be set back. With one of them only, a
// set that is hours old could count as fresh.
func reconcile(wall, monotonic time.Duration) (d time.Duration, setBack bool) {
	return max(wall, monotonic, 0), wall < -clockTolerance
}

// state returns the state of a set of this age. A set is stale at best if its age is not
// known: it is a seed, or the wall clock was set back.
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

// backoff returns the pause after a number of failures in a row. It is at least a second and
// at most a bound that doubles up to maxBackoff; random, which is in [0, 1), chooses between
// the two. A longer Retry-After replaces it, with jitter, within the same limit.
//
// While no request can be served, a fast recovery is worth more requests to the issuer. The
// pause is at most maxColdBackoff then, and a Retry-After counts for at most maxRetryAfter.
func backoff(failures int, random float64, retryAfter time.Duration, usable bool) time.Duration {
	limit, retryLimit := maxColdBackoff, maxRetryAfter
	if usable {
		limit, retryLimit = maxBackoff, maxBackoff*5/6 // and the jitter
	}
	bound := min(minBackoff<<min(failures, 10), limit)
	pause := minBackoff + scale(bound-minBackoff, random)
	return max(pause, fetch.Jittered(min(retryAfter, retryLimit), random))
}

// Bounds of the bucket for forced fetches.
const (
	forcedInterval = 10 * time.Second
	forcedBurst    = 3
)

// A bucket holds the tokens for forced fetches: forcedBurst at first, and one more per
// forcedInterval. The zero bucket is full.
type bucket struct {
	spent time.Duration // of forcedBurst*forcedInterval, at the time at
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
