package providers_test

import (
	"fmt"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// Only the protected environment of one repository can deploy. OwnerIDs ends the access if the
// repository is transferred.
func ExampleGitHubActions() {
	issuer := providers.GitHubActions("https://deploy.example.com", providers.GitHubRule{
		RepositoryIDs: []string{"1296269"},
		OwnerIDs:      []string{"9919"},
		Environments:  []string{"production"},
	})
	issuer.ClaimRules["/runner_environment"] = []any{"github-hosted"} // one more rule
	fmt.Println(verifierError(issuer))
	// Output: <nil>
}

// A common mistake: nothing says whose jobs are accepted.
func ExampleGitHubActions_mistake() {
	issuer := providers.GitHubActions("https://deploy.example.com", providers.GitHubRule{Refs: []string{"refs/heads/main"}})
	fmt.Println(verifierError(issuer))
	// Output:
	// claims: invalid Issuer "https://token.actions.githubusercontent.com": GitHubRule: RepositoryIDs or OwnerIDs is required: everyone on GitHub gets tokens of this issuer
}

// A map that is replaced would lose the rule. NewVerifier reports it.
func ExampleGitHubActions_replaced() {
	issuer := providers.GitHubActions("https://deploy.example.com", providers.GitHubRule{RepositoryIDs: []string{"1296269"}})
	issuer.ClaimRules = map[string][]any{"/environment": {"production"}}
	fmt.Println(verifierError(issuer))
	// Output:
	// claims: invalid Issuer "https://token.actions.githubusercontent.com": no rule limits whose tokens are accepted: ClaimRules needs "/repository_id" or "/repository_owner_id"
}

// Jobs for protected branches and tags of one project.
func ExampleGitLabCI() {
	issuer := providers.GitLabCI("https://gitlab.com", "https://deploy.example.com", providers.GitLabRule{
		ProjectIDs: []string{"20"},
	})
	fmt.Println(verifierError(issuer))
	// Output: <nil>
}

// A service on Cloud Run calls with the ID token of its service account.
func ExampleGoogleServiceAccount() {
	issuer := providers.GoogleServiceAccount("https://api.example.com", providers.GoogleRule{
		UniqueIDs: []string{"112233445566778899001"},
	})
	fmt.Println(verifierError(issuer))
	// Output: <nil>
}

// A Lambda function calls with a token of AWS STS for its role.
func ExampleAWS() {
	issuer := providers.AWS("https://abc123.tokens.sts.global.api.aws", "https://api.example.com", providers.AWSRule{
		Principals: []string{"arn:aws:iam::123456789012:role/Uploader"},
	})
	fmt.Println(verifierError(issuer))
	// Output: <nil>
}

// Users who have signed in with a password or with Google. Anonymous users are refused.
func ExampleFirebase() {
	fmt.Println(verifierError(providers.Firebase("my-project", "password", "google.com")))
	// Output: <nil>
}

// Users who have signed in. Users without an account, and the keys of the project, are refused.
func ExampleSupabase() {
	fmt.Println(verifierError(providers.Supabase("abcdefghijklmnopqrst.supabase.co")))
	// Output: <nil>
}

// Session tokens that one web page got.
func ExampleClerk() {
	fmt.Println(verifierError(providers.Clerk("clerk.example.com", "https://app.example.com")))
	// Output: <nil>
}

// Roles in the project count as scopes.
func ExampleZitadel() {
	fmt.Println(verifierError(providers.Zitadel("my-instance.zitadel.cloud", "328859038097867422")))
	// Output: <nil>
}

// verifierError returns what NewVerifier reports. Package middleware finds the keys.
func verifierError(issuer claims.Issuer) error {
	issuer.Keys, issuer.JWKSURL = oneKey{}, ""
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	return err
}

// SPIRE's OIDC Discovery Provider has no constructor. The rule has whole SPIFFE IDs.
func Example_spiffe() {
	issuer := claims.Issuer{
		URL:        "https://spire-oidc.example.org", // jwt_issuer of the SPIRE server
		Audiences:  []string{"https://api.example.com"},
		ClaimRules: map[string][]any{"/sub": {"spiffe://example.org/ns/shop/sa/checkout"}},
		MustLimit:  []string{"/sub"},
	}
	fmt.Println(verifierError(issuer))
	// Output: <nil>
}
