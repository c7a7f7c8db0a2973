package claims

import (
	"context"
	"slices"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// knownConfirmations are the confirmation methods that bind a token to a key: RFC 7800
// sections 3.2 and 3.4, RFC 8705 section 3.1, RFC 9449 section 6.1.
var knownConfirmations = []string{"jkt", "x5t#S256", "jwk", "kid"}

// confirm demands a proof of every known member of cnf, and of at least one. A token
// with a cnf is never a plain bearer token, whoever presents it; members that are not
// understood beside a confirmed one are ignored (RFC 7800 section 3.1).
func (c *Claims) confirm(ctx context.Context, token string, proofs []Proof) error {
	if c.confirmation == (strict.Span{}) {
		return nil
	}
	object := c.confirmation.Of(c.text)
	type member struct{ name, value string }
	var bound []member
	err := strict.Object(object, func(name, value string) error {
		bound = append(bound, member{name, value})
		return nil
	})
	if err != nil {
		return malformed("cnf", err)
	}
	confirmed := 0
	for _, m := range bound {
		proof := proofOf(m.name, proofs)
		switch {
		case proof != nil:
			if err := proof.Confirm(ctx, token, []byte(m.value)); err != nil {
				return classify(err, ErrConfirmation)
			}
			confirmed++
		case slices.Contains(knownConfirmations, m.name):
			return refuse(ErrConfirmation, "no proof")
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
