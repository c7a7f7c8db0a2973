package forwardauth_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

// Claims go out as visible ASCII, or not at all. A field is there in any case, so that the gateway
// replaces that of the client.
func TestClaimsAsFields(t *testing.T) {
	long := strings.Repeat("x", 2048)
	for _, tt := range []struct{ rule, payload, want string }{
		{"a string", `{"v":"alice"}`, "alice"},
		{"all of visible ASCII", `{"v":"!\"#$%&'()*+,-./:;<=>?@[\\]^_{|}~` + "`" + `"}`, "!\"#$%&'()*+,-./:;<=>?@[\\]^_{|}~`"},
		{"a list", `{"v":["a","b"]}`, "a b"},
		{"the longest", `{"v":"` + long + `"}`, long},
		{"absent", `{}`, ""},
		{"empty", `{"v":""}`, ""},
		{"an empty list", `{"v":[]}`, ""},
		{"a list with an empty value", `{"v":["a",""]}`, ""},
		{"a number", `{"v":7}`, ""},
		{"an object", `{"v":{"a":"b"}}`, ""},
		{"a space", `{"v":"a b"}`, ""},
		{"a space at the end", `{"v":"a "}`, ""},
		{"a list with a space in a value", `{"v":["a","b c"]}`, ""},
		{"a line break", `{"v":"a\r\nX-Auth-Admin: 1"}`, ""},
		{"a list with a line break", `{"v":["a","b\n"]}`, ""},
		{"a control character", `{"v":"a\u0000"}`, ""},
		{"DEL", `{"v":"a\u007f"}`, ""},
		{"a tab", `{"v":"a\tb"}`, ""},
		{"not ASCII", `{"v":"alicé"}`, ""},
		{"a letter that looks like one of ASCII", `{"v":"\u0430lice"}`, ""},
		{"a wide letter, which some backends fold", `{"v":"\uff41lice"}`, ""},
		{"too long", `{"v":"` + long + `x"}`, ""},
		{"too long a list", `{"v":["` + long[:1024] + `","` + long[:1024] + `"]}`, ""},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			h := newHandler(t, forwardauth.Config{
				Routes:  []forwardauth.Route{{Pattern: "/", Guard: newAuth(t, tt.payload).GuardAuthenticated()}},
				Headers: headers{"x-auth-V": forwardauth.Claim("v")},
			})
			got := ask(h, "GET", "/", bearer, "X-Auth-V: mallory")
			assert.Equal(t, 200, got.Code)
			assert.Equal(t, []string{tt.want}, got.Header()["X-Auth-V"])
			assert.Empty(t, got.Body.String())
		})
	}
}

// Gateways bound the header of an answer. With fields that are too long together, no field has a
// value: without one of them, the others can mean more.
func TestAllFieldsTogetherAreBounded(t *testing.T) {
	for _, tt := range []struct {
		rule       string
		sub, scope int // bytes
		sent       bool
	}{
		{"the longest", 1024, 1024, true},
		{"one byte more", 1024, 1025, false},
		{"one that is too long", 5, 3000, false},
		{"the other", 3000, 5, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			sub, scope := strings.Repeat("s", tt.sub), strings.Repeat("x", tt.scope)
			h := newHandler(t, forwardauth.Config{
				Routes:  []forwardauth.Route{{Pattern: "/", Guard: newAuth(t, `{"sub":"`+sub+`","scope":"`+scope+`"}`).GuardAuthenticated()}},
				Headers: headers{"X-Auth-Subject": forwardauth.Claim("sub"), "X-Auth-Scopes": (*claims.Claims).Scopes},
			})
			if !tt.sent {
				sub, scope = "", ""
			}
			got := ask(h, "GET", "/", bearer)
			assert.Equal(t, 200, got.Code)
			assert.Equal(t, []string{sub}, got.Header()["X-Auth-Subject"])
			assert.Equal(t, []string{scope}, got.Header()["X-Auth-Scopes"])
		})
	}
}

func TestFieldsOfARefusal(t *testing.T) {
	auth := newAuth(t, `{"sub":"alice"}`)
	h := newHandler(t, forwardauth.Config{
		Routes: []forwardauth.Route{
			{Pattern: "/", Guard: auth.GuardOptional()}, {Pattern: "/token", Guard: auth.GuardAuthenticated()},
		},
		Headers: headers{
			"X-Auth-Subject": forwardauth.Claim("sub"),
			"X-Auth-Roles":   forwardauth.Claim("realm_access", "roles"),
			"X-Auth-Scopes":  (*claims.Claims).Scopes,
		},
	})
	refused := ask(h, "GET", "/token", "Authorization: Bearer bad")
	assert.Equal(t, 401, refused.Code)
	assert.NotContains(t, refused.Header(), "X-Auth-Subject")
	public := ask(h, "GET", "/", "X-Auth-Subject: mallory")
	assert.Equal(t, 200, public.Code, "without a token")
	for _, name := range []string{"X-Auth-Subject", "X-Auth-Roles", "X-Auth-Scopes"} {
		assert.Equal(t, []string{""}, public.Header()[name], name)
	}
	assert.Equal(t, []string{"alice"}, ask(h, "GET", "/", bearer).Header()["X-Auth-Subject"])
	assert.Equal(t, 401, ask(h, "GET", "/", "Authorization: Bearer bad").Code, "a bad token is refused on every route")
}

// A function of the application is not called without claims: it need not know of optional routes.
func TestFunctionsGetClaims(t *testing.T) {
	h := newHandler(t, forwardauth.Config{
		Routes: everything(t),
		Headers: headers{"X-V": func(*claims.Claims) []string {
			t.Error("it is called without claims")
			return nil
		}},
	})
	assert.Equal(t, []string{""}, ask(h, "GET", "/").Header()["X-V"])
}

func TestClaimNeedsAName(t *testing.T) {
	assert.Panics(t, func() { forwardauth.Claim() })
	assert.Panics(t, func() { forwardauth.Claim("a", "") })
	path := []string{"a", "b"}
	f := forwardauth.Claim(path...)
	path[0] = "c"
	c, err := claims.ParseUnverified([]byte(`{"a":{"b":"x"},"c":{"b":"y"}}`))
	assert.NoError(t, err)
	assert.Equal(t, []string{"x"}, f(c), "the path is copied")
}

// fieldOf returns the field for a list of these values.
func fieldOf(t testing.TB, values ...string) string {
	t.Helper()
	h := newHandler(t, forwardauth.Config{
		Routes:  []forwardauth.Route{{Pattern: "/", Guard: newAuth(t, `{}`).GuardAuthenticated()}},
		Headers: headers{"X-V": func(*claims.Claims) []string { return values }},
	})
	got := ask(h, "GET", "/", bearer)
	assert.Len(t, got.Header()["X-V"], 1)
	return got.Header().Get("X-V")
}
