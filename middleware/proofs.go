package middleware

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/claims"
)

// A confirmation takes the place of a proof of one request, for the Verifier.
//
// A proof must be judged only once for a request: the second time, a DPoP proof looks like
// a replay (RFC 9449 section 11.1). So what it has confirmed is remembered with the request,
// and confirms the token when it is verified again.
type confirmation struct {
	proof claims.Proof
	found atomic.Pointer[finding] // nil until the proof has confirmed something
}

// A finding is what a proof has confirmed: a token, and the value of a member of its cnf.
type finding struct{ token, value string }

const errNotConfirmed = detail("the proof of this request has confirmed another token or key")

// Member implements [claims.Proof].
func (c *confirmation) Member() string { return c.proof.Member() }

// Confirm asks the proof the first time. After that it confirms only the same again.
func (c *confirmation) Confirm(ctx context.Context, token string, value []byte) error {
	now := finding{token, string(value)}
	switch before := c.found.Load(); {
	case before != nil && *before != now:
		return errNotConfirmed
	case before != nil:
		return nil
	}
	if err := c.proof.Confirm(ctx, token, value); err != nil {
		return err
	}
	c.found.Store(&now)
	return nil
}

// Format prints a fixed text for every verb, because c holds the token.
func (c *confirmation) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "middleware.confirmation")
}

// confirmationsOf returns a confirmation for each proof, or nil if there are no proofs.
func confirmationsOf(proofs []claims.Proof) []claims.Proof {
	if len(proofs) == 0 {
		return nil
	}
	all := make([]claims.Proof, 0, len(proofs))
	for _, proof := range proofs {
		if proof != nil {
			all = append(all, &confirmation{proof: proof})
		}
	}
	return all
}

// asked returns the confirmations whose proofs the Verifier has asked. Another one must not
// be judged later, when the request it came with is long over.
func asked(confirmations []claims.Proof) []claims.Proof {
	return slices.DeleteFunc(confirmations, func(p claims.Proof) bool {
		c, ok := p.(*confirmation)
		return ok && c.found.Load() == nil
	})
}
