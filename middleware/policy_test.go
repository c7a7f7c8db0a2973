package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

var errDown = fmt.Errorf("directory: %w", claims.ErrUnavailable)

func allow() middleware.Policy { return returning(nil) }
func deny() middleware.Policy  { return returning(errors.New("no")) }
func fail() middleware.Policy  { return returning(errDown) }

func returning(err error) middleware.Policy {
	return middleware.PolicyFunc(func(context.Context, *claims.Claims) error { return err })
}

// check returns what the policies say about the claims. It asks them inside a handler and at
// a route, which must agree.
func check(t *testing.T, payload string, policies ...middleware.Policy) *middleware.Error {
	t.Helper()
	inHandler := middleware.Authorize(claims.NewContext(t.Context(), claimsOf(t, payload)), policies...)
	_, atRoute := newAuth(t, accepting(t, payload)).Guard(policies...).Check(get("Bearer " + goodToken))
	assert.Equal(t, atRoute, inHandler)
	if atRoute == nil {
		return nil
	}
	var e *middleware.Error
	require.ErrorAs(t, atRoute, &e)
	return e
}

// RFC 6749 section 3.3: the scopes in a claim.
func TestScopesAreComparedExactly(t *testing.T) {
	for _, tt := range []struct {
		rule, payload string
		want          bool
	}{
		{"the only scope", `{"scope":"read:x"}`, true},
		{"among others", `{"scope":"a read:x b"}`, true},
		{"prefix", `{"scope":"read:"}`, false},
		{"suffix", `{"scope":"read:xx"}`, false},
		{"case", `{"scope":"Read:x"}`, false},
		{"comma", `{"scope":"a,read:x"}`, false},
		{"plus", `{"scope":"a+read:x"}`, false},
		{"wildcard", `{"scope":"read:* *"}`, false},
		{"joined to another", `{"scope":"aread:x"}`, false},
		{"tab is no separator", `{"scope":"a\tread:x"}`, false},
		{"line break is no separator", `{"scope":"a\nread:x"}`, false},
		{"no-break space is no separator", `{"scope":"a\u00a0read:x"}`, false},
		{"absent", `{}`, false},
		{"empty", `{"scope":""}`, false},
		{"null", `{"scope":null}`, false},
		{"number", `{"scope":1}`, false},
		{"object", `{"scope":{"read:x":true}}`, false},
		{"name in another case (RFC 7519 section 4)", `{"Scope":"read:x"}`, false},
		{"scp as a string (Entra ID)", `{"scp":"a read:x"}`, true},
		{"scp as an array (Okta)", `{"scp":["a","read:x"]}`, true},
		{"scope as an array (Duende)", `{"scope":["a","read:x"]}`, true},
		{"an array element is one scope", `{"scope":["a read:x"]}`, false},
		{"permissions are no scopes (Auth0)", `{"scope":"a","permissions":["read:x"]}`, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			c, err := claims.ParseUnverified([]byte(tt.payload))
			if err != nil {
				require.False(t, tt.want, "refused as malformed: %v", err)
				return
			}
			for name, policy := range map[string]middleware.Policy{
				"AllScopes": middleware.AllScopes("read:x"),
				"AnyScope":  middleware.AnyScope("admin", "read:x"),
			} {
				err := middleware.Authorize(claims.NewContext(t.Context(), c), policy)
				if tt.want {
					assert.NoError(t, err, name)
				} else {
					assert.ErrorIs(t, err, claims.ErrForbidden, name)
				}
			}
		})
	}
}

type details struct {
	Details []struct {
		Type string `json:"type"`
	} `json:"authorization_details"`
}

var payment = middleware.CustomClaims(func(_ context.Context, d details) error {
	if len(d.Details) != 1 || d.Details[0].Type != "payment" {
		return errors.New("not for a payment")
	}
	return nil
})

type organisation struct {
	Org string `json:"org"`
}

var ofAcme = middleware.CustomClaims(func(_ context.Context, c organisation) error {
	if c.Org != "acme" {
		return errors.New("another organisation")
	}
	return nil
})

