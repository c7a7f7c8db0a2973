package middleware

import (
	"context"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

const errOtherIssuer = detail("the token is from another issuer")

// FromIssuer allows tokens of these issuers, compared byte for byte with iss. With several
// issuers in one Middleware, each can give its tokens any sub, scope and role, so a partner's
// token could reach what only the users of another issuer may do:
//
//	auth.Require(middleware.FromIssuer("https://login.example.com/"), middleware.AllScopes("admin"))
//
// The 403 names no scopes, because scopes did not decide. FromIssuer panics without an
// issuer, or if one is empty.
func FromIssuer(issuers ...string) Policy {
	if len(issuers) == 0 || slices.Contains(issuers, "") {
		panic("middleware: FromIssuer needs at least one issuer, and none may be empty")
	}
	issuers = slices.Clone(issuers)
	return Policy{allows: func(_ context.Context, c *claims.Claims) error {
		if !slices.Contains(issuers, c.Issuer()) {
			return errOtherIssuer
		}
		return nil
	}}
}
