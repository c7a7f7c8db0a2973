package providers

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// Auth0 returns the Issuer for an API of an Auth0 tenant. domain is the tenant's domain or
// a custom domain, without a scheme. audience is the API's identifier.
//
// The URL ends in a slash. Scopes are in scope. With RBAC, the user's permissions are also
// in permissions: read them with [claims.Claims.Strings]. The audience of ID tokens is the
// client. For an API whose token dialect is RFC 9068, add [claims.Issuer.RFC9068]. MaxLifetime
// is the longest that Auth0 allows, 30 days: set it to that of the API.
//
//	{"iss":"https://t.eu.auth0.com/","sub":"ID@clients","aud":"https://api.example/","azp":"ID",
//	 "scope":"read:x","gty":"client-credentials","iat":1,"exp":2}
//
// Source: https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles
// (2026-11-28).
func Auth0(domain, audience string) claims.Issuer {
	l := newLimits()
	l.checkHost(domain)
	own := "https://" + domain + "/"
	l.check(audience == own+"userinfo" || audience == own+"api/v2/",
		"the audience must be the API's own, not one of Auth0's, which tokens for every API can have")
	return claims.Issuer{URL: own, Audiences: []string{audience}, MaxLifetime: 30*aDay + margin, Err: l.err()}
}

// Okta returns the Issuer for a custom authorization server of Okta. domain is the
// organisation's domain, without a scheme. server is "default" or the server's id. audience
// is the server's configured audience, by default "api://default".
//
// Scopes are in the array scp. Tokens of the organisation's own authorization server, which
// has no server id, are opaque by Okta's contract and cannot be verified. The audience of
// ID tokens is the client. MaxLifetime is the longest that Okta allows, a day.
//
//	{"ver":1,"jti":"AT.x","iss":"https://d.okta.com/oauth2/default","aud":"api://default",
//	 "cid":"0oa","uid":"00u","scp":["read:x"],"sub":"a@example.com","iat":1,"exp":2}
//
// Source: https://developer.okta.com/docs/reference/api/oidc/, access token payload
// (2026-11-28).
func Okta(domain, server, audience string) claims.Issuer {
	l := newLimits()
	l.checkHost(domain)
	l.check(!oktaServer.MatchString(server), `the authorization server must be "default" or an id`)
	return claims.Issuer{
		URL:         "https://" + domain + "/oauth2/" + server,
		Audiences:   []string{audience},
		MaxLifetime: aDay + margin,
		Err:         l.err(),
	}
}

// Keycloak returns the Issuer for a realm. baseURL is the server's public URL, including a
// path prefix (/auth in old versions). audience is the value that an audience mapper puts
// into aud.
//
// The claim typ distinguishes access tokens from ID and refresh tokens. It is Bearer, or DPoP
// for a token that is bound to a key (RFC 9449). Roles are at realm_access.roles and
// resource_access.CLIENT.roles: read them with [claims.Claims.Strings].
//
// Tokens live for 5 minutes by default. MaxLifetime is a day: raise it if the realm's, or a
// client's, live longer.
//
//	{"iss":"https://h/realms/demo","aud":"timesheets","sub":"f:1","typ":"Bearer","azp":"app",
//	 "realm_access":{"roles":["editor"]},"scope":"read:x","jti":"a","iat":1,"exp":2}
//
// Sources: https://www.keycloak.org/securing-apps/dpop and, for typ,
// https://github.com/keycloak/keycloak/issues/21919 (2026-11-28).
func Keycloak(baseURL, realm, audience string) claims.Issuer {
	l := newLimits()
	l.check(!keycloakRealm.MatchString(realm), "the realm must be a name")
	l.check(!webURL.MatchString(baseURL), "the base URL must be a URL such as https://sso.example.com")
	l.check(strings.Contains(baseURL+"/", "/realms/"), "the base URL must end before /realms")
	l.check(audience == "account", "the audience must be the API's own: the tokens of most clients have account, too")
	return claims.Issuer{
		URL:         strings.TrimSuffix(baseURL, "/") + "/realms/" + realm,
		Audiences:   []string{audience},
		ClaimOneOf:  map[string][]string{"typ": {"Bearer", "DPoP"}},
		MaxLifetime: aDay + margin,
		Err:         l.err(),
	}
}

// Cognito returns the Issuer for a user pool whose issuer type is ORIGINAL, which is the
// default. See [CognitoUpdated] for the type UPDATED.
//
// Access tokens have no aud, so they are accepted only from the listed app clients, at least
// one. With resource binding they have an aud: set Audiences then. The claim token_use
// distinguishes access tokens from ID tokens. Groups are at cognito:groups: read them with
// [claims.Claims.Strings]. MaxLifetime is the longest that AWS allows, a day.
//
//	{"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x","client_id":"abc",
//	 "token_use":"access","scope":"timesheets/read","cognito:groups":["g"],"sub":"aaaa","iat":1,"exp":2}
//
// Source: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
// (2026-11-28).
func Cognito(region, userPool string, clientIDs ...string) claims.Issuer {
	return cognito("cognito-idp.", region, userPool, clientIDs)
}

// CognitoUpdated is like [Cognito], for a user pool whose issuer type is UPDATED. AWS recommends
// it for all pools, and multi-Region replication needs it. region is the pool's primary Region.
//
// A pool has one type at a time. While it changes, configure both Issuers: tokens of the old
// type remain valid until they expire.
//
//	{"iss":"https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", …}
//
// Source: https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_IssuerConfigurationType.html
// (2026-11-28).
func CognitoUpdated(region, userPool string, clientIDs ...string) claims.Issuer {
	return cognito("issuer-cognito-idp.", region, userPool, clientIDs)
}

