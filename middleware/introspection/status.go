package introspection

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Status describes an [Introspector] at one moment, for metrics. The counters begin with the
// process. It is a copy, and does not change.
type Status struct {
	_ [0]func() // written with field names

	Requests uint64 // to the endpoint, that have ended; the sum of the next three
	Active   uint64 // of Requests
	Inactive uint64 // of Requests
	Errors   uint64 // of Requests: no answer, or one that cannot be used

	Cached  uint64 // answers from memory
	Stale   uint64 // answers from memory after their TTL, by Config.StaleIfError
	Limited uint64 // requests refused by UnknownPerSecond or MaxInFlight

	InFlight        int // requests to the endpoint
	Entries         int // tokens that are remembered and were accepted
	InactiveEntries int // others: not active, or active and not accepted

	// LastError is the latest of Errors, and LastErrorAt its time. They stay when the endpoint
	// answers again. It is for logs, and has nothing of the body of an answer.
	LastError   error
	LastErrorAt time.Time
}

// counts count without a lock, except for the latest error.
type counts struct {
	active, inactive, errors, cached, stale, limited atomic.Uint64
	inFlight                                         atomic.Int64

	mu   sync.Mutex // guards the fields below
	last error
	at   time.Time
}

func (c *counts) add(a *answer, err error) {
	switch {
	case err != nil:
		c.errors.Add(1)
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
		Active: c.active.Load(), Inactive: c.inactive.Load(), Errors: c.errors.Load(),
		Cached: c.cached.Load(), Stale: c.stale.Load(), Limited: c.limited.Load(),
		InFlight: int(c.inFlight.Load()), Entries: i.accepted.size(), InactiveEntries: i.others.size(),
	}
	s.Requests = s.Active + s.Inactive + s.Errors
	c.mu.Lock()
	defer c.mu.Unlock()
	s.LastError, s.LastErrorAt = c.last, c.at
	return s
}
