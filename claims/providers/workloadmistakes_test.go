package providers_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

type (
	gitHubRule     = providers.GitHubRule
	gitLabRule     = providers.GitLabRule
	kubernetesRule = providers.KubernetesRule
	googleRule     = providers.GoogleRule
	awsRule        = providers.AWSRule
)

func TestWithoutARuleNothingIsAccepted(t *testing.T) {
	for want, issuer := range map[string]claims.Issuer{
		"GitHubRule: RepositoryIDs or OwnerIDs is required":               providers.GitHubActions(api, gitHubRule{Refs: []string{"refs/heads/main"}, Environments: []string{"production"}}),
		"GitLabRule: ProjectIDs or NamespaceIDs is required":              providers.GitLabCI(gitLabURL, api, gitLabRule{Refs: []string{"refs/heads/main"}}),
		"KubernetesRule: ServiceAccounts, UIDs or Namespaces is required": providers.Kubernetes(clusterURL, api, kubernetesRule{}),
		"GoogleRule: UniqueIDs or Emails is required":                     providers.GoogleServiceAccount(api, googleRule{}),
		"AWSRule: Principals, Accounts or Organizations is required":      providers.AWS(awsURL, api, awsRule{}),
		`list the sign-in providers, such as "password" or "google.com"`:  providers.Firebase("my-project"),
		"WithoutAudience.ClientIDs is empty":                              providers.Clerk("clerk.example.com"),
		"RepositoryIDs is empty but not nil":                              providers.GitHubActions(api, gitHubRule{RepositoryIDs: []string{}}),
		"Environments is empty but not nil":                               providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Environments: []string{}}),
		"Events is empty but not nil":                                     providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Events: []string{}}),
		"ProjectIDs is empty but not nil":                                 providers.GitLabCI(gitLabURL, api, gitLabRule{ProjectIDs: []string{}}),
		"Sources is empty but not nil":                                    providers.GitLabCI(gitLabURL, api, gitLabRule{ProjectIDs: []string{"1"}, Sources: []string{}}),
		"ServiceAccounts is empty but not nil":                            providers.Kubernetes(clusterURL, api, kubernetesRule{ServiceAccounts: []string{}}),
		"Emails is empty but not nil":                                     providers.GoogleServiceAccount(api, googleRule{Emails: []string{}}),
		"Principals is empty but not nil":                                 providers.AWS(awsURL, api, awsRule{Principals: []string{}}),
		"signInProviders is empty but not nil":                            providers.Firebase("my-project", []string{}...),
	} {
		requireMistake(t, want, issuer)
	}
}

