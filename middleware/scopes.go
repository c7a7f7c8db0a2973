package middleware

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

const errLacksScope = detail("a scope is missing")

// AllScopes allows tokens that have every one of the scopes, compared exactly and with
// case. It panics without a scope, if one does not fit the grammar of RFC 6749 section 3.3,
// or if one has a comma, which is a list that was not split.
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

// AnyScope allows tokens that have at least one of the scopes. A challenge names only the
// first scope, so that clients do not ask for more than they need. AnyScope panics as
// [AllScopes] does.
func AnyScope(scopes ...string) Policy {
	scopes = mustScopes("AnyScope", scopes)
	return Policy{scopes: scopes[:1], accepts: scopes, anyOf: true, allows: func(_ context.Context, c *claims.Claims) error {
		if !slices.ContainsFunc(scopes, c.HasScope) {
			return errLacksScope
		}
		return nil
	}}
}

// ScopeRules say which scopes imply others: see [ImpliedScopes]. The zero ScopeRules imply
// nothing. They are immutable and safe for concurrent use.
type ScopeRules struct{ rules []scopeRule }

type scopeRule struct {
	scope   string   // as a token has it
	implied []string // a * at the end matches any rest
}

// ImpliedScopes declares once which scopes of a token include others:
//
//	rules := middleware.ImpliedScopes(map[string][]string{
//		"admin":  {"editor", "read:*"},
//		"editor": {"write:timesheets"},
//	})
//	auth.Require(rules.AllScopes("write:timesheets")) // a token needs it, editor or admin
//
// Implied scopes imply further ones. A * at the end of an implied scope matches any rest,
// and a single * matches every scope. A * in the scope of a token has no meaning: the
// issuer may have let it through as an ordinary character.
//
// The rules are resolved when a policy is declared, so a request costs only a few more
// comparisons. ImpliedScopes panics without rules, if a scope implies nothing, if a scope
// does not fit the grammar of RFC 6749 section 3.3, or if it has a * anywhere else.
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

// AllScopes is [AllScopes] that also accepts scopes which imply the given ones. A challenge
// names the given scopes. AllScopes panics as the function does, and if a scope has a *.
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

// AnyScope is [AnyScope] that also accepts scopes which imply the given ones. A challenge
// names the first given scope. AnyScope panics as the function does, and if a scope has a *.
func (r ScopeRules) AnyScope(scopes ...string) Policy {
	scopes, holders := r.resolve("ScopeRules.AnyScope", scopes)
	accepted := merged(holders)
	return Policy{scopes: scopes[:1], accepts: accepted, anyOf: true, allows: func(_ context.Context, c *claims.Claims) error {
		if !slices.ContainsFunc(accepted, c.HasScope) {
			return errLacksScope
		}
		return nil
	}}
}

// resolve returns a copy of scopes, and for each of them the scopes that satisfy it.
func (r ScopeRules) resolve(caller string, scopes []string) (required []string, holders [][]string) {
	required = mustScopes(caller, scopes)
	for _, scope := range required {
		refuseStar(caller, scope, scope)
		holders = append(holders, r.holders(scope))
	}
	return required, holders
}

// holders returns scope, and every scope that implies it, directly or through others. Each
// is added once, so the search ends even if scopes imply each other.
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

// refuseStar panics if there is a * in the part of a scope that must not have one.
func refuseStar(caller, scope, part string) {
	if strings.Contains(part, "*") {
		panic(fmt.Sprintf("middleware: %s: invalid scope %q: a * is only allowed at the end of an implied scope", caller, scope))
	}
}

// mustScopes returns a copy of scopes. It panics if the list is empty: a missing
// configuration value becomes an empty list, which would allow every token. It also panics
// for a comma, although RFC 6749 allows one in a scope: a configuration value with commas is a
// list that was not split, which would deny every token.
func mustScopes(caller string, scopes []string) []string {
	if len(scopes) == 0 {
		panic("middleware: " + caller + " needs at least one scope")
	}
	for _, scope := range scopes {
		if strings.Contains(scope, ",") {
			panic(fmt.Sprintf("middleware: %s: invalid scope %q: a comma separates no scopes; "+
				"write one argument for each scope", caller, scope))
		}
		if !isScopeToken(scope) {
			panic(fmt.Sprintf("middleware: %s: invalid scope %q: a scope is printable ASCII without space, "+
				"quote and backslash (RFC 6749 section 3.3)", caller, scope))
		}
	}
	return slices.Clone(scopes)
}

// isScopeToken reports whether s is a scope-token, 1*( %x21 / %x23-5B / %x5D-7E ). These are
// also the characters of an error code, except for the space (RFC 6750 section 3).
func isScopeToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
