package tenants_test

import (
	"context"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/jwks"
)

// looksUp reports whether a Resolver with these patterns looks an iss up.
func looksUp(t testing.TB, iss string, patterns ...string) bool {
	t.Helper()
	asked := false
	r, err := tenants.New(tenants.Config{
		Patterns: patterns,
		Keys:     jwks.Config{InsecureHTTPHosts: []string{"keycloak"}},
		Lookup: func(context.Context, string) (claims.Issuer, bool, error) {
			asked = true
			return claims.Issuer{}, false, nil
		},
	})
	require.NoError(t, err)
	_, err = r.Resolve(context.Background(), iss)
	require.ErrorIs(t, err, claims.ErrIssuer)
	return asked
}

func TestPatterns(t *testing.T) {
	for _, tc := range []struct {
		pattern         string
		matches, others []string
	}{
		{
			"https://login.example.com/realms/*",
			[]string{"https://login.example.com/realms/a", "https://login.example.com/realms/A-b_c~1.0"},
			[]string{
				"https://login.example.com/realms/", "https://login.example.com/realms", "https://login.example.com/realms/a/",
				"https://login.example.com/realms/a/b", "https://login.example.com/realms/..", "https://login.example.com/realms/.",
				"https://login.example.com/realms/a%2Fb", "https://login.example.com/realms/a?b", "https://login.example.com/realms/a#b",
				"http://login.example.com/realms/a", "https://LOGIN.example.com/realms/a", "https://login.example.com:443/realms/a",
				"https://evil.example/realms/a", "https://login.example.com.evil.example/realms/a", "https://x@login.example.com/realms/a",
				"https://login.example.com/other/a", " https://login.example.com/realms/a", "https://login.example.com/realms/a b",
				"https://login.example.com/realms/é", "https://login.example.com/realms/a..b", "https://login.example.com/realms/a\x00",
				"https://login.example.com/realms/" + strings.Repeat("a", 500), "login.example.com/realms/a", "",
			},
		},
		{
			"https://*.eu.auth0.com/",
			[]string{"https://a.eu.auth0.com/", "https://a-1.eu.auth0.com/"},
			[]string{
				"https://.eu.auth0.com/", "https://eu.auth0.com/", "https://a.b.eu.auth0.com/", "https://a.eu.auth0.com",
				"https://a.us.auth0.com/", "https://a.eu.auth0.com.evil.example/", "https://evil.example/.eu.auth0.com/",
				"https://A.eu.auth0.com/", "https://a:1@b.eu.auth0.com/", "https://-a.eu.auth0.com/", "https://a_b.eu.auth0.com/",
				"https://" + strings.Repeat("a", 64) + ".eu.auth0.com/",
			},
		},
		{
			"https://*/",
			[]string{"https://id.customer.example/", "https://a.b/"},
			[]string{
				"https://localhost/", "https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://10.1/", "https://a.b:8443/",
				"https://a.b/x", "https://a.b", "https://a..b/", "https://.a.b/", "https://a.b./", "https://a.127/", "https://127.0.0.0x1/",
			},
		},
		{"https://*.okta.com/oauth2/*", []string{"https://acme.okta.com/oauth2/default"}, []string{"https://acme.okta.com/oauth2/"}},
		{"https://login.example.com", []string{"https://login.example.com"}, []string{"https://login.example.com/"}},
		{"http://keycloak:8080/realms/*", []string{"http://keycloak:8080/realms/a"}, []string{"https://keycloak:8080/realms/a"}},
	} {
		for _, iss := range tc.matches {
			assert.True(t, looksUp(t, iss, "https://first.example/", tc.pattern), "%s: %q", tc.pattern, iss)
		}
		for _, iss := range tc.others {
			assert.False(t, looksUp(t, iss, tc.pattern), "%s: %q", tc.pattern, iss)
		}
	}
}

func TestPatternMistakes(t *testing.T) {
	for pattern, problem := range map[string]string{
		"":                               "must begin with https://",
		"login.example.com/*":            "must begin with https://",
		"ftp://login.example.com/*":      "must begin with https://",
		"http://login.example.com/*":     "https is required",
		"http://*/":                      "https is required",
		"https://*:8443/":                "a host with a star has no port",
		"https://*.example.com:443/":     "a host with a star has no port",
		"https://login.example.com:abc/": "the port must be a number",
		"https://*.com/":                 "two labels after the star",
		"https://*.*.example.com/":       "two labels after the star",
		"https://a.*.example.com/":       "must be a name",
		"https://*login.example.com/":    "must be a name",
		"https://Login.example.com/":     "must be a name in lower case",
		"https:///realms/*":              "must be a name",
		"https://login.example.com/a*":   "whole segment",
		"https://login.example.com/**":   "whole segment",
		"https://login.example.com/*?a":  "neither a query",
		"https://a@login.example.com/*":  "neither a query",
		"https://login.example.com/a b/": "nor white space",
	} {
		_, err := tenants.New(tenants.Config{Patterns: []string{pattern}})
		assert.ErrorContains(t, err, problem, pattern)
	}
}

// FuzzPatterns holds what the widest patterns match to a parser of URLs: one https URL with a
// host of the pattern, and nothing that can be read in another way.
func FuzzPatterns(f *testing.F) {
	for _, seed := range []string{
		"https://a.b/", "https://acme.eu.auth0.com/x", "https://a.b/%2e", "https://a.b/../x", "https://a.b:1/", "https://u@a.b/", "https://[::1]/x",
		"https://0x7f.1/", "https://a.b//x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, iss string) {
		if !looksUp(t, iss, "https://*/", "https://*/*", "https://*.example.com/a/*") {
			return
		}
		u, err := url.Parse(iss)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme)
		require.Equal(t, iss, "https://"+u.Hostname()+u.Path, "nothing else is in it")
		require.Contains(t, u.Hostname(), ".")
		_, err = netip.ParseAddr(u.Hostname())
		require.Error(t, err, "no IP address")
		require.Equal(t, u.Path, u.JoinPath().Path, "no dot segments")
	})
}
