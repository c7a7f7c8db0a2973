package middleware_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware"
)

func TestImpliedScopes(t *testing.T) {
	rules := middleware.ImpliedScopes(map[string][]string{
		"root":      {"*"},
		"admin":     {"team:lead", "read:*"},
		"team:lead": {"write:x"},
		"teams":     {"team:*"},
		"old":       {"new"},
		"new":       {"old"},
		"self":      {"self"},
	})
	for _, tt := range []struct {
		rule, scopes, required string
		want                   bool
	}{
		{"the scope itself", "read:x", "read:x", true},
		{"the scope itself, in no rule", "other", "other", true},
		{"implied by a prefix", "admin", "read:x", true},
		{"implied by a prefix that is the whole scope", "admin", "read:", true},
		{"not implied by a part of the prefix", "admin", "read", false},
		{"not implied by a prefix in another case", "admin", "Read:x", false},
		{"a prefix matches only at the start", "admin", "xread:x", false},
		{"implied by name", "admin", "team:lead", true},
		{"implied through another", "admin", "write:x", true},
		{"implied through a scope that a prefix matches", "teams", "write:x", true},
		{"not implied the other way round", "team:lead", "admin", false},
		{"not implied by a sibling", "team:lead", "read:x", false},
		{"not implied by a longer name", "admins", "read:x", false},
		{"not implied by a shorter one", "adm", "read:x", false},
		{"not implied by another case", "Admin", "read:x", false},
		{"implied by a single star", "root", "anything", true},
		{"implied by a single star, and through another", "root", "admin", true},
		{"implying each other, one way", "old", "new", true},
		{"implying each other, the other way", "new", "old", true},
		{"implying itself adds nothing", "self", "new", false},
		{"no scopes", "", "read:x", false},

		{"a star of the token is no wildcard", "read:*", "read:x", false},
		{"a single star of the token is no wildcard", "*", "read:x", false},
		{"a star of the token is no rule's name", "team:*", "write:x", false},
		{"a star of the token is no end of a name", "adm* admin*", "read:x", false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			payload := fmt.Sprintf(`{"scope":%q}`, tt.scopes)
			for name, policy := range map[string]middleware.Policy{
				"AllScopes": rules.AllScopes(tt.required), "AnyScope": rules.AnyScope("zzz:none", tt.required),
			} {
				if name == "AnyScope" && tt.scopes == "root" {
					continue // implies zzz:none as well
				}
				assert.Equal(t, tt.want, check(t, payload, policy) == nil, name)
			}
		})
	}
}

func TestImpliedScopesOfSeveral(t *testing.T) {
	rules := middleware.ImpliedScopes(map[string][]string{"admin": {"read:*", "write:*"}, "reader": {"read:*"}})
	for _, tt := range []struct {
		rule, scopes string
		policy       middleware.Policy
		scope        []string // that the challenge names; nil: allowed
	}{
		{"all by one", "admin", rules.AllScopes("read:x", "write:x"), nil},
		{"all by two", "reader write:x", rules.AllScopes("read:x", "write:x"), nil},
		{"one of all is missing", "reader", rules.AllScopes("read:x", "write:x"), []string{"read:x", "write:x"}},
		{"any by the last", "reader", rules.AnyScope("write:x", "read:x"), nil},
		{"any names only the first", "other", rules.AnyScope("write:x", "read:x"), []string{"write:x"}},
		{"the required scope is named, not what implies it", "other", rules.AllScopes("read:x"), []string{"read:x"}},
		{"in Any", "admin", middleware.Any(deny(), rules.AllScopes("read:x")), nil},
		{"the zero rules imply nothing", "admin", middleware.ScopeRules{}.AllScopes("read:x"), []string{"read:x"}},
		{"the zero rules accept the scope itself", "read:x", middleware.ScopeRules{}.AllScopes("read:x"), nil},
		{"without the rules nothing is implied", "admin", middleware.AllScopes("read:x"), []string{"read:x"}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			e := check(t, fmt.Sprintf(`{"scope":%q}`, tt.scopes), tt.policy)
			if tt.scope == nil {
				assert.Nil(t, e)
				return
			}
			require.NotNil(t, e)
			assert.Equal(t, 403, e.Status)
			assert.Equal(t, tt.scope, e.Scopes)
		})
	}
}

