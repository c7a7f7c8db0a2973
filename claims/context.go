package claims

import "context"

type contextKey struct{}

// NewContext returns a copy of ctx that carries c. A nil c hides claims that ctx already
// carries: [FromContext] then reports none.
//
// It is for tests of handlers without a token (see [ParseUnverified]), and for code that
// calls a [Verifier] itself. Package middleware does not need it.
func NewContext(ctx context.Context, c *Claims) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext returns the claims of the request's verified token, and whether there
// are any.
func FromContext(ctx context.Context) (*Claims, bool) {
	c, _ := ctx.Value(contextKey{}).(*Claims)
	return c, c != nil
}

// IsContextKey reports whether key is the context key of [FromContext]. It is for types
// that implement [context.Context]: their Value method must return a *Claims for this key.
// A nil *Claims hides the claims of a parent context. Most programs use [NewContext]
// instead.
func IsContextKey(key any) bool { return key == contextKey{} }
