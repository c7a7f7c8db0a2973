package dpop

import (
	"context"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A ReplayStore remembers which proofs were used. [Memory] keeps them in this process, and
// [Shared] in a store that several processes share. Use must be safe for concurrent use.
type ReplayStore interface {
	// Use reports whether id was not used before, and remembers it until then. Of concurrent
	// calls with one id, at most one gets true. key is the SHA-256 thumbprint of the client's
	// key, to which the memory of one client is bounded.
	//
	// An error says that it could not be found out, and never means fresh: the answer is a
	// 503. It matches claims.ErrUnavailable. An error that also wraps a
	// *claims.UnavailableError says when to retry.
	Use(ctx context.Context, key, id [32]byte, until time.Time) (fresh bool, err error)
}

// A ReplayStatus describes a [Memory] or a [Shared] at one moment, for metrics. The counters
// begin with the process. It is a copy, and does not change.
type ReplayStatus struct {
	_ [0]func() // written with field names

	Entries    int    // proofs in the memory of this process
	MaxEntries int    // the bound of Entries
	Replays    uint64 // uses of a proof that was used before
	OverLimit  uint64 // uses refused because the key, or all keys together, had too many entries

	// All others are those of a Shared.

	Calls     uint64        // of Do
	Failures  uint64        // of Calls, by an error, the Timeout, or a wrong reply
	Fallbacks uint64        // proofs accepted without the store, with LocalOnOutage
	CallTime  time.Duration // of all Calls together

	// Buckets has, for each of Bounds, how many of the Calls took no longer.
	Bounds  []time.Duration
	Buckets []uint64
}

// A replayError says why a store could not answer. It matches claims.ErrUnavailable, and is
// a *claims.UnavailableError under errors.As.
type replayError struct {
	text       string
	outage     bool // of the shared store
	retryAfter time.Duration
	err        error // may be nil
}

func (e *replayError) Error() string {
	if e.err == nil {
		return "dpop: " + e.text
	}
	return "dpop: " + e.text + ": " + e.err.Error()
}

// Is reports whether target is claims.ErrUnavailable.
func (e *replayError) Is(target error) bool { return target == claims.ErrUnavailable }

// As sets a target of type *claims.Reason, or **claims.UnavailableError for the time to retry.
func (e *replayError) As(target any) bool {
	switch target := target.(type) {
	case *claims.Reason:
		*target = claims.ErrUnavailable
	case **claims.UnavailableError:
		*target = &claims.UnavailableError{RetryAfter: e.retryAfter, Err: e.err}
	default:
		return false
	}
	return true
}

func (e *replayError) Unwrap() error { return e.err }
