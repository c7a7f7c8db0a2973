package jwks_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// A reply is what one caller got.
type reply struct {
	keys      []claims.Key
	err       error
	waited    time.Duration
	impatient bool // this caller gives up after patience
}

func (r reply) answer() string {
	failure := new(claims.UnavailableError)
	outage, unknown := errors.As(r.err, &failure), errors.Is(r.err, claims.ErrUnknownKey)
	switch {
	case r.err == nil && len(r.keys) == 1:
		return "keys"
	case len(r.keys) > 0 || outage == unknown:
		return "neither keys nor a promised error"
	case unknown:
		return "unknown"
	case r.impatient && r.waited == patience && errors.Is(r.err, context.DeadlineExceeded):
		return "gave up"
	}
	return "unavailable"
}

// A crowd is a number of callers that ask at the same moment. Some give up before the issuer
// can answer. That must make no difference to the others.
type crowd struct{ stay, giveUp int }

var crowds = map[string]crowd{
	"one caller":                          {1, 0},
	"100 callers, beside 20 that give up": {100, 20},
}

const patience = latency / 2

// ask makes all callers ask at the same instant.
func (c crowd) ask(ctx context.Context, cache *jwks.Cache, kid string) []reply {
	kid, _, _ = strings.Cut(kid, " ")
	replies := make([]reply, c.stay+c.giveUp)
	concurrently(len(replies), func(i int) {
		ctx := ctx
		if i >= c.stay {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, patience)
			defer cancel()
		}
		r := reply{impatient: i >= c.stay}
		r.waited = took(func() { r.keys, r.err = cache.Keys(ctx, alg, kid) })
		replies[i] = r
	})
	return replies
}
