package middleware_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

func TestActedBy(t *testing.T) {
	for _, tt := range []struct {
		rule, payload string
		allowed       bool
	}{
		{"one of the actors", `{"iss":"https://a/","act":{"sub":"two"}}`, true},
		{"of the token's issuer by name", `{"iss":"https://a/","act":{"sub":"two","iss":"https://a/"}}`, true},
		{"with other actors before it", `{"iss":"https://a/","act":{"sub":"two","act":{"sub":"evil"}}}`, true},
		{"no actor", `{"iss":"https://a/","sub":"two"}`, false},
		{"null", `{"iss":"https://a/","act":null}`, false},
		{"another actor", `{"iss":"https://a/","act":{"sub":"evil"}}`, false},
		{"only the one before it", `{"iss":"https://a/","act":{"sub":"evil","act":{"sub":"two"}}}`, false},
		{"of another issuer", `{"iss":"https://a/","act":{"sub":"two","iss":"https://evil/"}}`, false},
		{"in another case", `{"iss":"https://a/","act":{"sub":"Two"}}`, false},
		{"without a subject", `{"iss":"https://a/","act":{}}`, false},
		{"with an empty subject", `{"iss":"https://a/","act":{"sub":""}}`, false},
		{"a list of subjects", `{"iss":"https://a/","act":{"sub":["two"]}}`, false},
		{"a string", `{"iss":"https://a/","act":"two"}`, false},
		{"a list", `{"iss":"https://a/","act":[{"sub":"two"}]}`, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			e := check(t, tt.payload, middleware.ActedBy("one", "two"))
			assert.Equal(t, tt.allowed, e == nil)
			if e != nil {
				assert.Equal(t, 403, e.Status)
				assert.Empty(t, e.Scopes)
			}
		})
	}
}

// A function of the application can be slow, so it is not called if it cannot change the answer.
func TestAllAsksNoPolicyAfterADenial(t *testing.T) {
	asked := 0
	counting := middleware.PolicyFunc(func(context.Context, *claims.Claims) error { asked++; return nil })
	for rule, policies := range map[string][]middleware.Policy{
		"listed": {deny(), counting}, "All": {middleware.All(deny(), counting)}, "All in Any": {middleware.Any(middleware.All(deny(), counting))},
	} {
		asked = 0
		require.NotNil(t, check(t, `{}`, policies...), rule)
		assert.Zero(t, asked, rule)
	}
}

// A better authentication brings a new token, which may meet the other policies as well.
func TestAllAsksForTheAuthenticationOfItsParts(t *testing.T) {
	mfa := middleware.All(
		deny(), middleware.RequireAuthentication(time.Hour, "mfa", "hw"), middleware.RequireAuthentication(0, "hw"), middleware.AllScopes("a"))
	for rule, policy := range map[string]middleware.Policy{"alone": mfa, "in Any": middleware.Any(mfa)} {
		e := check(t, `{"scope":"b"}`, policy)
		require.NotNil(t, e, rule)
		assert.Equal(t, 401, e.Status, rule)
		assert.Equal(t, []string{"hw"}, e.ACRValues, rule)
		assert.Equal(t, time.Hour, e.MaxAge, rule)
		assert.Equal(t, []string{"a"}, e.Scopes, rule)
	}
}
