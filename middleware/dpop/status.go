package dpop

// A Status describes a [Checker] at one moment, for metrics. The counters begin with the process.
// It is a copy, and does not change.
type Status struct {
	_ [0]func() // written with field names

	// Replays is the status of Config.Replays. It is the zero value for a store without a method
	// Status that returns a ReplayStatus.
	Replays ReplayStatus

	// IssuesNonces reports whether Config.Nonces is set. The others count proofs by their nonce:
	// NoncesLive had one that is accepted, NoncesDead had another one, and NoncesMissing had none
	// and needed one. If NoncesDead grows as fast as NoncesLive, a server has other
	// Nonces.Secrets, or another first origin.
	IssuesNonces                          bool
	NoncesLive, NoncesDead, NoncesMissing uint64
}

// Status returns the present state. It asks no store.
func (c *Checker) Status() Status {
	var s Status
	if known, ok := c.replays.(interface{ Status() ReplayStatus }); ok {
		s.Replays = known.Status()
	}
	if n := c.nonces; n != nil {
		s.IssuesNonces = true
		s.NoncesLive, s.NoncesDead, s.NoncesMissing = n.live.Load(), n.dead.Load(), n.missing.Load()
	}
	return s
}
