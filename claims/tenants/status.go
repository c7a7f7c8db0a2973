package tenants

import "time"

// A Status describes a [Resolver] at one moment: ShowTenants of package metrics publishes it. The
// counts are those since [New].
type Status struct {
	_ [0]func() // written with field names

	// Tenants are remembered, and a token of each was verified. Unproven are remembered, but no
	// token of them was verified yet. Absent is how many iss are remembered that no tenant has.
	Tenants, Unproven, Absent int

	// Evictions counts the tenants that were forgotten to make room, although a token of each was
	// verified. If it grows, MaxTenants is too small.
	Evictions uint64

	// Lookups counts the calls of Lookup. Of those that have ended, Found found a tenant, NotFound
	// found none, Failed returned an error or panicked, and Invalid returned settings that are not
	// valid. LookupTime is the time of all that have ended, together.
	Lookups, Found, NotFound, Failed, Invalid uint64

	LookupTime time.Duration

	// InFlight is how many look-ups are under way, or wait for their turn.
	InFlight int

	// Refused counts the requests that got a 503 because there were too many look-ups. Slow counts
	// those that got one because their look-up took more than 3 seconds.
	Refused, Slow uint64

	// LastError is the latest error of Lookup, and LastErrorAt its time. They stay when later
	// look-ups succeed. They are for logs.
	LastError   error
	LastErrorAt time.Time
}

// Status describes the Resolver. It looks nothing up.
func (r *Resolver) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Status{
		Evictions: r.store.evictions, Slow: r.slow.Load(), InFlight: len(r.flights),
		Found: r.found.Load(), LookupTime: time.Duration(r.took.Load()), LastError: r.lastError, LastErrorAt: r.lastErrorAt,
		Tenants: r.store.used.order.Len(), Unproven: r.store.unproven.order.Len(), Absent: r.store.absent.order.Len(),
		Lookups: r.lookups.Load(), NotFound: r.absent.Load(), Failed: r.failed.Load(), Invalid: r.invalid.Load(),
		Refused: r.refused.Load(),
	}
}
