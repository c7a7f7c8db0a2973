package claims

import (
	"context"

	"github.com/bearerguard/bearerguard/internal/contextkey"
)

// NewContext returns a copy of ctx that carries c. A nil c hides claims that ctx already
// carries: [FromContext] then reports none.
//
// It is for tests of handlers without a token (see [ParseUnverified]), and for code that
// calls a [Verifier] itself. Package middleware does not need it.
func NewContext(ctx context.Context, c *Claims) context.Context {
	return context.WithValue(ctx, contextkey.Claims{}, c)
}

// FromContext returns the claims of the request's verified token, and whether there
// are any.
func FromContext(ctx context.Context) (*Claims, bool) {
	c, _ := ctx.Value(contextkey.Claims{}).(*Claims)
	return c, c != nil
}
