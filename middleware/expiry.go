package middleware

import (
	"context"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// unknownLeeway is the leeway for the tokens of a Verifier that does not tell its own. It
// is the default of claims.Issuer.Leeway.
const unknownLeeway = 5 * time.Second

// UntilExpiry returns a copy of ctx that ends when the token expires whose claims it
// carries. It is for what outlives the check of its request: a stream, a websocket, an
// event source.
//
//	ctx, stop := auth.UntilExpiry(r.Context())
//	defer stop()
//
// A token expires at its exp plus the Leeway of its issuer, as it does for a new request.
// The cause of the context's end ([context.Cause]) is then an [*Error] that matches
// [claims.ErrExpired]. Without claims, or without an exp, the context ends with ctx.
//
// UntilExpiry watches the clock and nothing else: a revocation, or the removal of a key,
// does not end the context.
func (m *Middleware) UntilExpiry(ctx context.Context) (context.Context, context.CancelFunc) {
	c, _ := claims.FromContext(ctx)
	end := m.validUntil(c)
	if end.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, end, invalidToken(claims.ErrExpired, nil))
}

// validUntil returns when the Verifier begins to refuse a token with these claims as
// expired, or the zero time.
func (m *Middleware) validUntil(c *claims.Claims) time.Time {
	if v, ok := m.verifier.(interface {
		ValidUntil(c *claims.Claims) time.Time
	}); ok {
		return v.ValidUntil(c)
	}
	end := c.ExpiresAt()
	if end.IsZero() {
		return end
	}
	return end.Add(unknownLeeway)
}
