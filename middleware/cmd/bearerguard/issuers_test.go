package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	client = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
)

func TestProviders(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		urls  []string
		first func(*testing.T, claims.Issuer)
	}{
		"any issuer": {
			[]string{"-issuer", "https://i.example", "-audience", "a", "-audience", "b"},
			[]string{"https://i.example"},
			func(t *testing.T, i claims.Issuer) { assert.Equal(t, []string{"a", "b"}, i.Audiences) },
		},
		"Auth0": {
			[]string{"-auth0", "t.eu.auth0.com", "-audience", "a", "-audience", "b"},
			[]string{"https://t.eu.auth0.com/"},
			func(t *testing.T, i claims.Issuer) { assert.Equal(t, []string{"a", "b"}, i.Audiences) },
		},
		"Okta": {
			[]string{"-okta", "d.okta.com/default", "-audience", "a"},
			[]string{"https://d.okta.com/oauth2/default"},
			nil,
		},
		"Entra": {
			[]string{"-entra", tenant, "-audience", client, "-audience", "api://timesheets"},
			[]string{"https://login.microsoftonline.com/" + tenant + "/v2.0", "https://sts.windows.net/" + tenant + "/"},
			func(t *testing.T, i claims.Issuer) {
				assert.Equal(t, []string{client, "api://" + client, "api://timesheets"}, i.Audiences)
			},
		},
		"Keycloak": {
			[]string{"-keycloak", "https://id.example.com/auth/realms/staff", "-audience", "a"},
			[]string{"https://id.example.com/auth/realms/staff"},
			func(t *testing.T, i claims.Issuer) { assert.Contains(t, i.ClaimOneOf, "typ") },
		},
		"Cognito": {
			[]string{"-cognito", "eu-west-1_AbCd", "-client", "c", "-client", "d"},
			[]string{"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCd"},
			func(t *testing.T, i claims.Issuer) { assert.Equal(t, []string{"c", "d"}, i.WithoutAudience.ClientIDs) },
		},
		"Cognito, updated": {
			[]string{"-cognito-updated", "eu-west-1_AbCd", "-client", "c"},
			[]string{"https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCd"},
			nil,
		},
		"further settings": {
			[]string{"-auth0", "d.example", "-audience", "a", "-alg", "RS256", "-typ", "at+jwt", "-leeway", "1m"},
			[]string{"https://d.example/"},
			func(t *testing.T, i claims.Issuer) {
				assert.Equal(t, []string{"RS256"}, i.Algorithms)
				assert.Equal(t, []string{"at+jwt"}, i.TokenTypes)
				assert.Equal(t, time.Minute, i.Leeway)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parse(test.args)
			require.NoError(t, err)
			require.NoError(t, s.mistakes())
			issuers := s.issuers()
			var urls []string
			for _, i := range issuers {
				urls = append(urls, i.URL)
			}
			require.Equal(t, test.urls, urls)
			if test.first != nil {
				test.first(t, issuers[0])
			}
			_, err = newExplainer(s)
			require.NoError(t, err)
		})
	}
}

// The constructors' own texts say what is wrong with a flag.
func TestMistakesInProviders(t *testing.T) {
	for name, test := range map[string]struct {
		args    []string
		problem string
	}{
		"a scheme":             {[]string{"-auth0", "https://t.auth0.com/", "-audience", "a"}, "the domain must be a host name"},
		"no server":            {[]string{"-okta", "d.okta.com", "-audience", "a"}, "the authorization server must be"},
		"an alias":             {[]string{"-entra", "common", "-audience", client}, "the tenant must be a GUID"},
		"no client ID":         {[]string{"-entra", tenant, "-audience", "api://" + client}, "the client ID must be a GUID"},
		"no realm":             {[]string{"-keycloak", "https://id.example.com", "-audience", "a"}, "the realm must be a name"},
		"more than a realm":    {[]string{"-keycloak", "https://id.example.com/realms/a/b", "-audience", "a"}, "the realm must be a name"},
		"no region":            {[]string{"-cognito", "AbCd", "-client", "c"}, "the region must be a name"},
		"http":                 {[]string{"-issuer", "http://issuer.example/", "-audience", "a"}, "pass it with -jwks FILE"},
		"no algorithm":         {[]string{"-issuer", "https://issuer.example/", "-audience", "a", "-alg", "none"}, `algorithm "none" is not supported`},
		"too much leeway":      {[]string{"-issuer", "https://issuer.example/", "-audience", "a", "-leeway", "1h"}, "Leeway 1h0m0s is not between"},
		"keys that are absent": {[]string{"-issuer", "https://issuer.example/", "-audience", "a", "-jwks", "testdata/none"}, "-jwks: open"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := parse(test.args)
			require.NoError(t, err)
			require.NoError(t, s.mistakes())
			_, err = newExplainer(s)
			require.ErrorContains(t, err, test.problem)
		})
	}
}

func TestKeysThatAreNoKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"issuer":"https://issuer.example/"}`), 0o600))
	s, err := parse([]string{"-issuer", "https://issuer.example/", "-audience", "a", "-jwks", file})
	require.NoError(t, err)
	_, err = newExplainer(s)
	require.ErrorContains(t, err, "jwks: ")
}
