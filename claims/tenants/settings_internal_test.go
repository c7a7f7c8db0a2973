package tenants

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

type someKeys struct{ claims.KeySet }

// A field that is not compared would let a tenant keep settings that were taken away.
func TestEachFieldOfAnIssuerIsCompared(t *testing.T) {
	values := map[reflect.Type]any{
		reflect.TypeFor[string]():                                      "x",
		reflect.TypeFor[[]string]():                                    []string{"x"},
		reflect.TypeFor[[][]string]():                                  [][]string{{"x"}},
		reflect.TypeFor[map[string]string]():                           map[string]string{"x": "y"},
		reflect.TypeFor[map[string][]string]():                         map[string][]string{"x": {"y"}},
		reflect.TypeFor[map[string][]any]():                            map[string][]any{"x": {true, nil}},
		reflect.TypeFor[time.Duration]():                               time.Second,
		reflect.TypeFor[claims.KeySet]():                               &someKeys{},
		reflect.TypeFor[*claims.WithoutAudience]():                     &claims.WithoutAudience{},
		reflect.TypeFor[func(context.Context, *claims.Claims) error](): func(context.Context, *claims.Claims) error { return nil },
	}
	for field := range reflect.TypeFor[claims.Issuer]().Fields() {
		if !field.IsExported() || field.Name == "Err" || field.Name == "Opaque" {
			continue // NewVerifier reports each Err; Opaque is below
		}
		value, ok := values[field.Type]
		require.True(t, ok, "%s is of a type that settings do not know", field.Name)
		var issuer claims.Issuer
		reflect.ValueOf(&issuer).Elem().FieldByIndex(field.Index).Set(reflect.ValueOf(value))
		assert.False(t, settingsOf(issuer).isSame(settingsOf(claims.Issuer{})), field.Name)
		assert.Equal(t, field.Name != "Validate", settingsOf(issuer).isSame(settingsOf(issuer)), field.Name)
	}
	assert.True(t, settingsOf(claims.Issuer{Err: errors.New("x")}).isSame(settingsOf(claims.Issuer{})))
}

func TestSettingsAreComparedByValue(t *testing.T) {
	of := func(client string) settings {
		return settingsOf(claims.Issuer{
			WithoutAudience: &claims.WithoutAudience{ClientIDs: []string{client}},
			ClaimOneOf:      map[string][]string{"a": {"1"}, "b": {"2"}}, Keys: someKeys{},
		})
	}
	assert.True(t, of("app").isSame(of("app")))
	assert.False(t, of("app").isSame(of("other")))
	uncomparable := settingsOf(claims.Issuer{Keys: struct {
		someKeys
		list []int
	}{}})
	assert.False(t, uncomparable.isSame(uncomparable))
}

// Rules that decide themselves. The text of a function does not tell what it has captured.
type (
	ruleFunc   func(claim string) bool
	rulePrefix string
)

func (f ruleFunc) Allows(claim string) bool   { return f(claim) }
func (f ruleFunc) String() string             { return "by a function" }
func (p rulePrefix) Allows(claim string) bool { return strings.HasPrefix(claim, string(p)) }
func (p rulePrefix) String() string           { return "not told" }
func (p rulePrefix) GoString() string         { return "not told" }

func TestRulesThatDecideThemselvesAreNotComparedByTheirText(t *testing.T) {
	of := func(rule any) settings {
		return settingsOf(claims.Issuer{ClaimRules: map[string][]any{"/sub": {"alice", rule}, "/acr": {"1", nil}}})
	}
	only := func(name string) ruleFunc { return func(claim string) bool { return claim == name } }
	assert.False(t, of(only("alice")).isSame(of(only("bob"))), "one function, with other values")
	assert.True(t, of(rulePrefix("a")).isSame(of(rulePrefix("a"))))
	assert.False(t, of(rulePrefix("a")).isSame(of(rulePrefix("b"))), "with the same text")
	shared := &someRule{}
	assert.True(t, of(shared).isSame(of(shared)))
	assert.False(t, of(shared).isSame(of(&someRule{})))
}

type someRule struct{ rulePrefix }
