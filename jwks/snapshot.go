package jwks

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A snapshot is everything a request needs to know at one moment. It is never changed, only
// replaced.
type snapshot struct {
	schedule *schedule

	keys  *keyset.Set // the keys of good without the blocked ones: they serve the requests
	good  *goodSet    // the latest set with a usable key; nil in StateCold
	block block

	fetch  *fetching // under way; nil if there is none
	latest ended

	failures   int // scheduled and asked fetches that failed in a row
	failedAt   time.Time
	spread     float64 // the random part of the backoff, in [0, 1)
	retryAfter time.Duration

	location  location
	warning   error     // of the latest attempt to read discovery again
	condition condition // the last one that was logged

	begun, forced, failed uint64 // counts of fetches; begun is also the seq of the newest one
}

// An ended is the latest fetch that has ended.
type ended struct {
	began time.Time
	err   error
}

// state returns the state of the set.
func (s *snapshot) state(now time.Time) State {
	if s.good == nil {
		return StateCold
	}
	age, setBack := elapsed(now, s.good.began)
	return s.schedule.state(age, s.good.fresh, s.good.seeded || setBack)
}

// usable reports whether known keys can be served at all.
func (s *snapshot) usable(now time.Time) bool {
	state := s.state(now)
	return state != StateCold && state != StateExhausted
}

// untilDue returns how long it is until a scheduled fetch can start: until the set is not
// fresh any more and the backoff after failures is over.
func (s *snapshot) untilDue(now time.Time) time.Duration {
	var wait time.Duration
	state := s.state(now)
	if state == StateFresh {
		age, _ := elapsed(now, s.good.began)
		wait = s.good.fresh - age
	}
	if s.failures > 0 {
		since, _ := elapsed(now, s.failedAt)
		wait = max(wait, backoff(s.failures, s.spread, s.retryAfter, backoffLimit(state))-since)
	}
	return max(wait, 0)
}

// find returns nil without an error if a fetch could find the key. It refuses a blocked kid
// before it looks at the set: in a set without kids, every kid finds a key.
func (s *snapshot) find(alg, kid string) ([]claims.Key, error) {
	if s.block.names(kid) {
		return nil, errBlocked
	}
	return s.keys.Candidates(alg, kid)
}

// mustRediscover reports whether the next scheduled fetch must read discovery again: once a
// day, and after a failure, because the key set can have moved.
func (s *snapshot) mustRediscover(now time.Time) bool {
	return !s.location.read.IsZero() && (s.latest.err != nil || s.location.untilDue(now) == 0)
}

// The methods below change a snapshot that is not shared yet.

// serve puts a set in place, without its blocked keys. good can be nil.
func (s *snapshot) serve(good *goodSet) {
	s.good = good
	if good == nil {
		return
	}
	s.block = s.block.learn(good.keys)
	s.keys = good.keys.Without(s.block.material)
}

// learn stores where the key set is. If discovery could not be read again, the next
// refresh tries it again.
func (s *snapshot) learn(out outcome, now time.Time) {
	if out.location.url == "" {
		return
	}
	if out.warning != nil || out.location.read != s.location.read {
		s.warning = out.warning
	}
	s.location = out.location
	if out.warning != nil {
		age, _ := elapsed(now, s.location.read)
		s.location.good = age + s.schedule.refreshAfter
	}
}

// renew puts a new good set in place. A forced fetch does not put off the next reading of
// discovery: a flood of unknown kids could otherwise put it off forever.
func (s *snapshot) renew(f *fetching, good *goodSet, now time.Time) {
	s.failures = 0
	s.serve(good)
	if f.kind == forced && !s.location.read.IsZero() {
		good.fresh = min(good.fresh, s.location.untilDue(now))
	}
}

// backOff counts a failure for the schedule. It ignores forced fetches: a flood of unknown
// kids must not put off the refresh that all other requests need.
func (s *snapshot) backOff(f *fetching, err error, now time.Time) {
	if f.kind == forced {
		return
	}
	s.failures++
	s.failedAt, s.spread, s.retryAfter = now, rand.Float64(), 0
	var failure *fetch.Error
	if errors.As(err, &failure) {
		s.retryAfter = failure.RetryAfter
	}
}

// suspect marks a set as stale when its discovered jwks_uri answers 404 or 410, so that the
// next scheduled fetch repeats discovery. Backoff, or the bucket of forced fetches, bounds
// how often a flood can cause this.
func (s *snapshot) suspect(err error, now time.Time) {
	var failure *fetch.Error
	if s.good == nil || s.location.read.IsZero() || !errors.As(err, &failure) || !failure.Gone() {
		return
	}
	age, _ := elapsed(now, s.good.began)
	good := *s.good
	good.fresh = min(good.fresh, age)
	s.good = &good
}