func TestPoliciesDecide(t *testing.T) {
	all, anyScope, anyOf, allOf := middleware.AllScopes, middleware.AnyScope, middleware.Any, middleware.All
	for _, tt := range []struct {
		rule     string
		payload  string
		policies []middleware.Policy
		status   int // 0: allowed
		scopes   []string
	}{
		{"all scopes present", `{"scope":"a b c"}`, []middleware.Policy{all("a", "b")}, 0, nil},
		{"one of all missing", `{"scope":"a c"}`, []middleware.Policy{all("a", "b")}, 403, []string{"a", "b"}},
		{"any scope present", `{"scope":"b"}`, []middleware.Policy{anyScope("a", "b")}, 0, nil},
		{"any scope missing names only the first", `{"scope":"c"}`, []middleware.Policy{anyScope("a", "b")}, 403, []string{"a"}},

		{"several are all-of", `{"scope":"a"}`, []middleware.Policy{all("a"), allow()}, 0, nil},
		{"several are all-of, first denies", `{}`, []middleware.Policy{deny(), allow()}, 403, nil},
		{"several are all-of, last denies", `{}`, []middleware.Policy{allow(), deny()}, 403, nil},
		{"the scopes of the whole route are named", `{"scope":"a"}`, []middleware.Policy{all("a"), all("b"), anyScope("c", "d"), all("b")}, 403, []string{"a", "b", "c"}},
		{"no scopes are named if another policy denied", `{"scope":"a"}`, []middleware.Policy{all("a"), deny()}, 403, nil},

		{"Any: first allows", `{}`, []middleware.Policy{anyOf(allow(), deny())}, 0, nil},
		{"Any: last allows", `{}`, []middleware.Policy{anyOf(deny(), allow())}, 0, nil},
		{"Any: all deny", `{}`, []middleware.Policy{anyOf(deny(), deny())}, 403, nil},
		{"Any names the first alternative's scopes", `{}`, []middleware.Policy{anyOf(all("a", "b"), all("c"))}, 403, []string{"a", "b"}},
		{"Any names no scopes if its first alternative has none", `{}`, []middleware.Policy{anyOf(deny(), all("c"))}, 403, nil},
		{"Any in Any", `{"scope":"c"}`, []middleware.Policy{anyOf(deny(), anyOf(all("b"), all("c")))}, 0, nil},
		{"Any: a failure is returned", `{}`, []middleware.Policy{anyOf(deny(), fail())}, 503, nil},
		{"Any: a failure is returned, also if a later alternative denies", `{}`, []middleware.Policy{anyOf(fail(), deny())}, 503, nil},
		{"Any: another alternative makes up for a failure", `{}`, []middleware.Policy{anyOf(fail(), allow())}, 0, nil},
		{"Any: the zero Policy denies", `{}`, []middleware.Policy{anyOf(middleware.Policy{}, middleware.Policy{})}, 403, nil},

		{"All: all allow", `{"scope":"a b"}`, []middleware.Policy{allOf(all("a"), all("b"), allow())}, 0, nil},
		{"All: one denies", `{}`, []middleware.Policy{allOf(allow(), deny())}, 403, nil},
		{"All: a missing scope names all of the route", `{"scope":"a"}`, []middleware.Policy{allOf(all("a"), all("b")), all("c")}, 403, []string{"a", "b", "c"}},
		{"All names no scopes if another policy denied", `{"scope":"a"}`, []middleware.Policy{allOf(all("a"), deny())}, 403, nil},
		{"All in All", `{"scope":"a"}`, []middleware.Policy{allOf(all("a"), allOf(allow(), all("b")))}, 403, []string{"a", "b"}},
		{"All: a denial precedes a failure", `{}`, []middleware.Policy{allOf(fail(), deny())}, 403, nil},
		{"All: a failure is no consent", `{}`, []middleware.Policy{allOf(fail(), allow())}, 503, nil},
		{"All: the zero Policy denies", `{}`, []middleware.Policy{allOf(allow(), middleware.Policy{})}, 403, nil},
		{"All in Any: the second allows", `{"scope":"a b"}`, []middleware.Policy{anyOf(allOf(all("a"), deny()), allOf(all("a"), all("b")))}, 0, nil},
		{"All in Any: each lacks one", `{"scope":"a"}`, []middleware.Policy{anyOf(allOf(all("a"), all("b")), allOf(all("a"), all("c")))}, 403, []string{"a", "b"}},
		{"All in Any names no scopes if another policy denied", `{"iss":"https://partner/","scope":"x"}`, []middleware.Policy{anyOf(allOf(middleware.FromIssuer("https://home/"), all("x")), deny())}, 403, nil},
		{"All in Any names its scopes if they are missing", `{"iss":"https://home/"}`, []middleware.Policy{anyOf(allOf(middleware.FromIssuer("https://home/"), all("x")), deny())}, 403, []string{"x"}},
		{"All in Any: a missing scope precedes a missing binding, as at a route", `{}`, []middleware.Policy{anyOf(allOf(all("x"), middleware.RequireBinding()))}, 403, []string{"x"}},
		{"All in Any: a denial precedes a failure", `{}`, []middleware.Policy{anyOf(allOf(fail(), deny()), deny())}, 403, nil},
		{"All in Any: a failure", `{}`, []middleware.Policy{anyOf(deny(), allOf(allow(), fail()))}, 503, nil},

		{"a failure is no denial", `{}`, []middleware.Policy{fail()}, 503, nil},
		{"a denial precedes a failure", `{}`, []middleware.Policy{fail(), deny()}, 403, nil},
		{"a missing scope precedes a failure", `{}`, []middleware.Policy{fail(), all("a")}, 403, []string{"a"}},
		{"a denial precedes a failure of an authentication", `{}`, []middleware.Policy{deny(), anyOf(middleware.RequireAuthentication(0, "mfa"), fail())}, 403, nil},
		{"consent does not make up for a failure", `{}`, []middleware.Policy{fail(), allow()}, 503, nil},
		{"keys are unavailable", `{}`, []middleware.Policy{returning(&claims.UnavailableError{})}, 503, nil},
		{"the context was cancelled", `{}`, []middleware.Policy{returning(context.Canceled)}, 503, nil},
		{"the context's deadline passed", `{}`, []middleware.Policy{returning(fmt.Errorf("x: %w", context.DeadlineExceeded))}, 503, nil},
		{"any other reason denies", `{}`, []middleware.Policy{returning(claims.ErrExpired)}, 403, nil},
		{"the zero Policy denies", `{}`, []middleware.Policy{{}}, 403, nil},

		{"custom claims allow", `{"org":"acme"}`, []middleware.Policy{ofAcme}, 0, nil},
		{"custom claims deny", `{"org":"evil"}`, []middleware.Policy{ofAcme}, 403, nil},
		{"a custom claim that is missing denies", `{}`, []middleware.Policy{ofAcme}, 403, nil},
		{"a custom claim in another case denies", `{"Org":"acme"}`, []middleware.Policy{ofAcme}, 403, nil},
		{"a custom claim that is mistyped denies", `{"org":["acme"]}`, []middleware.Policy{ofAcme}, 403, nil},

		{"authorization_details of a known type (RFC 9396 section 9.1)", `{"authorization_details":[{"type":"payment"}]}`, []middleware.Policy{payment}, 0, nil},
		{"authorization_details of an unknown type (RFC 9396 section 9.1)", `{"authorization_details":[{"type":"other"}]}`, []middleware.Policy{payment}, 403, nil},
		{"no authorization_details (RFC 9396 section 9.1)", `{}`, []middleware.Policy{payment}, 403, nil},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			e := check(t, tt.payload, tt.policies...)
			if tt.status == 0 {
				assert.Nil(t, e)
				return
			}
			require.NotNil(t, e)
			assert.Equal(t, tt.status, e.Status)
			assert.Equal(t, tt.scopes, e.Scopes)
		})
	}
}