// For every scope of a token, the rules allow exactly what a search through them reaches.
func TestImpliedScopesReachWhatASearchReaches(t *testing.T) {
	implied := map[string][]string{
		"a": {"b", "x:*"}, "b": {"c"}, "c": {"a", "d:1"}, "x:y": {"e"}, "e": {"f:g:*"}, "f:g:h": {"i"}, "d:2": {"*"},
	}
	rules := middleware.ImpliedScopes(implied)
	all := []string{"a", "b", "c", "x:y", "x:z", "e", "f:g:h", "f:g", "i", "d:1", "d:2", "k"}
	var reaches func(from, to string, seen map[string]bool) bool
	reaches = func(from, to string, seen map[string]bool) bool {
		if from == to {
			return true
		}
		seen[from] = true
		for _, pattern := range implied[from] {
			for _, next := range all {
				fits := next == pattern || strings.HasSuffix(pattern, "*") && strings.HasPrefix(next, pattern[:len(pattern)-1])
				if fits && !seen[next] && reaches(next, to, seen) {
					return true
				}
			}
		}
		return false
	}
	for _, from := range all {
		for _, to := range all {
			got := check(t, fmt.Sprintf(`{"scope":%q}`, from), rules.AllScopes(to)) == nil
			assert.Equal(t, reaches(from, to, map[string]bool{}), got, "%s implies %s", from, to)
		}
	}
}

func TestImpliedScopesPanicWhenDeclared(t *testing.T) {
	const grammar = ": a scope is printable ASCII without space, quote and backslash (RFC 6749 section 3.3)"
	const star = ": a * is only allowed at the end of an implied scope"
	good := middleware.ImpliedScopes(map[string][]string{"a": {"b"}})
	declare := func(scope string, implied ...string) func() {
		return func() { middleware.ImpliedScopes(map[string][]string{"good": {"x"}, scope: implied}) }
	}
	for _, tt := range []struct {
		want    string
		declare func()
	}{
		{"middleware: ImpliedScopes needs at least one rule", func() { middleware.ImpliedScopes(nil) }},
		{"middleware: ImpliedScopes needs at least one rule", func() { middleware.ImpliedScopes(map[string][]string{}) }},
		{`middleware: ImpliedScopes: "a" implies nothing`, declare("a")},
		{`middleware: ImpliedScopes: invalid scope ""` + grammar, declare("", "a")},
		{`middleware: ImpliedScopes: invalid scope "a b"` + grammar, declare("a b", "a")},
		{`middleware: ImpliedScopes: invalid scope "a\"b"` + grammar, declare("a", "a", `a"b`)},
		{`middleware: ImpliedScopes: invalid scope ""` + grammar, declare("a", "")},
		{`middleware: ImpliedScopes: invalid scope "read:*"` + star, declare("read:*", "a")},
		{`middleware: ImpliedScopes: invalid scope "*"` + star, declare("*", "a")},
		{`middleware: ImpliedScopes: invalid scope "*:x"` + star, declare("a", "*:x")},
		{`middleware: ImpliedScopes: invalid scope "a*b*"` + star, declare("a", "a*b*")},
		{`middleware: ImpliedScopes: invalid scope "a**"` + star, declare("a", "a**")},
		{"middleware: ScopeRules.AllScopes needs at least one scope", func() { good.AllScopes() }},
		{"middleware: ScopeRules.AnyScope needs at least one scope", func() { good.AnyScope() }},
		{`middleware: ScopeRules.AllScopes: invalid scope "a b"` + grammar, func() { good.AllScopes("a b") }},
		{`middleware: ScopeRules.AllScopes: invalid scope "read:*"` + star, func() { good.AllScopes("a", "read:*") }},
		{`middleware: ScopeRules.AnyScope: invalid scope "*"` + star, func() { good.AnyScope("a", "*") }},
	} {
		assert.PanicsWithValue(t, tt.want, tt.declare)
	}
}

func TestDeclaredRulesAreCopied(t *testing.T) {
	implied := map[string][]string{"a": {"b"}}
	scopes := []string{"b"}
	rules := middleware.ImpliedScopes(implied)
	policy := rules.AllScopes(scopes...)
	implied["a"][0], implied["x"], scopes[0] = "c", []string{"b"}, "c"
	assert.Nil(t, check(t, `{"scope":"a"}`, policy))
	assert.Nil(t, check(t, `{"scope":"a"}`, rules.AllScopes("b")))
	assert.NotNil(t, check(t, `{"scope":"a"}`, rules.AllScopes("c")))
	assert.NotNil(t, check(t, `{"scope":"x"}`, rules.AllScopes("b")))
}