// A name can pass to somebody else, and a pattern is not a value.
func TestRulesNeedImmutableIdentifiers(t *testing.T) {
	for want, issuer := range map[string]claims.Issuer{
		`RepositoryIDs has "o/r": write the id, a number such as 1296269`:                                providers.GitHubActions(api, gitHubRule{RepositoryIDs: []string{"o/r"}}),
		`OwnerIDs has "o": write the id`:                                                                 providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"o"}}),
		`OwnerIDs has "": write the id`:                                                                  providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{""}}),
		`Refs has "main": write the full reference, such as refs/heads/main`:                             providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Refs: []string{"main"}}),
		`Environments has " production": write a name`:                                                   providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Environments: []string{" production"}}),
		`Refs has "refs/heads/*": write the full reference, such as refs/heads/main, without a wildcard`: providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Refs: []string{"refs/heads/*"}}),
		`Refs has "refs/*/main": write the full reference`:                                               providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Refs: []string{"refs/*/main"}}),
		`Refs has "refs/heads/main\n": write the full reference`:                                         providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Refs: []string{"refs/heads/main\n"}}),
		`Environments has "prod\n": write a name, without white space around it`:                         providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Environments: []string{"prod\n"}}),
		`Environments has "prod\u200b": write a name`:                                                    providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Environments: []string{"prod\u200b"}}),
		`Events has "push ": write a name`:                                                               providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Events: []string{"push "}}),
		`Workflows has "o/r/.github/workflows/ci.yaml@refs/heads/*": write`:                              providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Workflows: []string{"o/r/.github/workflows/ci.yaml@refs/heads/*"}}),
		`Workflows has "o/*/.github/workflows/ci.yaml@refs/heads/main": write`:                           providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Workflows: []string{"o/*/.github/workflows/ci.yaml@refs/heads/main"}}),
		`Refs has "refs/tags/v*": write the full reference`:                                              providers.GitLabCI(gitLabURL, api, gitLabRule{ProjectIDs: []string{"1"}, Refs: []string{"refs/tags/v*"}}),
		`Environments has "prod\n": write a name`:                                                        providers.GitLabCI(gitLabURL, api, gitLabRule{ProjectIDs: []string{"1"}, Environments: []string{"prod\n"}}),
		`Principals has "arn:aws:iam::123456789012:role/R\n": write the ARN of a role`:                   providers.AWS(awsURL, api, awsRule{Principals: []string{"arn:aws:iam::123456789012:role/R\n"}}),
		"the base URL must be a URL such as https://sso.example.com":                                     providers.Keycloak("", "staff", api),
		"the base URL must be a URL such as":                                                             providers.Keycloak("sso.example.com", "staff", api),
		"the base URL must be a URL":                                                                     providers.Keycloak("https:///auth", "staff", api),
		`Workflows has "o/r/.github/workflows/ci.yaml": write OWNER/NAME/.github/workflows/`:             providers.GitHubActions(api, gitHubRule{OwnerIDs: []string{"1"}, Workflows: []string{"o/r/.github/workflows/ci.yaml"}}),
		"the audience must be the API's own: jobs get https://github.com/OWNER":                          providers.GitHubActions("https://github.com/o", gitHubRule{OwnerIDs: []string{"1"}}),
		`ProjectIDs has "group/project": write the id`:                                                   providers.GitLabCI(gitLabURL, api, gitLabRule{ProjectIDs: []string{"group/project"}}),
		`NamespaceIDs has "group": write the id`:                                                         providers.GitLabCI(gitLabURL, api, gitLabRule{NamespaceIDs: []string{"group"}}),
		`Refs has "v1": write the full reference`:                                                        providers.GitLabCI(gitLabURL, api, gitLabRule{ProjectIDs: []string{"1"}, Refs: []string{"v1"}}),
		"the URL of the instance must not end in a slash":                                                providers.GitLabCI(gitLabURL+"/", api, gitLabRule{ProjectIDs: []string{"1"}}),
		"the audience must be the API's own, not the URL of the instance":                                providers.GitLabCI(gitLabURL, gitLabURL, gitLabRule{ProjectIDs: []string{"1"}}),
		`ServiceAccounts has "system:serviceaccount:a:b": write NAMESPACE/NAME`:                          providers.Kubernetes(clusterURL, api, kubernetesRule{ServiceAccounts: []string{"system:serviceaccount:a:b"}}),
		`ServiceAccounts has "shop/*": write NAMESPACE/NAME`:                                             providers.Kubernetes(clusterURL, api, kubernetesRule{ServiceAccounts: []string{"shop/*"}}),
		`ServiceAccounts has "a/b/c": write NAMESPACE/NAME`:                                              providers.Kubernetes(clusterURL, api, kubernetesRule{ServiceAccounts: []string{"a/b/c"}}),
		"the audience must be the API's own: every pod has a token for the API server":                   providers.Kubernetes(clusterURL, clusterURL, kubernetesRule{Namespaces: []string{"shop"}}),
		`UIDs has "checkout": write the uid, a GUID in lower case`:                                       providers.Kubernetes(clusterURL, api, kubernetesRule{UIDs: []string{"checkout"}}),
		`Namespaces has "*": write the name of a namespace, without a wildcard`:                          providers.Kubernetes(clusterURL, api, kubernetesRule{Namespaces: []string{"*"}}),
		`UniqueIDs has "caller@p.iam.gserviceaccount.com": write the uniqueId`:                           providers.GoogleServiceAccount(api, googleRule{UniqueIDs: []string{"caller@p.iam.gserviceaccount.com"}}),
		`Emails has "user@gmail.com": write the address of a service account`:                            providers.GoogleServiceAccount(api, googleRule{Emails: []string{"user@gmail.com"}}),
		`Emails has "u@evilgserviceaccount.com": write the address of a service account`:                 providers.GoogleServiceAccount(api, googleRule{Emails: []string{"u@evilgserviceaccount.com"}}),
		`Principals has "arn:aws:sts::123456789012:assumed-role/R/s": write the ARN of a role`:           providers.AWS(awsURL, api, awsRule{Principals: []string{"arn:aws:sts::123456789012:assumed-role/R/s"}}),
		`Principals has "arn:aws:iam::123456789012:role/*": write the ARN of a role`:                     providers.AWS(awsURL, api, awsRule{Principals: []string{"arn:aws:iam::123456789012:role/*"}}),
		`Accounts has "1234": write the 12 digits of an account`:                                         providers.AWS(awsURL, api, awsRule{Accounts: []string{"1234"}}),
		`Organizations has "example": write the id of an organization`:                                   providers.AWS(awsURL, api, awsRule{Organizations: []string{"example"}}),
		"the issuer must be https://ID.tokens.sts.global.api.aws":                                        providers.AWS(awsURL+"/", api, awsRule{Accounts: []string{"123456789012"}}),
		"the issuer must be https://ID.tokens.sts.global.api.aws, without":                               providers.AWS("https://sts.amazonaws.com", api, awsRule{Accounts: []string{"123456789012"}}),
		`signInProviders has "": write a value of sign_in_provider`:                                      providers.Firebase("my-project", ""),
		"the project must be an ID, not a number or a URL":                                               providers.Firebase("123456", "password"),
		"the domain must be a host name, without a scheme or a path":                                     providers.Supabase("https://abc.supabase.co"),
		"the domain must be a host name, without a scheme":                                               providers.Clerk("https://clerk.example.com", "https://app.example.com"),
		"an origin must be as a browser writes it, such as https://app.example.com":                      providers.Clerk("clerk.example.com", "https://app.example.com/"),
		"an origin must be as a browser writes it":                                                       providers.Clerk("clerk.example.com", "app.example.com"),
		"the domain must be a host name":                                                                 providers.Zitadel("my-instance.zitadel.cloud/", project),
		"the project must be its id, a number, not its name":                                             providers.Zitadel("my-instance.zitadel.cloud", "shop"),
	} {
		requireMistake(t, want, issuer)
	}
}

