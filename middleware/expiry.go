package middleware

import (
	"context"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// unknownLeeway is the leeway of a Verifier without a ValidUntil method. It equals the
// default of claims.Issuer.Leeway.
const unknownLeeway = 5 * time.Second

// UntilExpiry returns a copy of ctx that ends when the token of its claims expires. It is
// for handlers that run longer than one request: streams, websockets, server-sent events.
//
//	ctx, stop := auth.UntilExpiry(r.Context())
//	defer stop()
//
// A token expires at its exp plus the Leeway of its issuer, exactly when a new request with
// it would be refused. The cause of the context's end ([context.Cause]) is then an [*Error]
// that matches [claims.ErrExpired]. Without claims, or without an exp, the context ends
// with ctx.
//
// UntilExpiry watches only the clock. A revocation, or the removal of a key, does not end
// the context.
func (m *Middleware) UntilExpiry(ctx context.Context) (context.Context, context.CancelFunc) {
	c, _ := claims.FromContext(ctx)
	end := m.validUntil(c)
	if end.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadlineCause(ctx, end, invalidToken(claims.ErrExpired, nil))
}

// An expirer is a Verifier that says when it begins to refuse a token.
type expirer interface {
	ValidUntil(c *claims.Claims) time.Time
}

// validUntil returns when the token of c expires, or the zero time if it does not.
func (m *Middleware) validUntil(c *claims.Claims) time.Time {
	if v, ok := m.verifier.(expirer); ok {
		return v.ValidUntil(c)
	}
	end := c.ExpiresAt()
	if end.IsZero() {
		return end
	}
	return end.Add(unknownLeeway)
}
