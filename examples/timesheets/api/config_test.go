package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// environment returns a valid environment with some variables changed, as pairs of name
// and value.
func environment(changes ...string) func(string) string {
	variables := map[string]string{
		"ISSUER_URL": "https://issuer.example.test/",
		"AUDIENCE":   "https://api.example.test",
	}
	for n := 0; n < len(changes); n += 2 {
		variables[changes[n]] = changes[n+1]
	}
	return func(name string) string { return variables[name] }
}

func TestDefaults(t *testing.T) {
	c, err := configFrom(environment())
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:8080", c.addr)
	assert.Equal(t, "https://issuer.example.test/", c.issuer.URL)
	assert.Equal(t, []string{"https://api.example.test"}, c.issuer.Audiences)
	assert.Nil(t, c.issuer.ScopeClaims, "the library's own")
	assert.Nil(t, c.issuer.TokenTypes, "the library's own")
	assert.Zero(t, c.refreshAfter, "the library's own")
	assert.Empty(t, c.metricsAddr, "not served")
}

func TestSettings(t *testing.T) {
	c, err := configFrom(environment(
		"ADDR", ":9", "TOKEN_PROFILE", "rfc9068", "SCOPE_CLAIM", "scp", "JWKS_REFRESH", "90s", "DPOP", "0",
		"METRICS_ADDR", "127.0.0.1:9464",
		"ISSUER_URL", "http://127.0.0.1:8443/tenant",
	))
	require.NoError(t, err)
	assert.Equal(t, ":9", c.addr)
	assert.Equal(t, "127.0.0.1:9464", c.metricsAddr)
	assert.Equal(t, "http://127.0.0.1:8443/tenant", c.issuer.URL)
	assert.Equal(t, []string{"at+jwt"}, c.issuer.TokenTypes)
	assert.Contains(t, c.issuer.RequiredClaims, "jti")
	assert.Equal(t, [][]string{{"scp"}}, c.issuer.ScopeClaims)
	assert.Equal(t, 90*time.Second, c.refreshAfter)

	c, err = configFrom(environment("TOKEN_PROFILE", "generic"))
	require.NoError(t, err)
	assert.Nil(t, c.issuer.TokenTypes)
}

func TestScopeClaim(t *testing.T) {
	for _, test := range []struct {
		name, value string
		want        [][]string
	}{
		{"name", "permissions", [][]string{{"permissions"}}},
		{"dotted path, after the name itself", "realm_access.roles", [][]string{
			{"realm_access.roles"}, {"realm_access", "roles"},
		}},
		{"namespaced claim", "https://a.test/scopes", [][]string{
			{"https://a.test/scopes"}, {"https://a", "test/scopes"},
		}},
		{"dots without a path", "a..b", [][]string{{"a..b"}}},
		{"pointer", "/realm_access/roles", [][]string{{"realm_access", "roles"}}},
		{"pointer with an escaped slash", "/a~1b/c", [][]string{{"a/b", "c"}}},
		{"pointer with an escaped tilde, decoded last", "/a~01", [][]string{{"a~1"}}},
		{"pointer with dots", "/a.b", [][]string{{"a.b"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := configFrom(environment("SCOPE_CLAIM", test.value))
			require.NoError(t, err)
			assert.Equal(t, test.want, c.issuer.ScopeClaims)
		})
	}
}

func TestMistakes(t *testing.T) {
	for _, test := range []struct{ name, variable, value, problem string }{
		{"no issuer", "ISSUER_URL", "", "ISSUER_URL: it is required"},
		{"issuer over http", "ISSUER_URL", "http://issuer.example.test", "ISSUER_URL: jwks: invalid Config.Issuer"},
		{"issuer is not a URL", "ISSUER_URL", "issuer", "ISSUER_URL: jwks: invalid Config.Issuer"},
		{"no audience", "AUDIENCE", "", "AUDIENCE: it is required"},
		{"address without a port", "ADDR", "localhost", "ADDR: address localhost: missing port"},
		{"metrics without a port", "METRICS_ADDR", "localhost", "METRICS_ADDR: address localhost: missing port"},
		{"unknown profile", "TOKEN_PROFILE", "strict", `TOKEN_PROFILE: "strict" is neither generic nor rfc9068`},
		{"pointer with an empty name", "SCOPE_CLAIM", "/a//b", "SCOPE_CLAIM: "},
		{"pointer with a bare tilde", "SCOPE_CLAIM", "/a~2", "SCOPE_CLAIM: "},
		{"pointer that ends with a tilde", "SCOPE_CLAIM", "/a~", "SCOPE_CLAIM: "},
		{"duration without a unit", "JWKS_REFRESH", "15", "JWKS_REFRESH: "},
		{"zero duration", "JWKS_REFRESH", "0s", "JWKS_REFRESH: "},
		{"negative duration", "JWKS_REFRESH", "-1m", "JWKS_REFRESH: "},
		{"origin that is no URL", "DPOP", "true", "DPOP: dpop: invalid Config.Origins"},
		{"origin over http", "DPOP", "https://a.example,http://b.example", "DPOP: dpop: invalid Config.Origins"},
		{"nonces without DPoP", "DPOP_NONCE_SECRET", "x", "DPOP_NONCE_SECRET: it has no effect without DPOP"},
		{"store over http", "REDIS_URL", "http://127.0.0.1/0", "REDIS_URL: it is not of the form"},
		{"lifetime without a unit", "MAX_LIFETIME", "3600", "MAX_LIFETIME: "},
		{"lifetime under a second", "MAX_LIFETIME", "0s", "MAX_LIFETIME: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := configFrom(environment(test.variable, test.value))
			assert.ErrorContains(t, err, test.problem)
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := configFrom(environment(
		"ISSUER_URL", "", "AUDIENCE", "", "ADDR", "x", "TOKEN_PROFILE", "x", "SCOPE_CLAIM", "/", "JWKS_REFRESH", "x", "DPOP", "x",
		"METRICS_ADDR", "x", "DPOP_NONCE_SECRET", "x", "REDIS_URL", "http://user:password@x",
	))
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 10)
	assert.NotContains(t, err.Error(), "password")
}
