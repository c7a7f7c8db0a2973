package middleware

import (
	"context"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

const errOtherActor = detail("the token is not used by one of these actors")

// ActedBy allows tokens that one of these actors uses for their subject (delegation, RFC 8693
// section 4.1). They are compared with the sub of the current actor, the outermost act. Actors
// before it are history and do not count. An actor of another issuer than the token's is denied,
// as its sub can be anything; and so is a token without an actor.
//
//	// alice herself, or the assistant for her
//	middleware.Any(direct, middleware.ActedBy("assistant"))
//
// where direct is a PolicyFunc that denies if [claims.Claims.Actor] is not nil. Without such a
// policy, a token with an actor has the same rights as one without. The 403 names no scopes.
// ActedBy panics without an actor, or if one is empty.
func ActedBy(actors ...string) Policy {
	if len(actors) == 0 || slices.Contains(actors, "") {
		panic("middleware: ActedBy needs at least one actor, and none may be empty")
	}
	actors = slices.Clone(actors)
	return Policy{allows: func(_ context.Context, c *claims.Claims) error {
		actor := c.Actor()
		ownIssuer := actor.Issuer() == "" || actor.Issuer() == c.Issuer()
		if actor == nil || !ownIssuer || !slices.Contains(actors, actor.Subject()) {
			return errOtherActor
		}
		return nil
	}}
}
