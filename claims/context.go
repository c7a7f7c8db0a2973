package claims

import "context"

type contextKey struct{}

// NewContext returns a copy of ctx that carries c. A nil c masks the claims that ctx
// may already carry: FromContext then reports none.
//
// The middleware calls it for every request that it lets through. Call it yourself
// to test a handler without a token; see [ParseUnverified].
func NewContext(ctx context.Context, c *Claims) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext returns the claims of the request's verified token, and whether there
// are any.
func FromContext(ctx context.Context) (*Claims, bool) {
	c, _ := ctx.Value(contextKey{}).(*Claims)
	return c, c != nil
}

// IsContextKey reports whether key is what [FromContext] asks a context for. It is for
// context types of one's own, whose Value method then returns a *Claims; a nil one masks
// what a parent carries. Most programs use [NewContext].
func IsContextKey(key any) bool { return key == contextKey{} }
