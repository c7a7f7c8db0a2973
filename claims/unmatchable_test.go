package claims_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// A mistake that New lets pass refuses every token, and nothing says why.
func TestE1ValuesThatNoTokenMatchesAreMistakes(t *testing.T) {
	for _, tt := range []struct {
		rule string
		edit func(*claims.Issuer)
		want string
	}{
		{"discovery document", withURL("https://x.test/.well-known/openid-configuration"), `URL is the address of a document: write the issuer that it names, such as "https://x.test" or "https://x.test/"`},
		{"discovery document of a path", withURL("https://x.test/realms/a/.well-known/openid-configuration"), `such as "https://x.test/realms/a" or "https://x.test/realms/a/"`},
		{"RFC 8414 metadata", withURL("https://x.test/.well-known/oauth-authorization-server"), `such as "https://x.test" or "https://x.test/"`},
		{"RFC 8414 metadata of a path", withURL("https://x.test/.well-known/oauth-authorization-server/a/b"), `such as "https://x.test/a/b"`},
		{"key set", withURL("https://x.test/.well-known/jwks.json"), `URL is the address of a document`},
		{"space at the end", withURL("https://x.test/ "), `URL has white space around it: write "https://x.test/"`},
		{"space before", withURL(" https://x.test/"), `URL has white space around it: write "https://x.test/"`},
		{"line break", withURL("https://x.test/\n"), `URL has white space around it: write "https://x.test/"`},
		{"space within", withURL("https://x .test/"), `URL has a query, a fragment or a space`},
		{"invalid UTF-8", withURL("https://x.test/\xff"), `URL has a character that cannot be printed`},
		{"zero width space", withURL("https://x.test/\u200b"), `URL has a character that cannot be printed`},
		{"query", withURL("https://x.test/?a=b"), `URL has a query, a fragment or a space, which no issuer has (RFC 8414 section 2)`},
		{"fragment", withURL("https://x.test/#"), `URL has a query, a fragment or a space`},
		{"template of Entra", withURL("https://login.microsoftonline.com/{tenantid}/v2.0"), `URL has a placeholder: replace it by its value`},
		{"template", withURL("https://<tenant>.auth0.com/"), `URL has a placeholder`},
		{"alias of Entra", withURL("https://login.microsoftonline.com/common/v2.0"), `URL has the alias "common": write the ID of the tenant, as its tokens do`},
		{"another alias of Entra", withURL("https://login.microsoftonline.com/organizations/v2.0"), `URL has the alias "organizations"`},

		{"argument of a constructor", func(i *claims.Issuer) { i.Err = errors.New("the realm must be a name") }, `claims: invalid Issuer "https://x.test/": the realm must be a name`},
		{"audiences with a comma", withAudiences("https://a.test,https://b.test"), `Audiences has "https://a.test,https://b.test": write one element for each value, without a comma`},
		{"audiences with a space", withAudiences("https://a.test https://b.test"), `Audiences has "https://a.test https://b.test": write it without white space`},
		{"audience with a space at the end", withAudiences("https://a.test "), `Audiences has "https://a.test ": write it without white space`},
		{"audience with a line break", withAudiences("https://a.test\n"), `Audiences has "https://a.test\n": write it without white space`},
		{"audience with a byte order mark", withAudiences("\ufeffhttps://a.test"), `characters that cannot be printed`},
		{"audience that is a template", withAudiences("api://{client-id}"), `Audiences has "api://{client-id}": replace the placeholder by its value`},
		{"audience twice", withAudiences("https://a.test", "https://b.test", "https://a.test"), `Audiences has the duplicate "https://a.test"`},
		{"claims with a comma", func(i *claims.Issuer) { i.RequiredClaims = []string{"sub,jti"} }, `RequiredClaims has "sub,jti"`},
		{"types with a comma", func(i *claims.Issuer) { i.TokenTypes = []string{"JWT,at+jwt"} }, `TokenTypes has "jwt,at+jwt"`},
		{"clients with a comma", withClients("a,b"), `WithoutAudience.ClientIDs has "a,b": write one element`},
		{"clients with a line break", withClients("a\n"), `WithoutAudience.ClientIDs has "a\n"`},
		{"client twice", withClients("a", "a"), `WithoutAudience.ClientIDs has the duplicate "a"`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			issuer := claims.Issuer{URL: "https://x.test/", Audiences: []string{"https://api.test"}, Keys: emptySet{}}
			tt.edit(&issuer)
			_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
			assert.ErrorContains(t, err, tt.want)
		})
	}
}

func withURL(s string) func(*claims.Issuer) { return func(i *claims.Issuer) { i.URL = s } }

func withAudiences(s ...string) func(*claims.Issuer) {
	return func(i *claims.Issuer) { i.Audiences = s }
}

func withClients(s ...string) func(*claims.Issuer) {
	return func(i *claims.Issuer) { i.WithoutAudience = &claims.WithoutAudience{ClientIDs: s} }
}

// What an issuer may be called is not only what an address may look like.
func TestE1UnusualIssuersAreAccepted(t *testing.T) {
	for _, issuer := range []claims.Issuer{
		{URL: "accounts.google.com", Audiences: []string{"1-a.apps.googleusercontent.com"}},
		{URL: "urn:example:issuer?a=b", Audiences: []string{"urn:api"}},
		{URL: "My Issuer", Audiences: []string{"spiffe://example.org/api"}},
		{URL: "https://kubernetes.default.svc", Audiences: []string{"https://kubernetes.default.svc"}},
		{URL: "https://x.test/well-known", Audiences: []string{"api://guid/.default"}},
		{URL: "https://login.microsoftonline.com/common-tenant/v2.0", Audiences: []string{"a", "A", "a/"}},
		claims.Issuer{URL: "https://x.test", Audiences: []string{"a"}, RequiredClaims: []string{"sub", "https://x.test/org"}}.RFC9068(),
	} {
		issuer.Keys = emptySet{}
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
		assert.NoError(t, err)
	}
}

// This package makes no request, so a JWKSURL is only for package middleware.
func TestJWKSURLIsNoKeySet(t *testing.T) {
	issuer := claims.Issuer{URL: "https://x.test/", Audiences: []string{"a"}, JWKSURL: "https://x.test/keys"}
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	require.ErrorContains(t, err, "Keys is nil: only package middleware fetches them from JWKSURL")
	issuer.Keys = emptySet{}
	_, err = claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	require.ErrorContains(t, err, "JWKSURL would have no effect, because Keys is set")
}

type emptySet struct{}

func (emptySet) Keys(context.Context, string, string) ([]claims.Key, error) {
	return nil, claims.ErrUnknownKey
}