func requireMistake(t *testing.T, want string, issuer claims.Issuer) {
	t.Helper()
	_, err := claims.NewVerifier(claims.Config{Issuers: withKeys([]claims.Issuer{issuer})})
	require.ErrorContains(t, err, want)
	assert.NotContains(t, err.Error(), "\n", "one mistake is reported once")
}

func TestMistakesInARuleAreReportedTogether(t *testing.T) {
	issuer := providers.GitHubActions("https://github.com/o", gitHubRule{RepositoryIDs: []string{"o/r"}, Refs: []string{}})
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	require.EqualError(t, err, `claims: invalid Issuer "https://token.actions.githubusercontent.com": RepositoryIDs has "o/r": write the id, a number such as 1296269, because a name can pass to somebody else
claims: invalid Issuer "https://token.actions.githubusercontent.com": Refs is empty but not nil
claims: invalid Issuer "https://token.actions.githubusercontent.com": the audience must be the API's own: jobs get https://github.com/OWNER for every service
claims: invalid Issuer "https://token.actions.githubusercontent.com": Keys is nil`)
}

// A caller who replaces the rules instead of adding to them does not open the API to the world.
func TestRulesAreNotLost(t *testing.T) {
	for rule, change := range map[string]func(*claims.Issuer){
		"ClaimRules removed":  func(i *claims.Issuer) { i.ClaimRules = nil },
		"ClaimRules replaced": func(i *claims.Issuer) { i.ClaimRules = map[string][]any{"/runner_environment": {"github-hosted"}} },
		"by a bool":           func(i *claims.Issuer) { i.ClaimRules = map[string][]any{"/email_verified": {true}} },
		"by ClaimOneOf": func(i *claims.Issuer) {
			i.ClaimRules, i.ClaimOneOf = nil, map[string][]string{"environment": {"production"}}
		},
		"RFC 9068": func(i *claims.Issuer) { *i = i.RFC9068(); i.ClaimRules = nil },
	} {
		for _, issuer := range []claims.Issuer{
			gitHub, gitLab, kubernetes, google, aws, providers.Firebase("my-project", "password"),
			providers.Supabase("abcdefghijklmnopqrst.supabase.co"),
		} {
			change(&issuer)
			_, err := claims.NewVerifier(claims.Config{Issuers: withKeys([]claims.Issuer{issuer})})
			assert.ErrorContains(t, err, "no rule limits whose tokens are accepted: ClaimRules needs", "%s, %s", rule, issuer.URL)
		}
	}
}

