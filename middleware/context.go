package middleware

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A verified is the context of a request that a Middleware let through. It carries the
// claims, and it remembers who verified what, so that auth.Handler around a router and
// auth.RequireScopes on a route verify a token once.
//
// It is a context type, not two values, because it is made for every request.
type verified struct {
	context.Context

	by            *Middleware
	authorization string // the whole field value
	claims        *claims.Claims
}

type verifiedKey struct{}

// Value returns v itself for the key of this package, and the claims for that of package
// claims. The innermost one answers, so what an outer Middleware has verified is hidden
// behind it.
func (v *verified) Value(key any) any {
	switch {
	case key == verifiedKey{}:
		return v
	case claims.IsContextKey(key):
		return v.claims
	}
	return v.Context.Value(key)
}

// Format prints a fixed text for every verb. A context gets into logs more easily than a
// header does, and this one holds the token.
func (v *verified) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "middleware.verified") }

// remembered returns the claims that m has found in this very Authorization value, in
// this request, or nil. A handler may pass its request's context on with another token,
// or to another API's Middleware: neither may profit from the first. Nor does a token
// outlive its exp by being remembered: it is verified again then. A proof is for one
// request only, so nothing is remembered for a request with proofs.
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

// carrying returns ctx with the claims, and with by as the one who verified them.
func carrying(ctx context.Context, c *claims.Claims, by *Middleware, authorization string) context.Context {
	return &verified{Context: ctx, by: by, authorization: authorization, claims: c}
}

// anonymous returns ctx without claims, whatever something further out put there, and
// whether the result is another context.
func anonymous(ctx context.Context) (context.Context, bool) {
	if _, ok := claims.FromContext(ctx); !ok && ctx.Value(verifiedKey{}) == nil {
		return ctx, false
	}
	return carrying(ctx, nil, nil, ""), true
}
