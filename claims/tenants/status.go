package tenants

// A Status describes a [Resolver] at one moment. The counts are those since [New].
type Status struct {
	_ [0]func() // written with field names

	// Tenants are remembered, and a token of each was verified. Unproven are remembered, but no
	// token of them was verified yet. Absent is how many iss are remembered that no tenant has.
	Tenants, Unproven, Absent int

	// Lookups counts the calls of Lookup. NotFound of them found no tenant, Failed returned an
	// error or panicked, and Invalid returned settings that are not valid.
	Lookups, NotFound, Failed, Invalid uint64

	// Refused counts the requests that got a 503 because there were too many look-ups.
	Refused uint64
}

// Status describes the Resolver. It looks nothing up.
func (r *Resolver) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Status{
		Tenants: r.store.used.order.Len(), Unproven: r.store.unproven.order.Len(), Absent: r.store.absent.order.Len(),
		Lookups: r.lookups.Load(), NotFound: r.absent.Load(), Failed: r.failed.Load(), Invalid: r.invalid.Load(),
		Refused: r.refused.Load(),
	}
}
