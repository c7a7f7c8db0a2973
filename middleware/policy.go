package middleware

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// A Policy decides whether the claims of a verified token allow a request. It is made
// by [AllScopes] and [AnyScope], also with [ImpliedScopes]; by [Claim],
// [RequireAuthentication], [CustomClaims] and [PolicyFunc]; and of others by [Any]. The
// zero Policy denies.
//
// There is no Not: it would turn a failure, or a claim that is missing, into access.
//
// A Policy is safe for concurrent use if the functions it was made of are.
type Policy struct {
	allows         func(context.Context, *claims.Claims) error
	scopes         []string        // what a challenge asks for
	accepts        []string        // these and all others that help
	authentication *authentication // what a step-up challenge asks for; nil for none
}

var (
	errZeroPolicy = errors.New("the zero Policy denies")
	errNoPolicy   = errors.New("there is no policy that allows it")
)

// Any allows what at least one of the policies allows, asked in order. If none does and
// one could not decide, the answer is that one's 503, not a refusal. Otherwise it is
// that of the first policy, and a challenge asks for what the first one asks for. It
// panics without policies.
func Any(policies ...Policy) Policy {
	if len(policies) == 0 {
		panic("middleware: Any needs at least one policy")
	}
	policies = slices.Clone(policies)
	whole := policies[0] // for what it asks for
	whole.accepts = acceptedScopes(policies)
	whole.allows = func(ctx context.Context, c *claims.Claims) error {
		var answer error
		for _, p := range policies {
			err := p.check(ctx, c)
			if err == nil {
				return nil
			}
			if answer == nil || isUnavailable(err) && !isUnavailable(answer) {
				answer = err
			}
		}
		return answer
	}
	return whole
}

// PolicyFunc allows a request if allow returns nil. An error that matches
// [claims.ErrUnavailable], [claims.ErrKeysUnavailable] or a context's error says that it
// could not decide: the answer is a 503. That of [Authorize] for a policy that demands a
// better authentication is passed on: 401. Any other denies: 403. Its text is never
// sent. It panics if allow is nil.
//
// allow is called for every request, and may block until ctx ends.
func PolicyFunc(allow func(ctx context.Context, c *claims.Claims) error) Policy {
	if allow == nil {
		panic("middleware: PolicyFunc needs a function")
	}
	return Policy{allows: allow}
}

// CustomClaims is [PolicyFunc] for claims of your own, decoded as [claims.As] does. A
// token whose claims do not fit T is denied. A claim that is missing leaves its field
// zero: allow has to deny the zero value. It panics if allow is nil.
func CustomClaims[T any](allow func(ctx context.Context, custom T) error) Policy {
	if allow == nil {
		panic("middleware: CustomClaims needs a function")
	}
	return Policy{allows: func(ctx context.Context, c *claims.Claims) error {
		custom, err := claims.As[T](c)
		if err != nil {
			return err
		}
		return allow(ctx, custom)
	}}
}

// Authorize judges the claims that the handler sees, for decisions that depend on the
// request's object. It returns nil if every policy allows it, and otherwise an [*Error]
// for [Middleware.WriteError]: 401 if ctx carries no claims or the user has to
// authenticate again, 403 or 503. Without policies it denies.
//
// The Error names what these policies need, not what the route has demanded before:
// repeat the route's scopes, so that a client asks for a token with all of them.
func Authorize(ctx context.Context, policies ...Policy) error {
	if e := checkAll(ctx, policies); e != nil {
		return e // not e alone: a nil *Error is not a nil error
	}
	return nil
}

// check returns nil if p allows c.
func (p *Policy) check(ctx context.Context, c *claims.Claims) error {
	if p.allows == nil {
		return errZeroPolicy
	}
	return p.allows(ctx, c)
}

// checkAll returns nil if every policy allows the claims in ctx. A demand for a better
// authentication goes before a denial, which the next token may not meet, and a denial
// before a failure: what is denied anyway needs no second try.
func checkAll(ctx context.Context, policies []Policy) *Error {
	c, ok := claims.FromContext(ctx)
	switch {
	case !ok:
		e := unauthenticated()
		e.Scopes = neededScopes(policies)
		return e
	case len(policies) == 0:
		return forbidden(errNoPolicy)
	}
	var denied, unsure *Error
	for i := range policies {
		p := &policies[i]
		if denied != nil && p.authentication == nil {
			continue // there is nothing that it could change
		}
		err := p.check(ctx, c)
		if err == nil {
			continue
		}
		switch e := fromPolicy(err); {
		case e.Status == http.StatusUnauthorized:
			e.demand(policies)
			return e
		case e.Status != http.StatusForbidden:
			unsure = cmp.Or(unsure, e)
		default:
			denied = e
			if len(p.scopes) > 0 {
				e.Scopes = neededScopes(policies) // the whole route's, so that one more token will do
			}
		}
	}
	return cmp.Or(denied, unsure)
}

// neededScopes returns what the policies ask for together, in the order of declaration,
// in a slice of its own.
func neededScopes(policies []Policy) []string {
	var scopes []string
	for _, p := range policies {
		scopes = union(scopes, p.scopes)
	}
	return scopes
}

// acceptedScopes returns every scope that can make a difference to one of the policies.
func acceptedScopes(policies []Policy) []string {
	var scopes []string
	for _, p := range policies {
		scopes = union(scopes, p.accepts)
	}
	return scopes
}

// union appends to a what it lacks of b.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}
