package jwks

import (
	"maps"
	"slices"
	"time"
)

// A State says how requests can use a cached key set.
//
// Its values do not change between versions, so they can be used in metrics. The
// documentation of [Cache] says what requests get in each state.
type State string

// The states of a [Cache], in the order that a set passes through if it cannot be refreshed.
const (
	StateCold         State = "cold"                   // there has been no set yet
	StateFresh        State = "fresh"                  // used as it is
	StateRevalidating State = "stale-while-revalidate" // used, and refreshed behind
	StateStale        State = "stale-if-error"         // used while refreshing fails
	StateExhausted    State = "exhausted"              // too old, not used
)

// A Status describes a [Cache] at one moment. It is a copy, and does not change.
type Status struct {
	Issuer string // Config.Issuer, which can be empty
	State  State
	Age    time.Duration // of the set in use; of a Seed, since SeedTime; 0 in StateCold

	LastSuccess  time.Time     // when the latest successful fetch began; zero if there was none
	LastAttempt  time.Time     // when the latest fetch that has ended began
	LastError    error         // of that fetch; nil if it succeeded
	LastStatus   int           // HTTP status of its latest answer; 0 if there was none
	LastDuration time.Duration // of that fetch, without its wait for a place in the FetchLimit

	Failures    int       // scheduled and asked fetches that failed in a row; 0 after any success
	NextRefresh time.Time // earliest time; needs a request or Run
	UsableUntil time.Time // when MaxStale is over without a success; zero if no set is usable

	// ClockDifference is how far the issuer's clock is ahead of this machine's, in whole
	// seconds; negative if it is behind. It is 0 if it is not known or under 2 s. It is that of
	// the latest answer with a Date field (RFC 9110 section 6.6.1) and without an Age, which
	// only HTTP caches send.
	ClockDifference time.Duration

	Host    string       // of the key set's address; empty until discovery has named it
	Keys    int          // how many are usable, with and without a kid
	KeyIDs  []string     // of the usable keys, in the document's order, as the issuer wrote them
	Blocked []string     // the kids given to Block, sorted
	Skipped []SkippedKey // keys of the document that are not used

	Fetches       uint64 // begun, for any reason; each can make several HTTP requests
	ForcedFetches uint64 // of Fetches, begun because of an unknown kid
	FailedFetches uint64 // of Fetches, ended without a set
	NotModified   uint64 // of Fetches, ended by a 304

	// UnknownKeys is how many calls of Keys named an alg and kid that the set did not have. A call
	// counts also if a fetch found the key then.
	UnknownKeys uint64
	// UnknownKeysUnfetched is how many of the UnknownKeys were answered without a fetch. The
	// forced fetches were used up, the issuer had asked for a pause, or no fetch could help.
	UnknownKeysUnfetched uint64
}

// Status returns the cache's present state. It makes no request.
func (c *Cache) Status() Status {
	s, now := c.current.Load(), c.now()
	status := Status{
		Issuer:          c.issuer,
		State:           s.state(now),
		LastAttempt:     s.latest.began,
		LastError:       s.latest.err,
		LastStatus:      s.status,
		LastDuration:    s.took,
		Failures:        s.failures,
		NextRefresh:     now.Add(s.untilDue(now)),
		UsableUntil:     s.usableUntil(now),
		ClockDifference: s.clockAhead,
		Host:            s.location.host(),
		Keys:            s.keys.Len(),
		KeyIDs:          s.keys.KeyIDs(),
		Blocked:         slices.Sorted(maps.Keys(s.block.kids)),
		Fetches:         s.begun,
		ForcedFetches:   s.forced,
		FailedFetches:   s.failed,
		NotModified:     s.notModified,
	}
	status.UnknownKeysUnfetched = c.misses.unfetched.Load() // first: it is never the larger one
	status.UnknownKeys = c.misses.all.Load()
	for _, skip := range s.keys.Skipped() {
		status.Skipped = append(status.Skipped, SkippedKey(skip))
	}
	if s.good != nil {
		status.Age, _ = elapsed(now, s.good.began)
		if !s.good.seeded {
			status.LastSuccess = s.good.began
		}
	}
	return status
}

// A SkippedKey is a key of a JWK Set that is not used. The other keys of the set are used all
// the same (RFC 7517 section 5).
type SkippedKey struct {
	// KeyID is the key's kid, safe for logs: at most 256 bytes, with everything but
	// printable ASCII replaced by "?". It is empty if the key has no readable kid.
	KeyID string
	// Reason says why, in a fixed text without a byte of the document.
	Reason string
}
