package introspection

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Status describes an [Introspector] at one moment, for metrics: ShowIntrospection of package
// metrics publishes it. The counters begin with the process. It is a copy, and does not change.
type Status struct {
	_ [0]func() // written with field names

	Requests uint64 // to the endpoint, that have ended; the sum of the next three
	Active   uint64 // of Requests
	Inactive uint64 // of Requests
	Errors   uint64 // of Requests: no answer, or one that cannot be used

	// CredentialErrors and Outages are of Errors: the endpoint did not accept this API, or gave no
	// answer about any token. The other Errors can be caused by single tokens, which anyone can
	// make up.
	CredentialErrors, Outages uint64

	RequestTime time.Duration // of all Requests together

	Cached uint64 // answers from memory
	Stale  uint64 // answers from memory after their TTL, by Config.StaleIfError

	// Limited and Paused count the tokens that were not asked about, and got a 503 or a Stale
	// answer. Limited were those beyond UnknownPerSecond or MaxInFlight; LimitedInFlight of them
	// were the latter. Paused came while the endpoint failed.
	Limited, LimitedInFlight, Paused uint64

	InFlight        int    // requests to the endpoint
	Entries         int    // tokens that are remembered and were accepted
	InactiveEntries int    // others: not active, or active and not accepted
	Evictions       uint64 // accepted tokens that were dropped to make room

	// LastError is the latest of Errors, and LastErrorAt its time. They stay when the endpoint
	// answers again. It is for logs, and has nothing of the body of an answer.
	LastError   error
	LastErrorAt time.Time
}

// counts count without a lock, except for the latest error.
type counts struct {
	active, inactive, credentials, outages, unusable atomic.Uint64
	cached, stale, limited, queued, paused           atomic.Uint64
	inFlight, took                                   atomic.Int64 // took has nanoseconds

	mu   sync.Mutex // guards the fields below
	last error
	at   time.Time
}

// add counts a request that has ended, for a token of a lane.
func (c *counts) add(a *answer, err error, lane int, took time.Duration) {
	c.took.Add(int64(took))
	switch {
	case err != nil:
		[...]*atomic.Uint64{kindCredentials: &c.credentials, kindOutage: &c.outages, kindUnusable: &c.unusable}[kindOf(err, lane)].Add(1)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.last, c.at = err, time.Now()
	case a.isActive():
		c.active.Add(1)
	default:
		c.inactive.Add(1)
	}
}

// Status returns the present state.
func (i *Introspector) Status() Status {
	c := &i.counts
	s := Status{
		Active: c.active.Load(), Inactive: c.inactive.Load(),
		CredentialErrors: c.credentials.Load(), Outages: c.outages.Load(), RequestTime: time.Duration(c.took.Load()),
		Cached: c.cached.Load(), Stale: c.stale.Load(), LimitedInFlight: c.queued.Load(), Paused: c.paused.Load(),
		InFlight: int(c.inFlight.Load()),
		Entries:  i.accepted.size(), InactiveEntries: i.others.size(), Evictions: i.accepted.evicted(),
	}
	s.Errors = s.CredentialErrors + s.Outages + c.unusable.Load()
	s.Limited = s.LimitedInFlight + c.limited.Load()
	s.Requests = s.Active + s.Inactive + s.Errors
	c.mu.Lock()
	defer c.mu.Unlock()
	s.LastError, s.LastErrorAt = c.last, c.at
	return s
}
