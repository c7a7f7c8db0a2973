package jwks

import (
	"errors"
	"net/http"
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
	answer ended // the latest that can answer for an unknown kid: not one that a 304 ended

	took       time.Duration // of the latest fetch
	status     int           // of its latest answer; 0 if there was none
	clockAhead time.Duration // of the issuer, when that was last known

	failures   int // scheduled and asked fetches that failed in a row
	failedAt   time.Time
	spread     float64 // the random part of the backoff, in [0, 1)
	retryAfter time.Duration

	pausedAt time.Time     // when the issuer last asked for a pause of forced fetches
	pause    time.Duration // how long a pause

	milder      string    // the Cache-Control of forced and asked fetches in place of no-cache
	milderSince time.Time // zero: there is none
	noMaxAge    bool      // the latest scheduled fetch that succeeded had no Cache-Control
	slow        bool      // the latest fetch failed or took long: see FetchLimit

	location location
	warning  error // of the latest attempt to read discovery again
	outage   outage

	// Counts of fetches. begun is also the seq of the newest one.
	begun, forced, failed, notModified uint64
}

// An ended is the latest fetch that has ended.
type ended struct {
	seq   uint64
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
		wait = max(wait, s.backoff(now)-since)
	}
	return max(wait, 0)
}

func (s *snapshot) backoff(now time.Time) time.Duration {
	return backoff(s.failures, s.spread, s.retryAfter, s.usable(now))
}

// overdue returns how long a scheduled fetch has been due after a failure.
func (s *snapshot) overdue(now time.Time) time.Duration {
	since, _ := elapsed(now, s.failedAt)
	return since - s.backoff(now)
}

// usableUntil returns when the set is too old to be used; zero if no set is usable.
func (s *snapshot) usableUntil(now time.Time) time.Time {
	if !s.usable(now) {
		return time.Time{}
	}
	age, _ := elapsed(now, s.good.began)
	return now.Add(s.schedule.maxStale - age)
}

// presumesOutage reports whether requests get a stale set without waiting for its refresh.
//
// A failed scheduled fetch presumes an outage until the next one has been overdue for
// RefreshAfter. After that nothing is known of the issuer: the server was idle. A failed
// forced fetch presumes nothing. Every stranger can cause one, and it has neither retries
// nor discovery.
//
// While a fetch is under way, its beginning counts: a short RefreshAfter must not end the
// presumption while the issuer hangs. A fetch that should have ended long ago was cut off by a
// freeze, and does not count.
func (s *snapshot) presumesOutage(now time.Time) bool {
	if f := s.fetch; f != nil && !f.older(now, maxSlotWait+abandonAfter) {
		now = f.began
	}
	return s.failures > 0 && s.overdue(now) < s.schedule.refreshAfter
}

// untilUnpaused returns how long forced fetches pause because the issuer asked for it.
func (s *snapshot) untilUnpaused(now time.Time) time.Duration {
	if s.pause == 0 {
		return 0
	}
	since, _ := elapsed(now, s.pausedAt)
	return max(s.pause-since, 0)
}

// The Cache-Control of requests, for the HTTP caches between the issuer and this process.
const (
	// noCache gets past every cache (RFC 9111 section 5.2.1.4).
	noCache = "no-cache"
	// maxCachedAge is how old a cached copy can be that scheduled fetches accept. Without a
	// limit, a cache that keeps documents for a day would hide a removal for a day. A fleet
	// that shares a cache still asks the issuer only once in this time.
	maxCachedAge = 10 * time.Second
	maxAge       = "max-age=10"
	// revalidate asks caches for a fresh answer without the word no-cache.
	revalidate = "max-age=0"
)

// cacheControl returns the field value for a fetch of this kind. Some firewalls refuse
// requests that have one, with a status or a reset. So after two failures the next two
// scheduled fetches go the other way, and after a forced failure the next forced fetch goes
// with less. What succeeded is kept, for a day where it is not no-cache.
func (s *snapshot) cacheControl(k kind, now time.Time) string {
	if k == scheduled {
		if s.noMaxAge != (s.failures&2 != 0) {
			return ""
		}
		return maxAge
	}
	since, _ := elapsed(now, s.milderSince)
	if s.milderSince.IsZero() || since >= rediscovery {
		return noCache
	}
	return s.milder
}

// find returns nil without an error if a fetch could find the key. It refuses a blocked kid
// before it looks at the set: in a set without kids, every kid finds a key.
func (s *snapshot) find(alg, kid string) ([]claims.Key, error) {
	if s.block.names(kid) {
		return nil, errBlocked
	}
	return s.keys.Candidates(alg, kid)
}

// decides reports whether no fetch is needed to answer for a key.
func (s *snapshot) decides(alg, kid string) bool {
	keys, err := s.find(alg, kid)
	return keys != nil || err != nil
}

// mustRediscover reports whether the next scheduled fetch must read discovery again: once a
// day, and after a failure, because the key set can have moved.
func (s *snapshot) mustRediscover(now time.Time) bool {
	return !s.location.read.IsZero() && (s.latest.err != nil || s.location.untilDue(now) == 0)
}

// The methods below change a snapshot that is not shared yet.

// conclude takes over the outcome of a fetch that ended now. random is in [0, 1).
func (s *snapshot) conclude(f *fetching, out outcome, now time.Time, random float64) {
	s.latest = ended{seq: f.seq, began: f.ran, err: out.err}
	s.took, s.status = f.took, out.heard.status
	if out.heard.dated {
		s.clockAhead = out.heard.clockAhead
	}
	if out.confirmed {
		s.notModified++
	} else {
		s.answer = ended{seq: f.seq, began: f.ran.Add(-out.age), err: out.err}
	}
	s.slow = out.err != nil || f.took > slowFetch
	s.learn(out, now)
	s.moderate(f, out, now)
	if out.err != nil {
		s.failed++
		s.backOff(f, out.err, now, random)
		s.suspect(out.err, now)
		return
	}
	if f.kind == scheduled || out.plain {
		s.noMaxAge = out.plain
	}
	s.renew(f, out.good, now)
}

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
func (s *snapshot) backOff(f *fetching, err error, now time.Time, random float64) {
	var failure *fetch.Error
	var retryAfter time.Duration
	if errors.As(err, &failure) {
		retryAfter = failure.RetryAfter
	}
	if retryAfter > 0 && (failure.Status == http.StatusTooManyRequests || failure.Status == http.StatusServiceUnavailable) {
		s.pausedAt, s.pause = now, min(retryAfter, maxRetryAfter)
	}
	if f.kind == forced {
		return
	}
	s.failures++
	s.failedAt, s.spread, s.retryAfter = now, random, retryAfter
}

// moderate decides how the next forced fetch asks: with less after a failure, and the same way
// after a success. After a failure without Cache-Control it is no-cache again.
func (s *snapshot) moderate(f *fetching, out outcome, now time.Time) {
	refused := out.plain && f.cacheControl != ""
	switch {
	case f.kind == scheduled || out.err == nil && !refused:
	case f.cacheControl == "":
		s.milderSince = time.Time{}
	case f.cacheControl == noCache && !s.noMaxAge:
		s.milder, s.milderSince = revalidate, now
	default:
		s.milder, s.milderSince = "", now
	}
}

// suspect marks a set as stale when its discovered jwks_uri answers 404 or 410. Then the next
// scheduled fetch repeats discovery. Backoff, or the bucket of forced fetches, bounds
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
