package middleware

import (
	"context"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// unknownLeeway is the leeway of a Verifier without a ValidUntil method. It equals the
// default of claims.Issuer.Leeway.
const unknownLeeway = 5 * time.Second

// UntilExpiry returns a copy of ctx that ends when a new request with its token would be
// refused. It is for handlers that run longer than one request: streams, websockets,
// server-sent events.
//
//	ctx, stop := auth.UntilExpiry(r.Context())
//	defer stop()
//
// A token expires at its exp plus the Leeway of its issuer. This is also the deadline of the
// context. Before that, if a [Guard] of this Middleware has let ctx through, the token is
// verified again every 24 to 30 seconds. So the context also ends soon after its issuer was
// replaced, its key was blocked or removed, the token was revoked, or the Validate hook of its
// issuer refuses it. The policies of the route are not asked again.
//
// The cause of the end ([context.Cause]) is an [*Error], for [Middleware.Answer], that
// matches [claims.ErrExpired] or the reason of the refusal. While keys, introspection or the hook
// are unavailable, the context goes on, until no check has found the token valid for 2 minutes.
// The Error is then a 503. An end before the exp is logged like a refused request.
//
// Without claims the context ends with ctx. UntilExpiry starts no goroutine; each check runs
// on one of its own, for at most 10 seconds.
func (m *Middleware) UntilExpiry(ctx context.Context) (context.Context, context.CancelFunc) {
	c, _ := claims.FromContext(ctx)
	release := func() {}
	if end := m.validUntil(c); !end.IsZero() {
		ctx, release = context.WithDeadlineCause(ctx, end, invalidToken(claims.ErrExpired, nil))
	}
	ctx, end := context.WithCancelCause(ctx)
	if v := verifiedIn(ctx); v != nil && c != nil && v.by == m && v.claims == c {
		m.recheck(ctx, end, v)
	}
	return ctx, func() { end(nil); release() }
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
