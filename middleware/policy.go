package middleware

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// A Policy decides whether the claims of a verified token allow a request. The zero Policy
// denies.
//
//	AllScopes, AnyScope      scopes, compared exactly
//	ImpliedScopes            the same, where scopes include others
//	Claim                    permissions, roles, groups, wherever the issuer puts them
//	FromIssuer               tokens of one issuer among several
//	ActedBy                  tokens that one of several actors uses for their subject
//	RequireAuthentication    how, and how long ago, the user was authenticated
//	RequireBinding           whether the token is bound to a key of its client
//	CustomClaims             other claims, decoded into a struct
//	PolicyFunc               anything else
//	All, Any                 all of several policies, or one of them
//
// Scopes say what the client may do. Roles and permissions, which issuers put into other
// claims, say what the user may do. Neither replaces the other, unless a route says so.
//
// A claim that is missing or mistyped denies. There is no Not, which would turn a missing
// claim or a failure into access. A policy without operands panics when the route is
// declared, and so does an operand outside its grammar.
//
// A Policy is safe for concurrent use if its functions are.
type Policy struct {
	allows         func(context.Context, *claims.Claims) error
	scopes         []string        // which a challenge asks for
	accepts        []string        // these, and all others that the policy accepts
	anyOf          bool            // one of accepts suffices
	authentication *authentication // which a step-up challenge asks for; nil for none
	custom         bool            // allows calls a function of the application
	parts          []Policy        // of All
}

const (
	errZeroPolicy = detail("the zero Policy denies")
	errNoPolicy   = detail("there is no policy that allows it")
)

