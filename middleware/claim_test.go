package middleware_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware"
)

// Each provider puts permissions, roles and groups into other claims.
func TestClaimOfEachProvider(t *testing.T) {
	for _, tt := range []struct {
		rule    string
		reader  middleware.ClaimReader
		payload string
	}{
		{"Auth0", middleware.Claim("permissions"), `{"permissions":["x","y"]}`},
		{"Entra ID", middleware.Claim("roles"), `{"roles":["x","y"],"wids":["z"]}`},
		{"Keycloak, realm", middleware.Claim("realm_access", "roles"), `{"realm_access":{"roles":["x","y"]}}`},
		{
			"Keycloak, client", middleware.Claim("resource_access", "timesheets", "roles"),
			`{"resource_access":{"account":{"roles":["z"]},"timesheets":{"roles":["x","y"]}}}`,
		},
		{"Okta", middleware.Claim("groups"), `{"groups":["Everyone","x","y"]}`},
		{"Cognito", middleware.Claim("cognito:groups"), `{"cognito:groups":["x","y"]}`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			for _, policy := range []middleware.Policy{
				tt.reader.All("x"), tt.reader.All("y", "x"), tt.reader.Any("x"), tt.reader.Any("z", "y"),
			} {
				assert.Nil(t, check(t, tt.payload, policy))
			}
			for _, policy := range []middleware.Policy{tt.reader.All("x", "z"), tt.reader.All("z"), tt.reader.Any("z", "w")} {
				assert.NotNil(t, check(t, tt.payload, policy))
				assert.NotNil(t, check(t, `{}`, policy), "without the claim")
			}
		})
	}
}

func TestClaimValuesAreComparedExactly(t *testing.T) {
	for _, tt := range []struct {
		rule, payload string
		want          bool
	}{
		{"an array of only this value", `{"a":{"b":["admin"]}}`, true},
		{"a string is one value", `{"a":{"b":"admin"}}`, true},
		{"a string is never split", `{"a":{"b":"user admin"}}`, false},
		{"an element is never split", `{"a":{"b":["user admin"]}}`, false},
		{"escapes equal their characters (RFC 8259 section 7)", `{"\u0061":{"b":["\u0061dmin"]}}`, true},
		{"prefix", `{"a":{"b":["adm"]}}`, false},
		{"suffix", `{"a":{"b":["admins"]}}`, false},
		{"case", `{"a":{"b":["Admin"]}}`, false},
		{"wildcard", `{"a":{"b":["*","adm*"]}}`, false},
		{"absent", `{}`, false},
		{"the end of the path is absent", `{"a":{}}`, false},
		{"the path as one name", `{"a.b":["admin"]}`, false},
		{"the name in another case", `{"a":{"B":["admin"]}}`, false},
		{"at another path", `{"b":["admin"]}`, false},
		{"null", `{"a":{"b":null}}`, false},
		{"a number", `{"a":{"b":1}}`, false},
		{"true", `{"a":{"b":true}}`, false},
		{"an object with the value as a name", `{"a":{"b":{"admin":true}}}`, false},
		{"an array not only of strings", `{"a":{"b":["admin",1]}}`, false},
		{"an array in an array", `{"a":{"b":[["admin"]]}}`, false},
		{"an array within the path", `{"a":[{"b":["admin"]}]}`, false},
		{"a string within the path", `{"a":"b"}`, false},
		{"an empty array", `{"a":{"b":[]}}`, false},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			admin := middleware.Claim("a", "b")
			for name, policy := range map[string]middleware.Policy{"All": admin.All("admin"), "Any": admin.Any("x", "admin")} {
				assert.Equal(t, tt.want, check(t, tt.payload, policy) == nil, name)
			}
		})
	}
}

// RFC 6750 section 3.1: a challenge names the scopes that would give access. Here none
// would. Scopes and permissions are different things (Auth0).
func TestClaimIsNoScope(t *testing.T) {
	auth := newAuth(t, accepting(t, `{"scope":"read:x admin","permissions":["read:y"]}`))
	for rule, policies := range map[string][]middleware.Policy{
		"only a claim":    {middleware.Claim("permissions").All("read:x")},
		"after a scope":   {middleware.AllScopes("read:x"), middleware.Claim("permissions").Any("read:x")},
		"before a scope":  {middleware.Claim("permissions").Any("read:x"), middleware.AllScopes("read:z")},
		"of another name": {middleware.Claim("permission").Any("read:y")},
	} {
		t.Run(rule, func(t *testing.T) {
			a := serve(t, auth.Require(policies...)(whoami), get("Bearer "+goodToken))
			assert.Equal(t, http.StatusForbidden, a.Status)
			assert.Equal(t, "insufficient_scope", a.Challenge["error"])
			assert.NotContains(t, a.Challenge, "scope")
		})
	}
}

func TestClaimWithoutOperandsPanicsWhenDeclared(t *testing.T) {
	roles := middleware.Claim("roles")
	for want, declare := range map[string]func(){
		"middleware: Claim needs the name of a claim, and none may be empty":     func() { middleware.Claim() },
		"middleware: Claim: All needs at least one value, and none may be empty": func() { roles.All() },
		"middleware: Claim: Any needs at least one value, and none may be empty": func() { roles.Any() },
		"middleware: a ClaimReader is made by Claim":                             func() { middleware.ClaimReader{}.All("x") },
	} {
		assert.PanicsWithValue(t, want, declare)
	}
	assert.Panics(t, func() { middleware.Claim("realm_access", "") }, "an empty name")
	assert.Panics(t, func() { roles.All([]string{}...) }, "an empty list")
	assert.Panics(t, func() { roles.All("x", "") }, "an empty value")
	assert.Panics(t, func() { roles.Any("x", "") }, "an empty value")
	assert.Panics(t, func() { middleware.ClaimReader{}.Any("x") }, "the zero ClaimReader")
}

func TestDeclaredClaimsAreCopied(t *testing.T) {
	path, values := []string{"roles"}, []string{"admin"}
	reader := middleware.Claim(path...)
	policies := []middleware.Policy{reader.All(values...), reader.Any(values...)}
	path[0], values[0] = "other", "guest"
	for _, policy := range policies {
		require.Nil(t, check(t, `{"roles":["admin"]}`, policy))
		require.NotNil(t, check(t, `{"other":["guest"]}`, policy))
	}
}
