package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// A client asks for exactly the scopes of a challenge, so those of the inner layer alone would
// bring a token that the outer layer refuses.
func TestC10InnerLayersNameWhatOuterLayersAskedFor(t *testing.T) {
	rules := middleware.ImpliedScopes(map[string][]string{"admin": {"read:orders"}})
	all, anyScope := middleware.AllScopes, middleware.AnyScope
	read, write := all("read:orders"), all("write:orders")
	type layers [][]middleware.Policy // the outermost first; an empty one is a Handler
	for _, tt := range []struct {
		rule    string
		layers  layers
		payload string
		status  int
		scope   string
	}{
		{"two layers", layers{{read}, {write}}, `{"scope":"read:orders"}`, 403, "read:orders write:orders"},
		{"the outer one refuses", layers{{read}, {write}}, `{"scope":"write:orders"}`, 403, "read:orders"},
		{"a Handler around them", layers{{}, {read}, {}, {write}}, `{"scope":"read:orders"}`, 403, "read:orders write:orders"},
		{"three layers", layers{{all("a")}, {all("b", "a")}, {all("c", "b")}}, `{"scope":"a b"}`, 403, "a b c"},
		{"a layer twice", layers{{read}, {read}, {write}}, `{"scope":"read:orders"}`, 403, "read:orders write:orders"},
		{"an outer layer without scopes", layers{{allow()}, {write}}, `{}`, 403, "write:orders"},
		{"another policy denies", layers{{read}, {deny()}}, `{"scope":"read:orders"}`, 403, ""},
		{"another policy fails", layers{{read}, {fail()}}, `{"scope":"read:orders"}`, 503, ""},

		{"one of several, the first", layers{{anyScope("a", "b")}, {write}}, `{"scope":"a"}`, 403, "a write:orders"},
		{"one of several, the one that it has", layers{{anyScope("a", "b")}, {write}}, `{"scope":"b"}`, 403, "b write:orders"},
		{"one of several, which the inner layer asks for", layers{{anyScope("a", "write:orders")}, {write}}, `{"scope":"a"}`, 403, "write:orders"},
		{"a scope that implies it", layers{{rules.AllScopes("read:orders")}, {write}}, `{"scope":"admin"}`, 403, "admin write:orders"},
		{"an alternative without scopes", layers{{middleware.Any(read, middleware.Claim("roles").Any("clerk"))}, {write}}, `{"roles":"clerk"}`, 403, "write:orders"},
		{"an alternative with scopes", layers{{middleware.Any(anyScope("a", "write:orders"), all("b"))}, {write}}, `{"scope":"b"}`, 403, "b write:orders"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth, h := newAuth(t, accepting(t, tt.payload)), http.Handler(whoami)
			for n := len(tt.layers) - 1; n >= 0; n-- {
				if len(tt.layers[n]) == 0 {
					h = auth.Handler(h)
					continue
				}
				h = auth.Require(tt.layers[n]...)(h)
			}
			a := serve(t, h, get("Bearer "+goodToken))
			assert.Equal(t, tt.status, a.Status)
			assert.Equal(t, tt.scope, a.Challenge["scope"])
		})
	}
}

// A handler refuses like an inner layer.
func TestC10AuthorizeNamesWhatTheRouteAskedFor(t *testing.T) {
	auth := newAuth(t, accepting(t, `{"scope":"a b"}`))
	var got []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		other := claims.NewContext(r.Context(), claimsOf(t, `{"scope":"a b"}`))
		for _, ctx := range []context.Context{r.Context(), other, claims.NewContext(r.Context(), nil)} {
			var e *middleware.Error
			require.ErrorAs(t, middleware.Authorize(ctx, middleware.AllScopes("c")), &e)
			got = append(got, fmt.Sprint(e.Status, e.Scopes))
		}
		auth.Refuse(w, r, middleware.Authorize(r.Context(), middleware.AllScopes("c")))
	})
	a := serve(t, auth.RequireScopes("a")(auth.RequireScopes("b")(handler)), get("Bearer "+goodToken))
	assert.Equal(t, "a b c", a.Challenge["scope"])
	assert.Equal(t, []string{"403 [a b c]", "403 [c]", "401 [c]"}, got, "other claims have not passed these layers")
}

// RFC 9470 section 3: what one layer demands of the user must not undo what another demands.
func TestC10InnerLayersDemandTheAuthenticationOfOuterLayers(t *testing.T) {
	auth := newAuth(t, accepting(t, fmt.Sprintf(`{"scope":"a","acr":"mfa","auth_time":%d}`, time.Now().Unix()-600)))
	demand := middleware.RequireAuthentication
	outer := auth.Require(middleware.AllScopes("a"), demand(time.Hour, "mfa", "hwk"), middleware.Any(demand(0, "never"), allow()))
	inner := auth.Require(demand(5*time.Minute, "hwk", "pin"))
	a := serve(t, outer(inner(whoami)), get("Bearer "+goodToken))
	assert.Equal(t, "insufficient_user_authentication", a.Challenge["error"])
	assert.Equal(t, "hwk", a.Challenge["acr_values"])
	assert.Equal(t, "300", a.Challenge["max_age"])
	assert.Equal(t, "a", a.Challenge["scope"])
}

// The challenge for a token that has ended in between names all layers, too.
func TestC10ALayerThatVerifiesAgainNamesAllLayers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWithdrawable(t)
		outer, inner := b.auth.Guard(middleware.AllScopes("read:example")), b.auth.Guard(middleware.AllScopes("write:example"))
		r, err := outer.Check(bearer(b.issuer.Token(nil)))
		require.NoError(t, err)
		b.refuse(claims.ErrRevoked)
		time.Sleep(time.Second)
		for _, guard := range []*middleware.Guard{inner, b.auth.GuardAuthenticated(), outer} {
			_, err = guard.Check(r)
			var e *middleware.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, "read:example", e.Scopes[0])
		}
		_, err = inner.Check(authorization("bearer " + r.Header.Get("Authorization")[len("Bearer "):])(r))
		var e *middleware.Error
		require.ErrorAs(t, err, &e)
		assert.Equal(t, []string{"write:example"}, e.Scopes, "another credential has not passed the outer layer")
	})
}

// The context of a request that passes itself on for ever does not grow for ever.
func TestC10LayersAreBounded(t *testing.T) {
	auth := newAuth(t, accepting(t, `{"scope":"a b c d e f g h i j k"}`))
	ctx, request := t.Context(), middleware.Request{Authorization: []string{"Bearer " + goodToken}}
	for _, scope := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
		var err error
		ctx, err = auth.Guard(middleware.AllScopes(scope)).Authenticate(ctx, request)
		require.NoError(t, err)
	}
	_, err := auth.Guard(middleware.AllScopes("z")).Authenticate(ctx, request)
	var e *middleware.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, []string{"a", "b", "c", "d", "e", "f", "g", "h", "z"}, e.Scopes)
}