func TestAuthorizeWithoutClaimsIsAnAuthenticationError(t *testing.T) {
	for rule, ctx := range map[string]context.Context{
		"no claims":     t.Context(),
		"masked claims": claims.NewContext(claims.NewContext(t.Context(), claimsOf(t, `{"scope":"a"}`)), nil),
	} {
		t.Run(rule, func(t *testing.T) {
			err := middleware.Authorize(ctx, middleware.AllScopes("a"))
			assert.Equal(t, &middleware.Error{Status: 401, Scopes: []string{"a"}}, err)
			assert.Equal(t, &middleware.Error{Status: 401}, middleware.Authorize(ctx))
		})
	}
	t.Run("without policies it denies", func(t *testing.T) {
		err := middleware.Authorize(claims.NewContext(t.Context(), claimsOf(t, `{}`)))
		assert.ErrorIs(t, err, claims.ErrForbidden)
	})
}

func TestPolicyWithoutOperandsPanicsWhenDeclared(t *testing.T) {
	auth := newAuth(t, accepting(t, `{}`))
	for rule, declare := range map[string]func(){
		"AllScopes":            func() { middleware.AllScopes() },
		"AnyScope":             func() { middleware.AnyScope() },
		"AllScopes, empty":     func() { middleware.AllScopes([]string{}...) },
		"Any":                  func() { middleware.Any() },
		"All":                  func() { middleware.All() },
		"ActedBy":              func() { middleware.ActedBy() },
		"ActedBy, empty":       func() { middleware.ActedBy("a", "") },
		"PolicyFunc":           func() { middleware.PolicyFunc(nil) },
		"CustomClaims":         func() { middleware.CustomClaims[struct{}](nil) },
		"Require":              func() { auth.Require() },
		"Guard":                func() { auth.Guard() },
		"Guard, empty":         func() { auth.Guard([]middleware.Policy{}...) },
		"RequireScopes":        func() { auth.RequireScopes() },
		"RequireScopes, empty": func() { auth.RequireScopes([]string{}...) },
	} {
		t.Run(rule, func(t *testing.T) { assert.Panics(t, declare) })
	}
}

// RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ).
func TestScopeGrammar(t *testing.T) {
	for _, scope := range []string{"", " ", "a b", "a\tb", `a"b`, `a\b`, "a\x7f", "é", "a\n", "\x00"} {
		assert.Panics(t, func() { middleware.AllScopes("a", scope) }, "%q", scope)
		assert.Panics(t, func() { middleware.AnyScope("a", scope) }, "%q", scope)
	}
	assert.PanicsWithValue(t, `middleware: AllScopes: invalid scope "read write": a scope is printable ASCII `+
		`without space, quote and backslash (RFC 6749 section 3.3)`, func() { middleware.AllScopes("read write") })
	for _, scope := range []string{"!", "#", "[", "]", "~", "read:x", "https://api.example.com/read?a=b&c"} {
		assert.NotPanics(t, func() { middleware.AllScopes(scope) }, "%q", scope)
	}
}

// A list in one environment variable, which was not split, denies every request.
func TestE1ScopesWithACommaAreAMistake(t *testing.T) {
	for caller, declare := range map[string]func(...string){
		"AllScopes": func(s ...string) { middleware.AllScopes(s...) }, "AnyScope": func(s ...string) { middleware.AnyScope(s...) },
		"ImpliedScopes": func(s ...string) { middleware.ImpliedScopes(map[string][]string{"a": s}) },
	} {
		assert.PanicsWithValue(t, "middleware: "+caller+`: invalid scope "read:x,write:x": a comma separates no scopes; `+
			"write one argument for each scope", func() { declare("a", "read:x,write:x") })
	}
}

func TestDeclaredPoliciesAreCopied(t *testing.T) {
	scopes := []string{"a"}
	policies := []middleware.Policy{deny()}
	all, one, either := middleware.AllScopes(scopes...), middleware.AnyScope(scopes...), middleware.Any(policies...)
	guard := newAuth(t, accepting(t, `{"scope":"b"}`)).Guard(policies...)
	scopes[0], policies[0] = "b", allow()

	for name, policy := range map[string]middleware.Policy{"AllScopes": all, "AnyScope": one, "Any": either} {
		assert.NotNil(t, check(t, `{"scope":"b"}`, policy), name)
	}
	_, err := guard.Check(get("Bearer " + goodToken))
	assert.Error(t, err, "Guard")
}

func TestScopesOfAnErrorAreACopy(t *testing.T) {
	guard := newAuth(t, accepting(t, `{}`)).Guard(middleware.AllScopes("a", "b"))
	for range 2 {
		var e *middleware.Error
		_, err := guard.Check(get("Bearer " + goodToken))
		require.ErrorAs(t, err, &e)
		assert.Equal(t, []string{"a", "b"}, e.Scopes)
		e.Scopes[0] = "changed"
		_ = append(e.Scopes[:1], "changed")
		assert.False(t, slices.Equal(e.Scopes, []string{"a", "b"}))
	}
}

// The error of a policy can be logged, but its text is in no answer.
func TestPolicyTextIsNeverSent(t *testing.T) {
	for _, err := range []error{errors.New("hunter2"), fmt.Errorf("hunter2: %w", claims.ErrUnavailable)} {
		auth := newAuth(t, accepting(t, `{}`))
		a := serve(t, auth.Require(returning(err))(whoami), get("Bearer "+goodToken))
		assert.NotContains(t, fmt.Sprint(a), "hunter2")
		_, got := auth.Guard(returning(err)).Check(get("Bearer " + goodToken))
		assert.ErrorIs(t, got, err)
	}
}
