package jwks

import "context"

const defaultFetchLimit = 16

// A FetchLimit bounds how many fetches are in flight at once. Share one between the
// caches of all issuers that a server trusts, so that an outage of many of them cannot
// tie up its sockets. Its methods are safe for concurrent use.
type FetchLimit struct{ slots chan struct{} }

// NewFetchLimit returns a limit of n fetches, and of 16 if n is less than 1. A fetch
// that finds all slots taken waits for one within its own 5 s.
//
// A fetch whose RoundTripper ignores its context keeps its slot until that returns,
// although it counts as failed after 6 s. This bounds the goroutines that can be stuck;
// it also means that after n such fetches there is no other, for any cache that shares
// the limit. Each is logged as an Error.
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
