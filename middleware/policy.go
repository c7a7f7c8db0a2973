package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	check          func(context.Context, *claims.Claims) error
	scopes         []string        // what a challenge asks for
	accepts        []string        // these and all others that help
	authentication *authentication // what a step-up challenge asks for; nil for none
}

var (
	errLacksScope = errors.New("a scope is missing")
	errZeroPolicy = errors.New("the zero Policy denies")
	errNoPolicy   = errors.New("there is no policy that allows it")
)

// AllScopes allows tokens that have every one of the scopes, compared exactly and with
// case. It panics if there is none, or if one does not fit the grammar of RFC 6749
// section 3.3.
func AllScopes(scopes ...string) Policy {
	scopes = mustScopes("AllScopes", scopes)
	return Policy{scopes: scopes, accepts: scopes, check: func(_ context.Context, c *claims.Claims) error {
		for _, scope := range scopes {
			if !c.HasScope(scope) {
				return errLacksScope
			}
		}
		return nil
	}}
}

// AnyScope allows tokens that have at least one of the scopes. A challenge names only
// the first, so that clients do not ask for more than they need. It panics as
// [AllScopes] does.
func AnyScope(scopes ...string) Policy {
	scopes = mustScopes("AnyScope", scopes)
	return Policy{scopes: scopes[:1], accepts: scopes, check: func(_ context.Context, c *claims.Claims) error {
		if !slices.ContainsFunc(scopes, c.HasScope) {
			return errLacksScope
		}
		return nil
	}}
}

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
	whole.check = func(ctx context.Context, c *claims.Claims) error {
		var answer error
		for _, p := range policies {
			err := p.judge(ctx, c)
			if err == nil {
				return nil
			}
			if answer == nil || isUndecided(err) && !isUndecided(answer) {
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
	return Policy{check: allow}
}

// CustomClaims is [PolicyFunc] for claims of your own, decoded as [claims.As] does. A
// token whose claims do not fit T is denied. A claim that is missing leaves its field
// zero: allow has to deny the zero value. It panics if allow is nil.
func CustomClaims[T any](allow func(ctx context.Context, custom T) error) Policy {
	if allow == nil {
		panic("middleware: CustomClaims needs a function")
	}
	return Policy{check: func(ctx context.Context, c *claims.Claims) error {
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
	if e := decide(ctx, policies); e != nil {
		return e // not e alone: a nil *Error is not a nil error
	}
	return nil
}

// judge asks p alone.
func (p *Policy) judge(ctx context.Context, c *claims.Claims) error {
	if p.check == nil {
		return errZeroPolicy
	}
	return p.check(ctx, c)
}

// decide returns nil if every policy allows the claims in ctx. A demand for a better
// authentication goes before a denial, which the next token may not meet, and a denial
// before a failure: what is denied anyway needs no second try.
func decide(ctx context.Context, policies []Policy) *Error {
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
		e := p.decide(ctx, c)
		switch {
		case e == nil:
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

// decide asks p alone and makes an answer of it.
func (p *Policy) decide(ctx context.Context, c *claims.Claims) *Error {
	err := p.judge(ctx, c)
	if err == nil {
		return nil
	}
	return fromPolicy(err)
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

// mustScopes returns a copy of scopes. An empty list is what a configuration value that
// is missing turns into, and would allow everybody.
func mustScopes(caller string, scopes []string) []string {
	if len(scopes) == 0 {
		panic("middleware: " + caller + " needs at least one scope")
	}
	for _, scope := range scopes {
		if !isScopeToken(scope) {
			panic(fmt.Sprintf("middleware: %s: invalid scope %q: a scope is printable ASCII without space, "+
				"quote and backslash (RFC 6749 section 3.3)", caller, scope))
		}
	}
	return slices.Clone(scopes)
}

// isScopeToken reports whether s is a scope-token, 1*( %x21 / %x23-5B / %x5D-7E ): also
// the characters, but for the space, of an error code (RFC 6750 section 3).
func isScopeToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
