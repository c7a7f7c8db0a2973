package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A mistake that New lets pass refuses every token, and nothing says why. The rest of the table
// is in package claims.
func TestE1SettingsThatRefuseEveryTokenAreMistakes(t *testing.T) {
	document, err := jwks.New(jwks.Config{Issuer: issuerURL})
	require.NoError(t, err)
	static, err := jwks.NewStatic(jwkstest.NewIssuer(jwkstest.Config{}).Document())
	require.NoError(t, err)
	secrets, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: []byte("Yq3t6w9z$C&F)J@NcRfUjXn2r5u8x!A%")})
	require.NoError(t, err)
	single := func(issuer, audience, jwksURL string) middleware.Config {
		return middleware.Config{Issuer: issuer, Audiences: []string{audience}, JWKSURL: jwksURL}
	}
	with := func(keys claims.KeySet, algorithms ...string) middleware.Config {
		return middleware.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Keys: keys, Algorithms: algorithms}}}
	}
	for _, tt := range []struct {
		rule   string
		config middleware.Config
		want   string
	}{
		{"discovery document as the issuer", single("https://x.test/.well-known/openid-configuration", api, ""), `write the issuer that it names, such as "https://x.test" or "https://x.test/"`},
		{"RFC 8414 metadata as the issuer", single("https://x.test/.well-known/oauth-authorization-server/a", api, ""), `write the issuer that it names, such as "https://x.test/a"`},
		{"white space behind the issuer", single("https://x.test/ ", api, ""), `URL has white space around it: write "https://x.test/"`},
		{"query of the issuer", single("https://x.test/?a", api, ""), "URL has a query, a fragment or a space"},
		{"query of the issuer, with a JWKSURL", single("https://x.test/?a", api, "https://x.test/keys"), "URL has a query, a fragment or a space"},
		{"fragment of the issuer", single("https://x.test/#a", api, "https://x.test/keys"), "URL has a query, a fragment or a space"},
		{"alias of Entra", single("https://login.microsoftonline.com/common/v2.0", api, ""), `URL has the alias "common"`},
		{"audiences in one", single(issuerURL, "https://a.test,https://b.test", ""), "write one element for each value"},
		{"line break in an audience", single(issuerURL, "https://a.test\n", ""), "write it without white space"},
		{"discovery document as the keys", single(issuerURL, api, "https://x.test/.well-known/openid-configuration"), `middleware: invalid Config.JWKSURL "https://x.test/.well-known/openid-configuration": it is the address of a discovery document; leave it empty, or write the jwks_uri that the document has`},
		{"RFC 8414 metadata as the keys of an issuer", middleware.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, JWKSURL: "https://x.test/.well-known/oauth-authorization-server"}}}, `middleware: invalid Config.Issuers[0].JWKSURL "https://x.test/.well-known/oauth-authorization-server": it is the address of a discovery document`},
		{"realm in Keycloak's base URL", middleware.Config{Issuers: []claims.Issuer{providers.Keycloak("https://x.test/realms/a", "a", "api")}}, "the base URL must end before /realms"},
		{"scheme in Auth0's domain", middleware.Config{Issuers: []claims.Issuer{providers.Auth0("https://t.auth0.com", "api")}}, "without a scheme"},
		{"secrets without HMAC", with(secrets), "middleware: invalid Config.Issuers[0].Algorithms []: Keys is a jwks.Secrets; list the Algorithm of its secrets, such as HS256"},
		{"secrets with RSA", with(secrets, "RS256"), `middleware: invalid Config.Issuers[0].Algorithms ["RS256"]: Keys is a jwks.Secrets`},
		{"HMAC with a cache", with(document, "HS256"), `middleware: invalid Config.Issuers[0].Algorithms "HS256": a *jwks.Cache never has an HMAC secret; set Keys to jwks.NewSecrets`},
		{"HMAC with static keys", with(static, "HS256"), `middleware: invalid Config.Issuers[0].Algorithms "HS256": a *jwks.Static never has an HMAC secret`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth, err := middleware.New(tt.config)
			assert.Nil(t, auth)
			assert.ErrorContains(t, err, tt.want)
		})
	}
	_, err = middleware.New(with(secrets, "HS256"))
	assert.NoError(t, err)
}

// A constructor's mistake does not hide other mistakes, and is no reason for reports of more.
func TestMistakeOfAConstructorIsReportedWithAllOthers(t *testing.T) {
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		t.Errorf("New has fetched %s", r.URL)
		return nil, errors.New("no network")
	})}
	fetched := providers.Keycloak("https://a.test", "", "api")
	given := providers.Keycloak("https://b.test/realms/b", "b", "api")
	given.Keys = noKeys{}
	_, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{fetched, given}, Client: client, Realm: "\n"})
	require.EqualError(t, err, `middleware: invalid Config.Realm "\n": it must be printable ASCII
claims: invalid Issuer "https://a.test/realms/": the realm must be a name
claims: invalid Issuer "https://b.test/realms/b/realms/b": the base URL must end before /realms`)
}

type noKeys struct{}

func (noKeys) Keys(context.Context, string, string) ([]claims.Key, error) {
	return nil, claims.ErrUnknownKey
}

// A mistake is logged, and shown on status pages.
func TestA17MistakesDoNotPrintPasswords(t *testing.T) {
	const secret = "https://user:hunter2@issuer.example.test/"
	ours := []claims.Issuer{{URL: issuerURL, Audiences: []string{api}}}
	auth, err := middleware.New(middleware.Config{Issuers: ours})
	require.NoError(t, err)
	replace := func(issuers ...claims.Issuer) error { return auth.Replace(issuers) }
	create := func(c middleware.Config) error {
		_, err := middleware.New(c)
		return err
	}
	for rule, err := range map[string]error{
		"Issuer":               create(middleware.Config{Issuer: secret, Audiences: []string{api}}),
		"JWKSURL":              create(middleware.Config{Issuer: issuerURL, JWKSURL: secret, Audiences: []string{api}}),
		"JWKSURL with Issuers": create(middleware.Config{Issuers: ours, JWKSURL: secret}),
		"Issuers":              create(middleware.Config{Issuers: []claims.Issuer{{URL: secret}}}),
		"AuthorizationServers": create(middleware.Config{Issuers: ours, Resource: api, AuthorizationServers: []string{secret, secret}}),
		"Replace":              replace(claims.Issuer{URL: secret, JWKSURL: secret}),
		"Replace, twice":       replace(claims.Issuer{URL: secret, Keys: keySet{}, Audiences: []string{api}}, claims.Issuer{URL: secret, Keys: keySet{}, Audiences: []string{api}}),
	} {
		require.Error(t, err, rule)
		assert.NotContains(t, err.Error(), "hunter2", rule)
		assert.Contains(t, err.Error(), "REDACTED@issuer.example.test", rule)
	}
}
