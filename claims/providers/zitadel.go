package providers

import (
	"regexp"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// Zitadel returns the Issuer for a project of a Zitadel instance. domain is the instance's domain.
// project is the id of the project that the API belongs to.
//
// Access tokens are JWTs only if the application, or the service user, has JWT as its token type;
// otherwise they are opaque, and need introspection. Each client of the instance can ask for
// the project as its audience, whether its user has a role or not. So the claim
// urn:zitadel:iam:org:project:ID:roles is required, and it must not be empty: a user without a
// role is refused. Zitadel writes it if the project asserts its roles on authentication, or for
// the scope urn:zitadel:iam:org:projects:roles. To accept users without a role, set RequiredAny
// to nil. jti is required as well, because ID tokens do not have it.
//
// Any role is enough, whatever its name: decide by the names in the routes. They count as
// scopes, if the claim is an object. The claim urn:zitadel:iam:org:project:roles, without
// an id, is never read: it has the roles of the client's project, where somebody else can be
// admin. If the project is granted to other organisations, each of them gives its own users the
// granted roles: the object of a role names the organisations.
//
// Tokens live for 12 hours by default; raise MaxLifetime if the instance's live longer.
//
//	{"iss":"https://INSTANCE.zitadel.cloud","aud":["CLIENT","PROJECT"],"sub":"1","client_id":"CLIENT","jti":"V2_1-at_2",
//	 "urn:zitadel:iam:org:project:PROJECT:roles":{"editor":{"ORG":"example.zitadel.cloud"}},"iat":1,"nbf":1,"exp":2}
//
// Sources: https://zitadel.com/docs/apis/openidoauth/claims, https://zitadel.com/docs/apis/openidoauth/scopes,
// https://zitadel.com/docs/guides/integrate/login/oidc/webkeys for the algorithms, and
// https://github.com/zitadel/zitadel/issues/9200 for a payload (2026-11-28).
func Zitadel(domain, project string) claims.Issuer {
	l := newLimits()
	l.checkHost(domain)
	l.check(!zitadelProject.MatchString(project), "the project must be its id, a number, not its name")
	roles := "urn:zitadel:iam:org:project:" + project + ":roles"
	return claims.Issuer{
		URL:            "https://" + domain,
		Audiences:      []string{project},
		Algorithms:     []string{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"},
		RequiredClaims: []string{"jti"},
		RequiredAny:    []string{roles},
		ScopeClaims:    [][]string{{roles, "*"}},
		MaxLifetime:    13 * time.Hour,
		Err:            l.err(),
	}
}

var zitadelProject = regexp.MustCompile(`^[1-9][0-9]*$`)
