package providers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// A nearMiss replaces one part of a sample.
type nearMiss struct {
	from, to string
	want     claims.Reason
}

// The payloads in testdata have the members of the vendors' samples, whose addresses
// and dates are beside each constructor. Identifiers are redacted or shortened.
var samples = []struct {
	file    string
	issuers []claims.Issuer
	misses  []nearMiss
}{
	{"auth0.json", []claims.Issuer{providers.Auth0("my-domain.auth0.com", "https://api.example/")}, []nearMiss{
		{`auth0.com/","sub"`, `auth0.com","sub"`, claims.ErrIssuer},
		{`"https://api.example/"`, `"https://api.example"`, claims.ErrAudience},
		{`"scope":`, `"nonce":"n","groups":`, claims.ErrType},
	}},
	{"auth0-rfc9068.json", []claims.Issuer{providers.Auth0("my-domain.auth0.com", "https://api.example/").RFC9068()}, []nearMiss{
		{`"jti"`, `"x"`, claims.ErrMissingClaim},
		{`"client_id"`, `"azp"`, claims.ErrMissingClaim},
	}},
	{"okta.json", []claims.Issuer{providers.Okta("d.okta.com", "default", "api://default")}, []nearMiss{
		{`/oauth2/default`, ``, claims.ErrIssuer},
		{`"api://default"`, `"https://d.okta.com"`, claims.ErrAudience},
		{`"scp":`, `"at_hash":"h","scp":`, claims.ErrType},
	}},
	{"keycloak.json", []claims.Issuer{providers.Keycloak("https://h", "demo", "timesheets")}, []nearMiss{
		{`"Bearer"`, `"ID"`, claims.ErrMissingClaim},
		{`"Bearer"`, `"Refresh"`, claims.ErrMissingClaim},
		{`"Bearer"`, `"dpop"`, claims.ErrMissingClaim},
		{`"Bearer"`, `["Bearer"]`, claims.ErrMissingClaim},
		{`"typ":"Bearer"`, `"x":1`, claims.ErrMissingClaim},
		{`"timesheets",`, ``, claims.ErrAudience},
		{`/realms/demo`, `/realms/master`, claims.ErrIssuer},
	}},
	{"keycloak-dpop.json", []claims.Issuer{providers.Keycloak("https://h", "demo", "timesheets")}, []nearMiss{
		{`"DPoP"`, `"ID"`, claims.ErrMissingClaim},
		{`"jkt"`, `"x5t#S256"`, claims.ErrConfirmation},
	}},
	{"cognito.json", []claims.Issuer{providers.Cognito("eu-west-1", "eu-west-1_x", "abc")}, []nearMiss{
		{`"access"`, `"id"`, claims.ErrMissingClaim},
		{`"abc"`, `"evil"`, claims.ErrAudience},
		{`https://cognito-idp`, `https://issuer-cognito-idp`, claims.ErrIssuer},
	}},
	{"cognito-updated.json", []claims.Issuer{providers.CognitoUpdated("eu-west-1", "eu-west-1_x", "abc")}, []nearMiss{
		{`"access"`, `"id"`, claims.ErrMissingClaim},
		{`"abc"`, `"evil"`, claims.ErrAudience},
		{`https://issuer-cognito-idp`, `https://cognito-idp`, claims.ErrIssuer},
		{`https://issuer-cognito-idp`, `https://issuer.cognito-idp`, claims.ErrIssuer},
		{`eu-west-1_x"`, `eu-west-1_y"`, claims.ErrIssuer},
	}},
	{"entra-v2-user.json", providers.Entra(entraClient, tenant), []nearMiss{
		{`"scp"`, `"x"`, claims.ErrMissingClaim},
		{`"azp"`, `"appid"`, claims.ErrMissingClaim},
		{`"2.0"`, `"1.0"`, claims.ErrMissingClaim},
		{`"tid":"1`, `"tid":"2`, claims.ErrMissingClaim},
		{`"aud":"6`, `"aud":"api://7`, claims.ErrAudience},
		{`login.microsoftonline.com`, tenant + `.ciamlogin.com`, claims.ErrIssuer},
	}},
	{"entra-v2-application.json", providers.Entra(entraClient, tenant), []nearMiss{
		{`"roles"`, `"groups"`, claims.ErrMissingClaim},
		{`["read:x"]`, `[]`, claims.ErrMissingClaim},
		{`["read:x"]`, `null`, claims.ErrMissingClaim},
		{`["read:x"]`, `""`, claims.ErrMissingClaim},
	}},
	{"entra-v1-user.json", providers.Entra(entraClient, tenant), []nearMiss{
		{`"scp"`, `"x"`, claims.ErrMissingClaim},
		{`"appid"`, `"azp"`, claims.ErrMissingClaim},
		{`555/","iat"`, `555","iat"`, claims.ErrIssuer},
	}},
	{"entra-external.json", providers.Entra(entraClient, tenant+".ciamlogin.com"), []nearMiss{
		{`"scp"`, `"x"`, claims.ErrMissingClaim},
		{`"azp"`, `"appid"`, claims.ErrMissingClaim},
		{tenant + `.ciamlogin.com`, `login.microsoftonline.com`, claims.ErrIssuer},
		{tenant + `.ciamlogin.com`, `contoso.ciamlogin.com`, claims.ErrIssuer},
		{`/v2.0`, `/`, claims.ErrIssuer},
	}},
}

