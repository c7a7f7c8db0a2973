package claims

import (
	"regexp"
	"strings"
)

// The constructors below return what an identity provider's documentation says of its
// access tokens, as plain Issuer values to print, change and compare. They set no Keys:
// package middleware finds them by discovery. A mistake in an argument is reported by
// NewVerifier.

// Auth0 returns the policy for an API of an Auth0 tenant. domain is the tenant's or a
// custom domain, without a scheme; audience is the API's identifier.
//
// The issuer ends in a slash. Scopes are in scope; with RBAC the user's permissions are
// in permissions as well, for [Claims.Strings]. ID tokens have the client as audience.
// For an API whose token dialect is RFC 9068, add [Issuer.RFC9068].
//
//	{"iss":"https://t.eu.auth0.com/","sub":"ID@clients","aud":"https://api.example/","azp":"ID",
//	 "scope":"read:x","gty":"client-credentials","iat":1,"exp":2}
func Auth0(domain, audience string) Issuer {
	return Issuer{
		URL:       "https://" + domain + "/",
		Audiences: []string{audience},
		mistake:   hostMistake(domain),
	}
}

// Okta returns the policy for a custom authorization server of Okta. domain is the
// organisation's, without a scheme; server is "default" or the server's id; audience is
// the one configured for it, by default "api://default".
//
// Scopes are the array scp. Tokens of the organisation's own server (without a server
// id) are opaque by Okta's contract and cannot be verified. ID tokens have the client as
// audience.
//
//	{"ver":1,"jti":"AT.x","iss":"https://d.okta.com/oauth2/default","aud":"api://default",
//	 "cid":"0oa","uid":"00u","scp":["read:x"],"sub":"a@example.com","iat":1,"exp":2}
func Okta(domain, server, audience string) Issuer {
	mistake := hostMistake(domain)
	if server == "" || strings.ContainsAny(server, "/?#") {
		mistake = "the authorization server is default or an id"
	}
	return Issuer{
		URL:       "https://" + domain + "/oauth2/" + server,
		Audiences: []string{audience},
		mistake:   mistake,
	}
}

// Keycloak returns the policy for a realm. baseURL is the server's public URL, with the
// path prefix if there is one (/auth in old versions); audience is what an audience
// mapper puts into aud.
//
// The claim typ tells access tokens (Bearer) from ID and refresh tokens. Roles are at
// realm_access.roles and resource_access.CLIENT.roles, for [Claims.Strings].
//
//	{"iss":"https://h/realms/demo","aud":"timesheets","sub":"f:1","typ":"Bearer","azp":"app",
//	 "realm_access":{"roles":["editor"]},"scope":"read:x","jti":"a","iat":1,"exp":2}
func Keycloak(baseURL, realm, audience string) Issuer {
	mistake := ""
	if realm == "" || strings.ContainsAny(realm, "/?#") {
		mistake = "the realm is a name"
	}
	return Issuer{
		URL:         strings.TrimSuffix(baseURL, "/") + "/realms/" + realm,
		Audiences:   []string{audience},
		ClaimValues: map[string]string{"typ": "Bearer"},
		mistake:     mistake,
	}
}

// Cognito returns the policy for a user pool. Its access tokens have no aud, so they are
// accepted from the listed app clients, at least one. With resource binding they have
// one: set Audiences then.
//
// The claim token_use tells access tokens from ID tokens. Groups are at cognito:groups,
// for [Claims.Strings].
//
//	{"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x","client_id":"abc",
//	 "token_use":"access","scope":"timesheets/read","cognito:groups":["g"],"sub":"aaaa","iat":1,"exp":2}
func Cognito(region, userPool string, clientIDs ...string) Issuer {
	mistake := hostMistake(region)
	if userPool == "" || strings.ContainsAny(userPool, "/?#") {
		mistake = "the user pool is an id"
	}
	return Issuer{
		URL:             "https://cognito-idp." + region + ".amazonaws.com/" + userPool,
		WithoutAudience: &WithoutAudience{ClientIDs: clientIDs},
		ClaimValues:     map[string]string{"token_use": "access"},
		mistake:         mistake,
	}
}

// Entra returns the policies for an API registered in Entra ID: one for tokens of
// version 1 and one for version 2 of each tenant, since the registration decides which
// an API gets. clientID is the API's application (client) ID, a GUID; it is the audience
// of version 2, and version 1 has it behind "api://" by default. tenants are directory
// (tenant) IDs, never "common" or another alias: those accept every organisation.
//
// Scopes are in scp; the tokens of applications have none, and their permissions in
// roles count as scopes then. azp, or appid in version 1, is required: ID tokens do not
// have it.
//
//	{"iss":"https://login.microsoftonline.com/TENANT/v2.0","aud":"CLIENTID","azp":"app","scp":"read:x",
//	 "oid":"guid","sub":"HKZp","tid":"TENANT","ver":"2.0","iat":1,"nbf":1,"exp":2}
func Entra(clientID string, tenants ...string) []Issuer {
	var issuers []Issuer
	for _, tenant := range tenants {
		base := Issuer{
			Audiences:   []string{clientID, "api://" + clientID},
			ScopeClaims: [][]string{{"scp"}, {"roles"}},
		}
		if !guid.MatchString(tenant) {
			base.mistake = "the tenant is a GUID, and no alias such as common"
		}
		v2, v1 := base, base
		v2.URL = "https://login.microsoftonline.com/" + tenant + "/v2.0"
		v2.ClaimValues = map[string]string{"tid": tenant, "ver": "2.0"}
		v2.RequiredClaims = []string{"azp"}
		v1.URL = "https://sts.windows.net/" + tenant + "/"
		v1.ClaimValues = map[string]string{"tid": tenant, "ver": "1.0"}
		v1.RequiredClaims = []string{"appid"}
		issuers = append(issuers, v2, v1)
	}
	return issuers
}

var (
	guid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	host = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
)

func hostMistake(name string) string {
	if !host.MatchString(name) {
		return "the domain is a host name, without a scheme and a path"
	}
	return ""
}
