package providers

import (
	"regexp"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A GoogleRule says which service accounts of Google Cloud are accepted. At least one field is
// required. All fields that are set must match.
type GoogleRule struct {
	_ [0]func() // written with field names

	// UniqueIDs are the ids of service accounts, which are never used again:
	// "112233445566778899001". gcloud iam service-accounts describe EMAIL shows it as uniqueId.
	UniqueIDs []string
	// Emails are the addresses of service accounts: "NAME@PROJECT.iam.gserviceaccount.com". An
	// account that is created again after its deletion has the same address. The token must
	// say that the address is verified. It has the address only if the caller asks for it: the
	// metadata server with format=full, IAM with includeEmail.
	Emails []string
}

// GoogleServiceAccount returns the Issuer for ID tokens of Google's service accounts. Cloud Run,
// Compute Engine and other services call with them. audience is the API's own: the caller chooses
// it, by custom the API's URL.
//
// Everyone with a Google account can get an ID token of this issuer, so a rule is required. It
// refuses users, who have neither such an id nor such an address. The tokens have no scopes, and
// live for an hour.
//
//	{"iss":"https://accounts.google.com","aud":"https://api.example","azp":"112233445566778899001",
//	 "sub":"112233445566778899001","email":"n@p.iam.gserviceaccount.com","email_verified":true,"iat":1,"exp":2}
//
// Sources: https://cloud.google.com/compute/docs/instances/verifying-instance-identity,
// https://cloud.google.com/docs/authentication/token-types and
// https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken
// (2026-11-28).
func GoogleServiceAccount(audience string, rule GoogleRule) claims.Issuer {
	l := newLimits()
	l.oneOf("UniqueIDs", rule.UniqueIDs, googleID, "/sub")
	l.oneOf("Emails", rule.Emails, googleEmail, "/email")
	if rule.Emails != nil {
		l.demand("/email_verified", true)
	}
	l.checkAudience(audience, audience == "https://accounts.google.com", "the audience must be the API's own, not Google")
	l.check(rule.UniqueIDs == nil && rule.Emails == nil, "GoogleRule: UniqueIDs or Emails is required: everyone with a Google account gets tokens of this issuer")
	return claims.Issuer{
		URL:         "https://accounts.google.com",
		Audiences:   []string{audience},
		Algorithms:  []string{"RS256"},
		MaxLifetime: aboutAnHour,
		ClaimRules:  l.rules,
		MustLimit:   []string{"/sub", "/email"},
		Err:         l.err(),
	}
}

// aboutAnHour is for tokens that live for an hour. It leaves a margin.
const aboutAnHour = 65 * time.Minute

// Firebase returns the Issuer for users of a Firebase or Identity Platform project. project is the
// project's ID. signInProviders are the accepted values of firebase.sign_in_provider, at least one:
// "password", "phone", "google.com", "saml.NAME".
//
// Firebase has no other token for an API than its ID token, which names no API: it is good for
// each API of the project. The value "anonymous" is that of users who have not signed in, and
// "custom" that of users for whom your own server made a token. They are refused unless they are
// listed. Without a limit, anyone who can open the app would be accepted.
//
// Tokens of a tenant of Identity Platform are refused. To accept a tenant, write its ID:
// issuer.ClaimRules["/firebase/tenant"] = []any{"staff-x1y2z"}.
//
// sub is the user, and must not be empty. Never decide by email alone: anyone can sign up with
// somebody else's address and a password, and email_verified is then false. auth_time is when the
// user signed in. There are no scopes; custom claims are at the top level. Session cookies have
// another issuer and are refused.
//
//	{"iss":"https://securetoken.google.com/PROJECT","aud":"PROJECT","auth_time":1,"sub":"uid","user_id":"uid",
//	 "firebase":{"identities":{},"sign_in_provider":"password"},"iat":1,"exp":2}
//
// Sources: https://firebase.google.com/docs/auth/admin/verify-id-tokens,
// https://firebase.google.com/docs/reference/js/v8/firebase.FirebaseIdToken and, for an anonymous
// user, https://github.com/trchopan/firebase-auth/issues/3 (2026-11-28).
func Firebase(project string, signInProviders ...string) claims.Issuer {
	l := newLimits()
	l.oneOf("signInProviders", signInProviders, signInProvider, "/firebase/sign_in_provider")
	l.demand("/firebase/tenant", nil)
	l.check(signInProviders == nil, `list the sign-in providers, such as "password" or "google.com": anonymous users get tokens of this issuer`)
	l.check(!firebaseProject.MatchString(project), "the project must be an ID, not a number or a URL")
	return claims.Issuer{
		URL:            "https://securetoken.google.com/" + project,
		Audiences:      []string{project},
		Algorithms:     []string{"RS256"},
		RequiredClaims: []string{"auth_time"},
		RequiredAny:    []string{"sub"},
		MaxLifetime:    aboutAnHour,
		ClaimRules:     l.rules,
		MustLimit:      []string{"/firebase/sign_in_provider"},
		Err:            l.err(),
	}
}

var (
	googleID       = form{regexp.MustCompile(`^[1-9][0-9]*$`), "the uniqueId, a number"}
	googleEmail    = form{regexp.MustCompile(`^[a-z0-9.-]+@([a-z0-9.-]+\.)?gserviceaccount\.com$`), "the address of a service account, NAME@PROJECT.iam.gserviceaccount.com"}
	signInProvider = form{regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]*$`), "a value of sign_in_provider, such as password or google.com"}
)

// firebaseProject can have a domain in front, as in example.com:shop.
var firebaseProject = regexp.MustCompile(`^(` + hostLabel + `(\.` + hostLabel + `)+:)?[a-z]([a-z0-9-]*[a-z0-9])?$`)
