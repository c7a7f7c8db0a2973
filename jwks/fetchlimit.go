package jwks

import "context"

const defaultFetchLimit = 16

// A FetchLimit bounds how many fetches are in flight at once. Its methods are safe for
// concurrent use.
//
// Share one between the caches of all issuers that a server trusts, so that an outage of
// many issuers cannot use up its sockets.
type FetchLimit struct{ slots chan struct{} }

// NewFetchLimit returns a limit of n fetches, or of 16 if n is less than 1.
//
// A fetch that finds all slots taken waits for one within its own 5 s. A fetch whose
// RoundTripper ignores its context counts as failed after 6 s, but keeps its slot until the
// RoundTripper returns. This bounds the number of stuck goroutines. After n such fetches no
// cache that shares the limit can fetch. Each of them is logged as an Error.
func NewFetchLimit(n int) *FetchLimit {
	if n < 1 {
		n = defaultFetchLimit
	}
	return &FetchLimit{slots: make(chan struct{}, n)}
}

func (l *FetchLimit) acquire(ctx context.Context) error {
	select {
	case l.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *FetchLimit) release() { <-l.slots }