func TestFSamplesOfProviders(t *testing.T) {
	for _, sample := range samples {
		t.Run(sample.file, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", sample.file))
			require.NoError(t, err)
			header := goodHeader
			if strings.Contains(sample.file, "rfc9068") {
				header = `{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}`
			}
			v := newVerifier(t, sample.issuers...)
			c, err := v.Verify(t.Context(), sign(header, string(text)), thumbprint{})
			require.NoError(t, err)
			assert.True(t, c.HasScope("read:x"))
			assert.NotEmpty(t, c.ClientID())
			assert.NotEmpty(t, c.Subject())
			for _, miss := range sample.misses {
				changed := strings.Replace(string(text), miss.from, miss.to, 1)
				require.NotEqual(t, string(text), changed, miss.from)
				_, err := v.Verify(t.Context(), sign(header, changed), thumbprint{})
				requireReason(t, miss.want, err)
			}
		})
	}
}

// A token of Keycloak whose typ is DPoP is not a bearer token.
func TestFKeycloakDPoPNeedsItsProof(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "keycloak-dpop.json"))
	require.NoError(t, err)
	issuer := providers.Keycloak("https://h", "demo", "timesheets")
	_, err = newVerifier(t, issuer).Verify(t.Context(), sign(goodHeader, string(text)))
	requireReason(t, claims.ErrConfirmation, err)
}

// Any application of a tenant can get a token for any API of that tenant.
func TestC6EntraApplicationsWithoutPermission(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "entra-v2-application.json"))
	require.NoError(t, err)
	bare := sign(goodHeader, strings.Replace(string(text), `"roles":["read:x"],`, "", 1))
	var strict, listed, other []claims.Issuer
	for _, issuer := range providers.Entra(entraClient, tenant) {
		strict = append(strict, issuer)
		issuer.RequiredAny = nil
		issuer.ClaimOneOf = map[string][]string{"oid": {"99999999-0000-0000-0000-000000000001"}}
		listed = append(listed, issuer)
		issuer.ClaimOneOf = map[string][]string{"oid": {"99999999-0000-0000-0000-000000000002", "x"}}
		other = append(other, issuer)
	}
	_, err = newVerifier(t, strict...).Verify(t.Context(), bare)
	requireReason(t, claims.ErrMissingClaim, err)
	require.ErrorContains(t, err, "scp or roles")
	_, err = newVerifier(t, listed...).Verify(t.Context(), bare)
	require.NoError(t, err)
	_, err = newVerifier(t, other...).Verify(t.Context(), bare)
	requireReason(t, claims.ErrMissingClaim, err)
}

// A stolen token is of use for a known time, whatever the provider's settings become.
func TestLifetimesOfIdentityProvidersAreBounded(t *testing.T) {
	for _, sample := range samples {
		text, err := os.ReadFile(filepath.Join("testdata", sample.file))
		require.NoError(t, err)
		header := goodHeader
		if strings.Contains(sample.file, "rfc9068") {
			header = `{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}`
		}
		v := newVerifier(t, sample.issuers...)
		for _, iat := range []string{`"x":1`, `"iat":1890000000`} { // absent, and 41 days before exp
			_, err := v.Verify(t.Context(), sign(header, replaced(t, string(text), `"iat":1893553400`, iat)), thumbprint{})
			assert.ErrorIs(t, err, claims.ErrMissingClaim, sample.file)
		}
	}
}
