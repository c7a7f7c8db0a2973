package providers

import (
	"regexp"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// The fields that the gateways of this file send their tokens in, for Config.TokenField of
// package middleware.
const (
	CloudflareAccessField = "Cf-Access-Jwt-Assertion"
	GoogleIAPField        = "X-Goog-Iap-Jwt-Assertion"
)

// CloudflareAccess returns the Issuer for the tokens with which Cloudflare Access sends requests to
// an application. team is the name in TEAM.cloudflareaccess.com. audience is the AUD tag of the
// application, 64 hexadecimal digits. The token is in a field of its own:
//
//	middleware.Config{
//		TokenField: providers.CloudflareAccessField,
//		Issuers:    []claims.Issuer{providers.CloudflareAccess("acme", tag)},
//	}
//
// A token of the account itself, which has another type, is refused. sub and email are of the user.
// The token of a service has an empty sub: its client id is in common_name, and
// [claims.Claims.Principal] returns an error for it. There are no scopes.
// Access rotates its keys every six weeks. MaxLifetime is that of the default session, 24 hours,
// with a margin: raise it if you raised that.
//
//	{"aud":["32ea…4228"],"email":"a@example.com","iss":"https://acme.cloudflareaccess.com","type":"app",
//	 "identity_nonce":"6ei6","sub":"7335","country":"US","iat":1,"nbf":1,"exp":2}
//
// Sources: https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token
// and https://developers.cloudflare.com/cloudflare-one/identity/users/validating-json (2026-11-28).
func CloudflareAccess(team, audience string) claims.Issuer {
	l := newLimits()
	l.check(!cloudflareTeam.MatchString(team), "the team must be a name, as in NAME.cloudflareaccess.com")
	l.check(audience != "" && !cloudflareTag.MatchString(audience), "the audience must be the AUD tag of the application, 64 hexadecimal digits")
	url := "https://" + team + ".cloudflareaccess.com"
	return claims.Issuer{
		URL:         url,
		JWKSURL:     url + "/cdn-cgi/access/certs",
		Audiences:   []string{audience},
		Algorithms:  []string{"RS256"},
		RequiredAny: []string{"sub", "common_name"},
		ClaimValues: map[string]string{"type": "app"},
		MaxLifetime: 24*time.Hour + 5*time.Minute,
		Err:         l.err(),
	}
}

// GoogleIAP returns the Issuer for the tokens with which Google's Identity-Aware Proxy sends requests
// to an application. audience names the application:
// "/projects/NUMBER/global/backendServices/ID", with the region in place of global for a regional
// load balancer, "/projects/NUMBER/locations/REGION/services/NAME" or
// "/projects/NUMBER/apps/PROJECT". The token is in the field [GoogleIAPField].
//
// Everyone whom the proxy lets through is accepted. sub is the user and does not change; email can.
// There are no scopes. Health checks of Google's load balancers have no token.
//
//	{"iss":"https://cloud.google.com/iap","aud":"/projects/1234/global/backendServices/5678",
//	 "sub":"accounts.google.com:1122","email":"a@example.com","hd":"example.com","iat":1,"exp":2}
//
// Sources: https://cloud.google.com/iap/docs/signed-headers-howto and, for regional load balancers,
// https://github.com/GoogleCloudPlatform/iap-gcip-web-toolkit/issues/307 (2026-11-28).
func GoogleIAP(audience string) claims.Issuer {
	l := newLimits()
	l.check(audience != "" && !iapAudience.MatchString(audience), "the audience must begin with /projects/ and the number of the project, and name a backend service, a service or an app")
	return claims.Issuer{
		URL:         "https://cloud.google.com/iap",
		JWKSURL:     "https://www.gstatic.com/iap/verify/public_key-jwk",
		Audiences:   []string{audience},
		Algorithms:  []string{"ES256"},
		RequiredAny: []string{"sub"},
		MaxLifetime: 15 * time.Minute,
		Err:         l.err(),
	}
}

var (
	cloudflareTeam = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)
	cloudflareTag  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	iapAudience    = regexp.MustCompile(`^/projects/[0-9]+/([a-z0-9-]+/backendServices/[0-9]+|locations/[a-z0-9-]+/services/[a-z0-9-]+|apps/[a-z0-9.:-]+)$`)
)
