package dpop

import (
	"context"
	"sync"
	"time"
)

// A ReplayStore remembers which proofs were used.
type ReplayStore interface {
	// Use reports whether id was not used before, and remembers it until then. key is the SHA-256
	// thumbprint of the client's key, to which the memory of one client is bounded.
	Use(ctx context.Context, key, id [32]byte, until time.Time) (fresh bool, err error)
}

// scratch stands in until the bounded memory is there.
type scratch struct{ used sync.Map }

func (s *scratch) Use(_ context.Context, _, id [32]byte, _ time.Time) (bool, error) {
	_, seen := s.used.LoadOrStore(id, struct{}{})
	return !seen, nil
}

func newDefaultReplays() ReplayStore { return &scratch{} }
