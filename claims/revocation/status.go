package revocation

import "time"

// A Status describes a [List] at one moment, for metrics: ShowRevocation of package metrics
// publishes it. The counters begin with the process. It is a copy, and does not change.
type Status struct {
	_ [0]func() // written with field names

	Entries        map[Kind]int // of each kind, also without any
	MaxEntries     int
	OverLimit      uint64          // entries that there was no room for, each time
	Refused        uint64          // tokens that were cut off
	RefusedBy      map[Kind]uint64 // the same by the kind of the entry, also without any
	Logouts        uint64          // that LogoutHandler has carried out
	LogoutsRefused uint64          // requests that were refused, or could not be carried out

	// All others are those of a shared list.

	Age       time.Duration // since the last complete reading began, or since New if there was none
	MaxAge    time.Duration // that of the Config
	Stale     bool          // older than MaxAge, or never read
	Polls     uint64        // readings of what is new
	Failures  uint64        // of Polls
	Malformed uint64        // entries that could not be read, each time
	Waiting   int           // additions that the server has not taken, and that are sent again
	GivenBack uint64        // entries that the server had lost, and that were sent again
	Err       error         // of the last poll, for logs

	// StaleRefused counts the checks that were refused with a 503 because the list was too old.
	// StaleAccepted counts those that went on without a current list, with ContinueWhenStale.
	StaleRefused, StaleAccepted uint64
}

// Status returns the present state. It drops entries that have expired.
func (l *List) Status() Status {
	l.writing.Lock()
	l.tidy(true)
	l.writing.Unlock()
	state := l.state.Load()
	status := Status{
		Entries: make(map[Kind]int), MaxEntries: l.maxEntries, OverLimit: l.overLimit.Load(),
		RefusedBy: make(map[Kind]uint64), Logouts: l.logouts.Load(), LogoutsRefused: l.logoutsRefused.Load(),
	}
	for k, name := range kindNames {
		refused := l.refused[k].Load()
		status.Entries[name], status.RefusedBy[name] = state.counts[k], refused
		status.Refused += refused
	}
	if l.shared != nil {
		l.shared.report(&status, state)
	}
	return status
}

func (s *shared) report(status *Status, state *state) {
	status.Age, status.MaxAge = s.ageOf(state), s.maxAge
	status.Stale = status.Age > s.maxAge
	if state.asOf.IsZero() {
		status.Age = time.Since(s.list.began)
	}
	status.Polls, status.Failures, status.Malformed = s.polls.Load(), s.failures.Load(), s.malformed.Load()
	status.Waiting, status.GivenBack = s.outbox.size(), s.givenBack.Load()
	status.StaleRefused, status.StaleAccepted = s.staleRefused.Load(), s.staleAccepted.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	status.Err = s.err
}
