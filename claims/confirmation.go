package claims

import (
	"cmp"
	"context"
	"slices"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// A Proof shows that the caller holds the key that a token is bound to (RFC 7800). It is for
// DPoP (jkt, RFC 9449) and for mutual TLS (x5t#S256, RFC 8705).
type Proof interface {
	// Member returns the member of the cnf claim that this Proof can confirm.
	Member() string
	// Confirm returns nil if the proof matches the token and the member's value. The value
	// is JSON text and must not be modified. An error that matches ErrUnavailable, or a
	// context's error, means that the proof could not be checked. Any other error refuses
	// the token.
	Confirm(ctx context.Context, token string, value []byte) error
}

// knownConfirmations are the confirmation methods that bind a token to a key: RFC 7800
// sections 3.2 and 3.4, RFC 8705 section 3.1, RFC 9449 section 6.1.
var knownConfirmations = []string{"jkt", "x5t#S256", "jwk", "kid"}

// lastConfirmations are asked after all others.
var lastConfirmations = []string{"jkt"}

// confirm requires a proof of every known member of cnf, and of at least one member. A token
// with a cnf is therefore never accepted as a plain bearer token. Unknown members beside a
// confirmed one are ignored (RFC 7800 section 3.1).
func (c *Claims) confirm(ctx context.Context, token string, proofs []Proof) error {
	if c.confirmation == (strict.Span{}) {
		return nil
	}
	return c.confirmBy(ctx, token, func(member, _ string) Proof { return proofOf(member, proofs) })
}

// confirmBy is confirm for a token that has a cnf. prove returns the proof of a member, or nil.
func (c *Claims) confirmBy(ctx context.Context, token string, prove func(member, value string) Proof) error {
	// No proof is asked before the whole object has been read.
	type member struct{ name, value string }
	var bound []member
	err := strict.Object(c.confirmation.Of(c.text), func(name, value string) error {
		bound = append(bound, member{name, value})
		return nil
	})
	if err != nil {
		return malformed("cnf", err)
	}
	// A DPoP proof is good only once, so it is asked when nothing else can refuse the token.
	slices.SortStableFunc(bound, func(a, b member) int {
		return cmp.Compare(slices.Index(lastConfirmations, a.name), slices.Index(lastConfirmations, b.name))
	})
	confirmed := 0
	for _, m := range bound {
		proof := prove(m.name, m.value)
		known := slices.Contains(knownConfirmations, m.name)
		switch {
		case m.value == null && (known || proof != nil):
			return refuse(ErrConfirmation, "null") // it names no key
		case proof != nil:
			if err := proof.Confirm(ctx, token, []byte(m.value)); err != nil {
				return classify(err, ErrConfirmation)
			}
			confirmed++
		case known:
			return refuse(ErrConfirmation, "no proof of "+m.name) // a known name, not a stranger's text
		}
	}
	if confirmed == 0 {
		return refuse(ErrConfirmation, "no known member")
	}
	return nil
}

func proofOf(member string, proofs []Proof) Proof {
	for _, proof := range proofs {
		if proof != nil && proof.Member() == member {
			return proof
		}
	}
	return nil
}
