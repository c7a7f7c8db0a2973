package jwks

import "time"

const defaultFetchLimit = 16

// A FetchLimit bounds how many fetches are in flight at once. Its methods are safe for
// concurrent use.
//
// Share one between the caches of all issuers that a server trusts, so that an outage of
// many issuers cannot use up its sockets. Half of its slots are closed to issuers whose
// latest fetch failed or took more than 1 s. So issuers that hang cannot delay the others,
// even if strangers choose which issuers are asked.
type FetchLimit struct{ slots, slow chan struct{} }

// NewFetchLimit returns a limit of n fetches, or of 16 if n is less than 1.
//
// A fetch that finds no free slot waits for one. The wait does not count as a failure of the
// issuer, and the 5 s of the fetch begin after it.
//
// A fetch whose RoundTripper ignores its context counts as failed after 6 s, but keeps its
// slot until the RoundTripper returns. This bounds the number of stuck goroutines. After n
// such fetches no cache that shares the limit can fetch. Each of them is logged as an Error.
func NewFetchLimit(n int) *FetchLimit {
	if n < 1 {
		n = defaultFetchLimit
	}
	return &FetchLimit{slots: make(chan struct{}, n), slow: make(chan struct{}, max(n/2, 1))}
}

// acquire returns a function that gives the slot back, or nil if none was free in time.
func (l *FetchLimit) acquire(slow bool, wait time.Duration) (release func()) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	if slow {
		select {
		case l.slow <- struct{}{}:
		case <-timeout.C:
			return nil
		}
	}
	release = func() {
		<-l.slots
		if slow {
			<-l.slow
		}
	}
	select {
	case l.slots <- struct{}{}:
		return release
	case <-timeout.C:
		if slow {
			<-l.slow
		}
		return nil
	}
}
