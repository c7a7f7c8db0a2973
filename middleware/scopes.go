package middleware

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

var errLacksScope = errors.New("a scope is missing")

// AllScopes allows tokens that have every one of the scopes, compared exactly and with
// case. It panics if there is none, or if one does not fit the grammar of RFC 6749
// section 3.3.
func AllScopes(scopes ...string) Policy {
	scopes = mustScopes("AllScopes", scopes)
	return Policy{scopes: scopes, accepts: scopes, allows: func(_ context.Context, c *claims.Claims) error {
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
	return Policy{scopes: scopes[:1], accepts: scopes, allows: func(_ context.Context, c *claims.Claims) error {
		if !slices.ContainsFunc(scopes, c.HasScope) {
			return errLacksScope
		}
		return nil
	}}
}

// ScopeRules are scopes that imply others: see [ImpliedScopes]. The zero ScopeRules
// imply nothing. They are immutable and safe for concurrent use.
type ScopeRules struct{ rules []scopeRule }

type scopeRule struct {
	scope   string   // as a token has it
	implied []string // a * at the end stands for any rest
}

// ImpliedScopes declares once which scopes of a token include others:
//
//	rules := middleware.ImpliedScopes(map[string][]string{
//		"admin":  {"editor", "read:*"},
//		"editor": {"write:timesheets"},
//	})
//	auth.Require(rules.AllScopes("write:timesheets")) // editor will do, and so will admin
//
// Implied scopes imply further ones. A * at the end of an implied scope stands for any
// rest, and alone for every scope; nowhere else has it a meaning, least of all in a
// token's scope, whose * the issuer may have let through as an ordinary character.
//
// Everything is resolved when a policy is declared, so that requests pay for nothing
// but a few more comparisons. ImpliedScopes panics if there are no rules, if a scope
// implies nothing, if one does not fit the grammar of RFC 6749 section 3.3, or for a *
// elsewhere.
func ImpliedScopes(implied map[string][]string) ScopeRules {
	if len(implied) == 0 {
		panic("middleware: ImpliedScopes needs at least one rule")
	}
	var rules []scopeRule
	for _, scope := range slices.Sorted(maps.Keys(implied)) {
		mustScopes("ImpliedScopes", []string{scope})
		refuseStar("ImpliedScopes", scope, scope)
		if len(implied[scope]) == 0 {
			panic(fmt.Sprintf("middleware: ImpliedScopes: %q implies nothing", scope))
		}
		patterns := mustScopes("ImpliedScopes", implied[scope])
		for _, pattern := range patterns {
			refuseStar("ImpliedScopes", pattern, strings.TrimSuffix(pattern, "*"))
		}
		rules = append(rules, scopeRule{scope, patterns})
	}
	return ScopeRules{rules}
}

// AllScopes is [AllScopes] for tokens that have every one of the scopes, or scopes that
// imply it. A challenge names the scopes themselves. It panics as AllScopes does, and if
// one has a *.
func (r ScopeRules) AllScopes(scopes ...string) Policy {
	scopes, holders := r.resolve("ScopeRules.AllScopes", scopes)
	return Policy{scopes: scopes, accepts: merged(holders), allows: func(_ context.Context, c *claims.Claims) error {
		for _, alternatives := range holders {
			if !slices.ContainsFunc(alternatives, c.HasScope) {
				return errLacksScope
			}
		}
		return nil
	}}
}

// AnyScope is [AnyScope] for tokens that have at least one of the scopes, or a scope
// that implies it. A challenge names the first of the scopes. It panics as AnyScope does,
// and if one has a *.
func (r ScopeRules) AnyScope(scopes ...string) Policy {
	scopes, holders := r.resolve("ScopeRules.AnyScope", scopes)
	accepted := merged(holders)
	return Policy{scopes: scopes[:1], accepts: accepted, allows: func(_ context.Context, c *claims.Claims) error {
		if !slices.ContainsFunc(accepted, c.HasScope) {
			return errLacksScope
		}
		return nil
	}}
}

// resolve returns a copy of scopes, and for each of them all that will do for it.
func (r ScopeRules) resolve(caller string, scopes []string) (required []string, holders [][]string) {
	required = mustScopes(caller, scopes)
	for _, scope := range required {
		refuseStar(caller, scope, scope)
		holders = append(holders, r.holders(scope))
	}
	return required, holders
}

// holders returns scope, and every scope that implies it directly or through others. A
// scope is added once, so that scopes that imply each other are no endless matter.
func (r ScopeRules) holders(scope string) []string {
	found := []string{scope}
	for n := 0; n < len(found); n++ {
		for _, rule := range r.rules {
			if !slices.Contains(found, rule.scope) && rule.implies(found[n]) {
				found = append(found, rule.scope)
			}
		}
	}
	return found
}

func (r scopeRule) implies(scope string) bool {
	return slices.ContainsFunc(r.implied, func(pattern string) bool {
		if prefix, open := strings.CutSuffix(pattern, "*"); open {
			return strings.HasPrefix(scope, prefix)
		}
		return scope == pattern
	})
}

func merged(lists [][]string) []string {
	var all []string
	for _, list := range lists {
		all = union(all, list)
	}
	return all
}

// refuseStar panics if there is a * in the part of a scope that is no place for it.
func refuseStar(caller, scope, part string) {
	if strings.Contains(part, "*") {
		panic(fmt.Sprintf("middleware: %s: invalid scope %q: a * stands at the end of an implied scope only", caller, scope))
	}
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