// The map is there in spite of a mistake, so that the mistake is reported and nothing panics.
func TestARuleCanBeAddedInSpiteOfMistakes(t *testing.T) {
	for _, issuer := range []claims.Issuer{
		providers.GitHubActions(api, gitHubRule{}), providers.GitLabCI(gitLabURL, api, gitLabRule{}),
		providers.Kubernetes(clusterURL, api, kubernetesRule{}), providers.GoogleServiceAccount(api, googleRule{}),
		providers.AWS(awsURL, api, awsRule{}), providers.Firebase("my-project"), providers.Supabase("/"), providers.Clerk("/"),
	} {
		issuer.ClaimRules["/x"] = []any{"y"}
		_, err := claims.NewVerifier(claims.Config{Issuers: withKeys([]claims.Issuer{issuer})})
		assert.Error(t, err, issuer.URL)
	}
}

func TestOtherFieldsAddToTheRules(t *testing.T) {
	for rule, change := range map[string]func(*claims.Issuer){
		"ClaimOneOf":     func(i *claims.Issuer) { i.ClaimOneOf = map[string][]string{"ref_type": {"branch"}} },
		"ClaimValues":    func(i *claims.Issuer) { i.ClaimValues = map[string]string{"ref_type": "branch"} },
		"RequiredClaims": func(i *claims.Issuer) { i.RequiredClaims = []string{"ref_type"} },
		"Validate":       func(i *claims.Issuer) { i.Validate = func(context.Context, *claims.Claims) error { return nil } },
	} {
		issuer := gitHub
		change(&issuer)
		v, text := newVerifier(t, issuer), sample(t, "github.json")
		_, err := v.Verify(t.Context(), sign(rs256Header, text))
		require.NoError(t, err, rule)
		_, err = v.Verify(t.Context(), sign(rs256Header, replaced(t, text, `"repository_id":"1339936803"`, `"repository_id":"666"`)))
		assert.ErrorIs(t, err, claims.ErrMissingClaim, rule)
	}
}

// Two calls share no map, so that a change to one issuer is not one to another.
func TestRulesAreNotShared(t *testing.T) {
	first := providers.Supabase("a.supabase.co")
	first.ClaimRules["/role"][0] = "service_role"
	assert.Equal(t, []any{"authenticated"}, providers.Supabase("a.supabase.co").ClaimRules["/role"])
	ids := []string{"20"}
	issuer := providers.GitLabCI(gitLabURL, api, gitLabRule{ProjectIDs: ids})
	ids[0] = "21"
	assert.Equal(t, []any{"20"}, issuer.ClaimRules["/project_id"])
	clients := []string{"abc"}
	cognito, clerk := providers.Cognito("eu-west-1", "eu-west-1_x", clients...), providers.Clerk("clerk.example.com", clients...)
	entra := providers.Entra(entraClient, tenant)
	clients[0], entra[0].Audiences[0], entra[0].ScopeClaims[0][0], entra[0].RequiredAny[0] = "evil", "evil", "evil", "evil"
	assert.Equal(t, []string{"abc"}, cognito.WithoutAudience.ClientIDs)
	assert.Equal(t, []string{"abc"}, clerk.WithoutAudience.ClientIDs)
	assert.Equal(t, entraClient, entra[1].Audiences[0])
	assert.Equal(t, "scp", entra[1].ScopeClaims[0][0])
	assert.Equal(t, "scp", entra[1].RequiredAny[0])
}

func TestZitadelsRolesAreScopes(t *testing.T) {
	c, err := newVerifier(t, providers.Zitadel("my-instance.zitadel.cloud", project)).Verify(t.Context(), sign(rs256Header, sample(t, "zitadel.json")))
	require.NoError(t, err)
	assert.True(t, c.HasScope("read:x"))
	assert.False(t, c.HasScope("admin"), "a role in the project of the client")
	assert.Equal(t, "328859038248927902", c.ClientID())
}
