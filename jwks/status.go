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
	State State
	Age   time.Duration // of the set in use; of a Seed, since SeedTime; 0 in StateCold

	LastSuccess time.Time // when the latest successful fetch began; zero if there was none
	LastAttempt time.Time // when the latest fetch that has ended began
	LastError   error     // of that fetch; nil if it succeeded
	NextRefresh time.Time // earliest time; needs a request or Run

	Host    string       // of the key set's address; empty until discovery has named it
	Keys    int          // how many are usable, with and without a kid
	KeyIDs  []string     // of the usable keys, in the document's order, as the issuer wrote them
	Blocked []string     // the kids given to Block, sorted
	Skipped []SkippedKey // keys of the document that are not used

	Fetches       uint64 // begun, for any reason; each can make several HTTP requests
	ForcedFetches uint64 // of Fetches, begun because of an unknown kid
	FailedFetches uint64 // of Fetches, ended without a set
}

// Status returns the cache's present state. It makes no request.
func (c *Cache) Status() Status {
	s, now := c.current.Load(), c.now()
	status := Status{
		State:         s.state(now),
		LastAttempt:   s.latest.began,
		LastError:     s.latest.err,
		NextRefresh:   now.Add(s.untilDue(now)),
		Host:          s.location.host(),
		Keys:          s.keys.Len(),
		KeyIDs:        s.keys.KeyIDs(),
		Blocked:       slices.Sorted(maps.Keys(s.block.kids)),
		Fetches:       s.begun,
		ForcedFetches: s.forced,
		FailedFetches: s.failed,
	}
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
