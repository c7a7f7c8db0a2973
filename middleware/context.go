package middleware

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A verified is the context of a request that a Middleware let through. It carries the
// claims, and remembers which Middleware verified which Authorization value. So
// auth.Handler around a router and auth.RequireScopes on a route verify a token once.
//
// It is a context type, because two context values would cost more allocations for every
// request.
type verified struct {
	context.Context

	by            *Middleware
	authorization string // the whole field value
	claims        *claims.Claims
}

type verifiedKey struct{}

// Value returns v itself for the key of this package, and the claims for the key of package
// claims. An inner verified hides the outer ones.
func (v *verified) Value(key any) any {
	switch {
	case key == verifiedKey{}:
		return v
	case claims.IsContextKey(key):
		return v.claims
	}
	return v.Context.Value(key)
}

// Format prints a fixed text for every verb, because v holds the token and contexts are
// easily logged.
func (v *verified) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "middleware.verified") }

// remembered returns the claims that m has already found for the request, or nil. The
// Authorization value must be the same: a handler may pass its context on with another
// token, or to the Middleware of another API. From its exp on, a token is verified again. A
// request with proofs is always verified, since a proof is for one request only.
func (m *Middleware) remembered(ctx context.Context, request Request) *claims.Claims {
	v, ok := ctx.Value(verifiedKey{}).(*verified)
	if !ok || v.by != m || len(request.Proofs) > 0 ||
		len(request.Authorization) != 1 || v.authorization != request.Authorization[0] {
		return nil
	}
	if exp := v.claims.ExpiresAt(); !exp.IsZero() && !time.Now().Before(exp) {
		return nil
	}
	return v.claims
}

// carrying returns ctx with the claims, which by has verified. A nil by is not remembered.
func carrying(ctx context.Context, c *claims.Claims, by *Middleware, authorization string) context.Context {
	return &verified{Context: ctx, by: by, authorization: authorization, claims: c}
}

// anonymous returns ctx without claims, and whether the result is another context. Claims
// that an outer handler has put into ctx are masked.
func anonymous(ctx context.Context) (context.Context, bool) {
	if _, ok := claims.FromContext(ctx); !ok && ctx.Value(verifiedKey{}) == nil {
		return ctx, false
	}
	return carrying(ctx, nil, nil, ""), true
}
