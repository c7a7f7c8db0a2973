package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

type (
	untagged struct{ Suspended bool }
	optioned struct {
		Suspended bool `json:",omitempty"`
	}
	deep struct {
		Account struct {
			States []map[string]*untagged `json:"states"`
		} `json:"account"`
	}
	embedding struct{ Inner }
	Inner     struct{ Suspended bool }
	folded    struct {
		Suspended bool `json:"suspended,case:ignore"`
	}
	quotedName struct {
		Suspended bool `json:"'suspended'"`
	}
	channel struct {
		Suspended chan bool `json:"suspended"`
	}
	// A tree is a part of itself.
	tree struct {
		Suspended bool             `json:"suspended"`
		Parent    *tree            `json:"parent"`
		Children  []tree           `json:"children"`
		Named     map[string]tree  `json:"named"`
		Maybe     map[string]*tree `json:"maybe"`
	}
)

// A deny-list whose claims are never found denies no token.
func TestC8CustomClaimsThatNoTokenFitsAreRefusedWhenDeclared(t *testing.T) {
	for rule, tt := range map[string]struct {
		declare func()
		want    string
	}{
		"no tag":                {declaring[untagged], "middleware: CustomClaims: middleware_test.untagged.Suspended: its json tag must name the claim, as in `json:\"suspended\"`"},
		"a tag without a name":  {declaring[optioned], "middleware: CustomClaims: middleware_test.optioned.Suspended: its json tag must name the claim, as in `json:\"suspended\"`"},
		"a pointer to it":       {declaring[*untagged], "middleware: CustomClaims: *middleware_test.untagged.Suspended: its json tag must name the claim, as in `json:\"suspended\"`"},
		"within":                {declaring[deep], "middleware: CustomClaims: middleware_test.deep.Account.States.Suspended: its json tag must name the claim, as in `json:\"suspended\"`"},
		"embedded":              {declaring[embedding], "middleware: CustomClaims: middleware_test.embedding.Inner.Suspended: its json tag must name the claim, as in `json:\"suspended\"`"},
		"compared without case": {declaring[folded], "middleware: CustomClaims: middleware_test.folded.Suspended: the names of claims are compared with case"},
		"a quoted name":         {declaring[quotedName], "middleware: CustomClaims: middleware_test.quotedName.Suspended: its json tag must name the claim, as in `json:\"suspended\"`"},
		"no JSON type":          {declaring[channel], "middleware: CustomClaims: middleware_test.channel.Suspended: no claim can be decoded into chan bool"},
		"an interface":          {declaring[map[string]error], "middleware: CustomClaims: map[string]error: no claim can be decoded into error"},
	} {
		t.Run(rule, func(t *testing.T) { assert.PanicsWithValue(t, tt.want, tt.declare) })
	}
	for rule, declare := range map[string]func(){
		"a list": declaring[[]string], "a string": declaring[string],
	} {
		t.Run(rule, func(t *testing.T) { assert.Panics(t, declare) })
	}
}

func declaring[T any]() {
	middleware.CustomClaims(func(context.Context, T) error { return errors.New("never called") })
}

func TestC8CustomClaimsOfAnyOtherTypeAreAccepted(t *testing.T) {
	type named struct {
		embeddedStatus
		Org      string          `json:"https://example.test/org"`
		Ignored  untagged        `json:"-"`
		Any      any             `json:"any"`
		All      map[string]any  `json:"all"`
		Raw      json.RawMessage `json:"raw"`
		Until    time.Time       `json:"until"`
		internal untagged
	}
	_ = named{}.internal
	for rule, declare := range map[string]func(){
		"a map": declaring[map[string]any], "anything": declaring[any], "raw": declaring[json.RawMessage],
		"no fields": declaring[struct{}], "a part of itself": declaring[tree], "a pointer": declaring[*tree],
		"every field has a name": declaring[named],
	} {
		t.Run(rule, func(t *testing.T) { assert.NotPanics(t, declare) })
	}
}

// null is the zero value once it is decoded, so a deny-list must not see it.
func TestC8NullDenies(t *testing.T) {
	type status struct {
		Suspended bool           `json:"suspended"`
		Maybe     *bool          `json:"maybe"`
		Any       any            `json:"any"`
		Groups    []string       `json:"groups"`
		Limits    map[string]int `json:"limits"`
		Until     time.Time      `json:"until"`
		Deep      struct {
			A *tree `json:"a"`
		} `json:"deep"`
		Raw   json.RawMessage `json:"raw"`
		Inner embeddedStatus  `json:"inner"`
		embeddedStatus
	}
	called := false
	policy := middleware.CustomClaims(func(context.Context, status) error { called = true; return nil })
	for payload, allowed := range map[string]bool{
		`{}`:                                true,
		`{"suspended":false}`:               true,
		`{"suspended":null}`:                false,
		`{"groups":null}`:                   false,
		`{"groups":["a",null]}`:             false,
		`{"limits":null}`:                   false,
		`{"limits":{"a":null}}`:             false,
		`{"until":null}`:                    false,
		`{"deep":null}`:                     false,
		`{"deep":{"a":null}}`:               true,
		`{"deep":{"a":{"suspended":null}}}`: false,
		`{"deep":{"a":{"parent":null,"suspended":true}}}`:   true,
		`{"deep":{"a":{"parent":{"children":[null]}}}}`:     false,
		`{"deep":{"a":{"named":{"x":null}}}}`:               false,
		`{"deep":{"a":{"maybe":{"x":null}}}}`:               true,
		`{"deep":{"a":{"maybe":{"x":{"suspended":null}}}}}`: false,
		`{"maybe":null,"any":null,"raw":null}`:              true,
		`{"any":{"a":[null]},"raw":[null,{"b":null}]}`:      true,
		`{"other":null,"others":[null,{"suspended":null}]}`: true,
		`{"inner":{"locked":null}}`:                         false,
		`{"locked":null}`:                                   false,
		`{"locked":"null"}`:                                 false, // of another type
		`{"groups":["null"]}`:                               true,
		`{"suspended":{"a":null}}`:                          false, // of another type
	} {
		called = false
		e := check(t, payload, policy)
		assert.Equal(t, allowed, e == nil, payload)
		assert.Equal(t, allowed, called, payload)
		if !allowed {
			assert.Equal(t, 403, e.Status)
		}
	}
}

type embeddedStatus struct {
	Locked bool `json:"locked"`
}

// What is decoded is what claims.As decodes.
func TestC8CustomClaimsAreDecodedAsBefore(t *testing.T) {
	const payload = `{"sub":"alice","suspended":true,"parent":{"suspended":true},"named":{"a":{}},"any":null}`
	var got tree
	policy := middleware.CustomClaims(func(_ context.Context, t tree) error { got = t; return nil })
	require.Nil(t, check(t, payload, policy))
	want, err := claims.As[tree](claimsOf(t, payload))
	require.NoError(t, err)
	assert.Equal(t, want, got)
}