// Any allows a request if at least one of the policies does, asked in order. If none does,
// the answer is the 503 of the first policy that could not decide, or else the answer of
// the first policy. A challenge asks for what the first policy needs. Any panics without
// policies.
func Any(policies ...Policy) Policy {
	if len(policies) == 0 {
		panic("middleware: Any needs at least one policy")
	}
	policies = slices.Clone(policies)
	whole := policies[0] // for what a challenge asks for
	whole.accepts, whole.anyOf, whole.parts = acceptedScopes(policies), false, nil
	whole.custom = slices.ContainsFunc(policies, func(p Policy) bool { return p.custom })
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

// All allows a request if all of the policies do, as if a route listed them. It makes one of
// them within [Any], and gives a name to policies that belong together:
//
//	staff := middleware.All(middleware.FromIssuer(home), middleware.Claim("roles").Any("staff"))
//
// All panics without policies.
func All(policies ...Policy) Policy {
	if len(policies) == 0 {
		panic("middleware: All needs at least one policy")
	}
	parts := flat(policies)
	whole := Policy{
		parts: parts, scopes: neededScopes(parts), accepts: acceptedScopes(parts),
		custom: slices.ContainsFunc(parts, func(p Policy) bool { return p.custom }),
	}
	for _, p := range parts {
		if p.authentication != nil {
			demand := *p.authentication
			if whole.authentication != nil {
				demand = whole.authentication.and(demand)
			}
			whole.authentication = &demand
		}
	}
	whole.allows = func(ctx context.Context, c *claims.Claims) error {
		switch e, by := judge(ctx, c, parts); {
		case e == nil:
			return nil
		case len(by.scopes) == 0:
			return undecidedByScopes{e.Err}
		default:
			return e.Err
		}
	}
	return whole
}

// undecidedByScopes is the error of an All that has scopes, if another part of it denied.
type undecidedByScopes struct{ error }

func (u undecidedByScopes) Unwrap() error { return u.error }

// flat returns the policies with the parts of each All in its place.
func flat(policies []Policy) []Policy {
	var all []Policy
	for _, p := range policies {
		if p.parts == nil {
			all = append(all, p)
		} else {
			all = append(all, p.parts...)
		}
	}
	return all
}

// PolicyFunc allows a request if allow returns nil. Its error decides the answer:
//
//   - 503 for an error that matches [claims.ErrUnavailable], [claims.ErrKeysUnavailable] or
//     a context's error: allow could not decide.
//   - 401 for the error of [Authorize] with a policy that demands a better authentication.
//   - 403 for any other error.
//
// The text of the error is never sent. allow is called for every request, and may block
// until ctx ends. PolicyFunc panics if allow is nil.
func PolicyFunc(allow func(ctx context.Context, c *claims.Claims) error) Policy {
	if allow == nil {
		panic("middleware: PolicyFunc needs a function")
	}
	return Policy{allows: allow, custom: true}
}

// Authorize returns nil if every policy allows the claims in ctx. It is for a handler whose
// decision depends on the object of the request. Without policies it denies.
//
// Otherwise the error is an [*Error] for [Middleware.Refuse]: 401 if ctx carries no claims
// or the user must authenticate again, 403 or 503. It names what these policies need, and
// what the layers around the handler asked for, so that one new token suffices.
func Authorize(ctx context.Context, policies ...Policy) error {
	v := verifiedIn(ctx)
	if slices.ContainsFunc(policies, func(p Policy) bool { return p.parts != nil }) {
		policies = flat(policies)
	}
	e := askAll(ctx, policies)
	if e != nil {
		e.addOuter(layersIn(ctx), nil)
		if v != nil && v.by != nil {
			_, scheme, _ := v.by.tokenIn([]string{v.authorization})
			v.by.underScheme(e, scheme)
		}
	}
	if v != nil && v.by != nil && ctx.Value(askingKey{}) == nil {
		v.by.authorized(ctx, v, e)
	}
	if e != nil {
		return e // a nil *Error is not a nil error
	}
	return nil
}

// askAll is checkAll. The context for a function of the application says that it is asked for
// a decision: what an Authorize within it decides is only a part of this decision.
func askAll(ctx context.Context, policies []Policy) *Error {
	if slices.ContainsFunc(policies, func(p Policy) bool { return p.custom }) {
		ctx = forPolicy(ctx)
	}
	return checkAll(ctx, policies)
}

// check returns nil if p allows c.
func (p *Policy) check(ctx context.Context, c *claims.Claims) error {
	if p.allows == nil {
		return errZeroPolicy
	}
	return p.allows(ctx, c)
}

// checkAll returns nil if every policy allows the claims in ctx.
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
	e, by := judge(ctx, c, policies)
	switch {
	case e == nil:
		return nil
	case e.Status == http.StatusUnauthorized:
		e.demand(policies)
	case e.Status == http.StatusForbidden && len(by.scopes) > 0:
		if _, otherwise := errors.AsType[undecidedByScopes](e.Err); !otherwise {
			e.Scopes = neededScopes(policies) // of the whole route, so that one new token suffices
		}
	}
	return e
}

// judge asks the policies, and returns the Error that decides and the policy that it is of, or
// nil. A demand for a better authentication precedes a denial: it brings a new token, which may
// meet the other policies. A denial precedes a failure: a second try would not help.
func judge(ctx context.Context, c *claims.Claims, policies []Policy) (decides *Error, by *Policy) {
	denied := false
	for i := range policies {
		p := &policies[i]
		if denied && p.authentication == nil {
			continue // it cannot change the answer
		}
		err := p.check(ctx, c)
		if err == nil {
			continue
		}
		switch e := fromPolicy(err); {
		case e.Status == http.StatusUnauthorized:
			return e, p
		case e.Status == http.StatusForbidden:
			decides, by, denied = e, p, true
		case decides == nil:
			decides, by = e, p
		}
	}
	return decides, by
}

// neededScopes returns the scopes that the policies ask for together, in the order of
// declaration. The slice is new.
func neededScopes(policies []Policy) []string {
	var scopes []string
	for _, p := range policies {
		scopes = union(scopes, p.scopes)
	}
	return scopes
}

// acceptedScopes returns every scope that one of the policies accepts.
func acceptedScopes(policies []Policy) []string {
	var scopes []string
	for _, p := range policies {
		scopes = union(scopes, p.accepts)
	}
	return scopes
}

// union appends to a the elements of b that a lacks.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}