func cognito(service, region, userPool string, clientIDs []string) claims.Issuer {
	l := newLimits()
	knownRegion := awsRegion.MatchString(region)
	l.check(!knownRegion, "the region must be a name such as eu-west-1")
	l.check(!cognitoPool.MatchString(userPool) || knownRegion && !strings.HasPrefix(userPool, region+"_"),
		"the user pool must be an id, which begins with the region, such as eu-west-1_AbCdEfGhI")
	for _, client := range clientIDs {
		l.check(client != "" && !cognitoClient.MatchString(client), "a client must be the id of an app client, of letters and digits")
	}
	return claims.Issuer{
		URL:             "https://" + service + region + ".amazonaws.com/" + userPool,
		WithoutAudience: &claims.WithoutAudience{ClientIDs: slices.Clone(clientIDs)},
		ClaimValues:     map[string]string{"token_use": "access"},
		MaxLifetime:     aDay + margin,
		Err:             l.err(),
	}
}

// Entra returns the Issuers for an API registered in Entra ID, two for each tenant. One is
// for tokens of version 1, the other for version 2: the registration decides which version
// an API gets. clientID is the API's application (client) ID, a GUID in lower case. It is the
// audience in version 2; version 1 puts "api://" in front of it by default. If the registration
// has another Application ID URI, append it to Audiences. tenants are directory (tenant) IDs,
// never "common" or another alias, which would accept every organisation.
//
// An external tenant (Entra External ID) is written with its domain, TENANTID.ciamlogin.com.
// It has one Issuer, for version 2: the registration must request that version.
//
// Scopes are in scp. Tokens of applications have no scp: their permissions in roles then
// count as scopes. azp, or appid in version 1, is required, because ID tokens do not have
// it. Tokens live for 60 to 90 minutes by default. MaxLifetime is that of clients with continuous
// access evaluation, 28 hours.
//
// Every application of a tenant can get a token for the API, without any permission. So scp or
// roles is required. To accept applications without roles, such as managed identities, remove
// that rule and list their object IDs: set RequiredAny to nil, and ClaimOneOf to
// {"oid": {…}}, in an Issuer that Entra returned.
//
//	{"iss":"https://login.microsoftonline.com/TENANT/v2.0","aud":"CLIENTID","azp":"app","scp":"read:x",
//	 "oid":"guid","sub":"HKZp","tid":"TENANT","ver":"2.0","iat":1,"nbf":1,"exp":2}
//
// Sources: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference,
// https://learn.microsoft.com/entra/identity-platform/scenario-protected-web-api-verification-scope-app-roles
// and https://learn.microsoft.com/answers/questions/1626221 for external tenants (2026-11-28).
func Entra(clientID string, tenants ...string) []claims.Issuer {
	var issuers []claims.Issuer
	for _, name := range tenants {
		tenant, external := strings.CutSuffix(name, externalTenants)
		if external {
			issuers = append(issuers, entra("https://"+name+"/"+tenant+"/v2.0", clientID, tenant, "2.0", "azp"))
			continue
		}
		issuers = append(issuers,
			entra("https://login.microsoftonline.com/"+tenant+"/v2.0", clientID, tenant, "2.0", "azp"),
			entra("https://sts.windows.net/"+tenant+"/", clientID, tenant, "1.0", "appid"))
	}
	return issuers
}

// entra returns one Issuer. clientClaim names the client, in access tokens only.
func entra(url, clientID, tenant, version, clientClaim string) claims.Issuer {
	l := newLimits()
	l.check(!guid.MatchString(clientID), "the client ID must be a GUID in lower case, without api://")
	l.check(!guid.MatchString(tenant), "the tenant must be a GUID in lower case, not an alias such as common")
	return claims.Issuer{
		URL:            url,
		Audiences:      []string{clientID, "api://" + clientID},
		ScopeClaims:    [][]string{{"scp"}, {"roles"}},
		RequiredAny:    []string{"scp", "roles"},
		RequiredClaims: []string{clientClaim},
		ClaimValues:    map[string]string{"tid": tenant, "ver": version},
		MaxLifetime:    28*time.Hour + margin,
		Err:            l.err(),
	}
}

// The longest life of a token is that of a provider's settings, and a margin. The servers that set
// iat and exp can have different clocks.
const (
	aDay   = 24 * time.Hour
	margin = 5 * time.Minute
)

// externalTenants is the domain of the tenants of Entra External ID.
const externalTenants = ".ciamlogin.com"

var (
	guid          = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	awsRegion     = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
	oktaServer    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	cognitoPool   = regexp.MustCompile(`^[a-z0-9-]+_[A-Za-z0-9]+$`)
	cognitoClient = regexp.MustCompile(`^[A-Za-z0-9_+]+$`)

	// keycloakRealm has none of the characters that Keycloak reserves in the name of a realm. All
	// others are written as in iss: a space is %20.
	keycloakRealm = regexp.MustCompile(`^[A-Za-z0-9._~%'-]+$`)

	// host is a host name as a browser writes it: an iss that has capital letters would not match.
	host = regexp.MustCompile(`^` + hostLabel + `(\.` + hostLabel + `)*$`)

	// webURL is the address of a server, which can be in a folder (RFC 3986 section 3.3, without *
	// and the comma). jwks.Config says which hosts may have http.
	webURL = regexp.MustCompile(`^https?://(` + serverLabel + `(\.` + serverLabel + `)*|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?(/[A-Za-z0-9._~%!$&'()+;=:@-]+)*/?$`)
)

const (
	hostLabel   = `[a-z0-9]([a-z0-9-]*[a-z0-9])?`
	serverLabel = `[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?` // containers have names such as my_sso
)

func checkHost(name string) error {
	if !host.MatchString(name) {
		return errors.New("the domain must be a host name, without a scheme or a path, in lower case")
	}
	return nil
}
