package providers

import (
	"regexp"

	"github.com/bearerguard/bearerguard/claims"
)

// An AWSRule says which principals of AWS are accepted. At least one field is required. All fields
// that are set must match.
type AWSRule struct {
	_ [0]func() // written with field names

	// Principals are the ARNs of roles or users: "arn:aws:iam::123456789012:role/Uploader". A
	// session is accepted by the ARN of its role. A role that is created again after its
	// deletion has the same ARN.
	Principals []string
	// Accounts are AWS accounts, each with all of its principals: "123456789012".
	Accounts []string
	// Organizations are ids of AWS Organizations, each with all of its accounts: "o-abc1234567".
	Organizations []string
}

// AWS returns the Issuer for tokens that AWS STS makes with GetWebIdentityToken. issuerURL is that
// of the caller's account, https://ID.tokens.sts.global.api.aws, which aws iam
// get-outbound-web-identity-federation-info shows. Configure an Issuer for each account. audience
// is the API's own: the caller chooses it.
//
// Each principal of the account with the permission sts:GetWebIdentityToken can get a token, so a
// rule is required. The rule looks at sub, and at members of the object https://sts.amazonaws.com/:
// aws_account and org_id. Never decide by request_tags in this object: the caller writes them.
//
// With SubjectMode OriginIdentity, sub is not the caller but the user or workload on whose behalf
// it acts, in the words of another identity provider. So principal_id, if there is one, must be
// one of Principals as well: it always names the caller. Without Principals, a route must not
// decide by sub alone: it can look like the ARN of another role.
//
// Tokens have no scopes, and live for an hour at most. Roles for service accounts of EKS (IRSA) are
// for [Kubernetes]. EKS Pod Identity, and instance roles, make no tokens of their own.
//
//	{"iss":"https://ID.tokens.sts.global.api.aws","aud":"https://api.example","sub":"arn:aws:iam::123456789012:role/Uploader",
//	 "https://sts.amazonaws.com/":{"aws_account":"123456789012","org_id":"o-abc1234567","request_tags":{}},"iat":1,"exp":2}
//
// Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound_token_claims.html
// and https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html
// (2026-11-28).
func AWS(issuerURL, audience string, rule AWSRule) claims.Issuer {
	l := newLimits()
	l.oneOf("Principals", rule.Principals, awsPrincipal, "/sub")
	l.oneOf("Accounts", rule.Accounts, awsAccount, awsObject+"aws_account")
	l.oneOf("Organizations", rule.Organizations, awsOrganization, awsObject+"org_id")
	l.ifPresent(awsObject+"principal_id", rule.Principals)
	l.check(rule.Principals == nil && rule.Accounts == nil && rule.Organizations == nil,
		"AWSRule: Principals, Accounts or Organizations is required: all principals of the account get tokens of this issuer")
	l.checkAudience(audience, audience == issuerURL, "the audience must be the API's own, not the issuer")
	l.check(!awsIssuer.MatchString(issuerURL), "the issuer must be https://ID.tokens.sts.global.api.aws, without a slash at the end")
	return claims.Issuer{
		URL:         issuerURL,
		Audiences:   []string{audience},
		Algorithms:  []string{"RS256", "ES384"},
		MaxLifetime: aboutAnHour,
		ClaimRules:  l.rules,
		MustLimit:   []string{"/sub", awsObject + "aws_account", awsObject + "org_id"},
		Err:         l.err(),
	}
}

// awsObject is the JSON Pointer to the members of the object https://sts.amazonaws.com/.
const awsObject = "/https:~1~1sts.amazonaws.com~1/"

var (
	awsIssuer       = regexp.MustCompile(`^https://[0-9a-z-]+\.tokens\.sts\.global\.api\.aws$`)
	awsPrincipal    = form{regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[^*?:\s\pC]+$`), "the ARN of a role or user, such as arn:aws:iam::123456789012:role/Uploader, without a wildcard"}
	awsAccount      = form{regexp.MustCompile(`^[0-9]{12}$`), "the 12 digits of an account"}
	awsOrganization = form{regexp.MustCompile(`^o-[a-z0-9]{10,32}$`), "the id of an organization, such as o-abc1234567"}
)
