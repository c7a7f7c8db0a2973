package providers

import (
	"regexp"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// Clerk returns the Issuer for session tokens of a Clerk instance, version 1 or 2. domain is that
// of the Frontend API: "clerk.example.com", or "NAME.clerk.accounts.dev" for development. origins are
// the web pages whose users are accepted, at least one: "https://app.example.com".
//
// Session tokens have no aud. Their azp is the origin of the page that asked for the token. Without
// a list, the token that any page under the domain gets would be accepted. A token without azp
// is refused: Clerk leaves it out where there is no origin, as in native apps.
//
// sts is pending while the user still has a task to do, such as choosing an organisation. Such a
// token is refused. Tokens of a JWT template have no sid and are refused: for a template that
// writes an aud, a plain claims.Issuer is right.
//
// Tokens live for 60 seconds; raise MaxLifetime if you raised that. There are no scopes. The object
// o has the organisation (id), the role (rol) and the permissions (per) of version 2.
//
// With act, somebody else acts as the user, such as an administrator who looks at what the user
// sees. [claims.Claims.Actor] says who. Such a token is accepted, because Clerk means the session
// to have all of the user's rights. To refuse it, write issuer.ClaimRules["/act"] = []any{nil}.
//
//	{"iss":"https://clerk.example.com","azp":"https://app.example.com","sub":"user_1","sid":"sess_1","v":2,"sts":"active",
//	 "fva":[7,-1],"o":{"id":"org_1","rol":"admin","slg":"s"},"iat":1,"nbf":1,"exp":2}
//
// Sources: https://clerk.com/docs/guides/sessions/session-tokens,
// https://clerk.com/docs/guides/sessions/manual-jwt-verification and, for act,
// https://clerk.com/docs/guides/users/impersonation (2026-11-28).
func Clerk(domain string, origins ...string) claims.Issuer {
	l := newLimits()
	l.demand("/sts", "active", nil)
	for _, page := range origins {
		l.check(!origin.MatchString(page), "an origin must be as a browser writes it, such as https://app.example.com, without a slash at the end")
	}
	l.checkHost(domain)
	return claims.Issuer{
		URL:             "https://" + domain,
		JWKSURL:         "https://" + domain + "/.well-known/jwks.json",
		WithoutAudience: &claims.WithoutAudience{ClientIDs: slices.Clone(origins), ClientIDClaim: "azp"},
		Algorithms:      []string{"RS256"},
		RequiredClaims:  []string{"sid"},
		RequiredAny:     []string{"sub"},
		MaxLifetime:     2 * time.Minute,
		ClaimRules:      l.rules,
		Err:             l.err(),
	}
}

// origin is the serialization of an origin (RFC 6454 section 6.2). Browsers write it in lower case,
// without a path. Extensions of browsers have schemes of their own.
var origin = regexp.MustCompile(`^[a-z][a-z-]*://[a-z0-9.-]+(:[0-9]+)?$`)
