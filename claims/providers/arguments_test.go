package providers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// notHosts are what is written by mistake where a host name belongs.
var notHosts = []string{
	"", " ", "https://x.example", "x.example/", "x.example/p", "X.example", "*", "*.x.example", "a.example,b.example",
	"x..example", "x.example.", ".x.example", "-x.example", "x-.example", "x.example:8443", "x_y.example", "x.example\n",
	"${DOMAIN}", "user@x.example", "x.example?y", "x.example#", "%2e", "ü.example",
}

// notURLs are what is written by mistake where the URL of a server belongs.
var notURLs = []string{
	" ", "x.example", "https://", "https:///x", "https://https://x.example", "https://*", "https://*.x.example",
	"https://a.example,b.example", "https://x..example", "https://x.example.", "https://x.example//", "https://x.example//p",
	"https://user:secret@x.example", "https://x.example:", "https://x.example:port", "https://x.example/*", "https://x.example/a,b",
	"https://x.example?y", "https://x.example#y", "https://${HOST}", "ftp://x.example", "https://x.example/ü", "https://ü.example", "HTTPS://x.example", "https://x.example\n",
}

// mistake returns the error of an issuer whose keys are given, or "".
func mistake(issuers ...claims.Issuer) string {
	_, err := claims.NewVerifier(claims.Config{Issuers: withKeys(issuers)})
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestHostsThatNoIssHasAreRefused(t *testing.T) {
	for name, build := range map[string]func(host string) claims.Issuer{
		"Auth0":    func(host string) claims.Issuer { return providers.Auth0(host, api) },
		"Okta":     func(host string) claims.Issuer { return providers.Okta(host, "default", api) },
		"Supabase": providers.Supabase,
		"Clerk":    func(host string) claims.Issuer { return providers.Clerk(host, "https://app.example.com") },
		"Zitadel":  func(host string) claims.Issuer { return providers.Zitadel(host, project) },
	} {
		for _, host := range notHosts {
			assert.Contains(t, mistake(build(host)), "the domain must be a host name", "%s(%q)", name, host)
		}
		for _, host := range []string{"x.example", "my-tenant.eu.x.example", "xn--bcher-kva.example", "10.0.0.1", "localhost"} {
			assert.Empty(t, mistake(build(host)), "%s(%q)", name, host)
		}
	}
}

func TestURLsThatNoServerHasAreRefused(t *testing.T) {
	for want, build := range map[string]func(url string) claims.Issuer{
		"the base URL must be a URL": func(url string) claims.Issuer { return providers.Keycloak(url, "staff", api) },
		"the URL of the instance must be a URL": func(url string) claims.Issuer {
			return providers.GitLabCI(url, api, gitLabRule{ProjectIDs: []string{"1"}})
		},
	} {
		for _, url := range notURLs {
			assert.Contains(t, mistake(build(url)), want, "%q", url)
		}
		for _, url := range []string{"https://x.example", "https://x.example:8443/a/b", "http://my_sso:8080", "https://X.example", "http://127.0.0.1:8080", "http://[::1]:8080/p"} {
			assert.Empty(t, mistake(build(url)), "%q", url)
		}
	}
}

func TestNamesThatNoTokenHasAreRefused(t *testing.T) {
	const pool = "eu-west-1_AbCd"
	for want, build := range map[string]func(name string) claims.Issuer{
		"the realm must be a name":         func(name string) claims.Issuer { return providers.Keycloak("https://h", name, api) },
		"the authorization server must be": func(name string) claims.Issuer { return providers.Okta("d.okta.com", name, api) },
		"the region must be a name":        func(name string) claims.Issuer { return providers.Cognito(name, pool, "abc") },
		"the user pool must be an id":      func(name string) claims.Issuer { return providers.CognitoUpdated("eu-west-1", name, "abc") },
		"the team must be a name":          func(name string) claims.Issuer { return providers.CloudflareAccess(name, accessTag) },
		"the project must be an ID":        func(name string) claims.Issuer { return providers.Firebase(name, "password") },
		"the project must be its id":       func(name string) claims.Issuer { return providers.Zitadel("z.example", name) },
		"the issuer must be https://ID": func(name string) claims.Issuer {
			return providers.AWS(name, api, awsRule{Accounts: []string{"123456789012"}})
		},
		"an origin must be":            func(name string) claims.Issuer { return providers.Clerk("clerk.example.com", name) },
		"the client ID must be a GUID": func(name string) claims.Issuer { return providers.Entra(name, tenant)[0] },
		"the tenant must be a GUID":    func(name string) claims.Issuer { return providers.Entra(entraClient, name)[0] },
	} {
		for _, name := range []string{"", " ", "*", "a/b", "a,b", "https://x.example/", "x\n", "${NAME}", "a?b", "a#b", "user@x", "ü", "<a>"} {
			assert.Contains(t, mistake(build(name)), want, "%q", name)
		}
	}
	for rule, text := range map[string]string{
		"a pool of another region":     mistake(providers.Cognito("eu-west-1", "us-east-1_AbCd", "abc")),
		"an app client that is a name": mistake(providers.Cognito("eu-west-1", pool, "my client")),
		"an app client that is a list": mistake(providers.Cognito("eu-west-1", pool, "abc,def")),
		"a client in capital letters":  mistake(providers.Entra(strings.ToUpper(entraClient), tenant)[0]),
		"a tenant in capital letters":  mistake(providers.Entra(entraClient, strings.ToUpper("aaaaaaaa-2222-3333-4444-555555555555"))[0]),
		"an App ID URI":                mistake(providers.Entra("api://"+entraClient, tenant)...),
	} {
		assert.NotEmpty(t, text, rule)
	}
	assert.Empty(t, mistake(providers.Keycloak("https://h", "My%20Realm.v2_x", api)))
	for _, id := range []string{"a:b", "x.example", "x..example:shop", "example.com:", "my-project-", "1-project"} {
		assert.Contains(t, mistake(providers.Firebase(id, "password")), "the project must be an ID", id)
	}
	assert.Empty(t, mistake(providers.Firebase("example.com:shop", "password")))
	assert.Empty(t, mistake(providers.Okta("d.okta.com", "aus9o8wzkhckw9TLa0h7", api)))
	assert.Empty(t, mistake(providers.Cognito("us-gov-west-1", "us-gov-west-1_AbCd", "1h57kf5cpq17m0eml12EXAMPLE")))
}

// A list that was not split, a pattern or a placeholder is one value that no token has.
func TestValuesOfRulesThatNoTokenHasAreRefused(t *testing.T) {
	gitHub := func(change func(*gitHubRule)) claims.Issuer {
		rule := gitHubRule{OwnerIDs: []string{"1"}}
		change(&rule)
		return providers.GitHubActions(api, rule)
	}
	gitLab := func(change func(*gitLabRule)) claims.Issuer {
		rule := gitLabRule{ProjectIDs: []string{"1"}}
		change(&rule)
		return providers.GitLabCI(gitLabURL, api, rule)
	}
	for want, issuer := range map[string]claims.Issuer{
		`RepositoryIDs has the duplicate "1"`:          gitHub(func(r *gitHubRule) { r.RepositoryIDs = []string{"1", "2", "1"} }),
		`signInProviders has the duplicate "password"`: providers.Firebase("my-project", "password", "password"),
		`RepositoryIDs has "1,2"`:                      gitHub(func(r *gitHubRule) { r.RepositoryIDs = []string{"1,2"} }),
		`OwnerIDs has "01"`:                            gitHub(func(r *gitHubRule) { r.OwnerIDs = []string{"01"} }),
		`Refs has "refs/heads/a,refs/heads/b"`:         gitHub(func(r *gitHubRule) { r.Refs = []string{"refs/heads/a,refs/heads/b"} }),
		`Environments has "staging,production"`:        gitHub(func(r *gitHubRule) { r.Environments = []string{"staging,production"} }),
		`Environments has "*"`:                         gitHub(func(r *gitHubRule) { r.Environments = []string{"*"} }),
		`Environments has "prod-*"`:                    gitHub(func(r *gitHubRule) { r.Environments = []string{"prod-*"} }),
		`Environments has "${ENV}"`:                    gitHub(func(r *gitHubRule) { r.Environments = []string{"${ENV}"} }),
		`Events has "push,schedule"`:                   gitHub(func(r *gitHubRule) { r.Events = []string{"push,schedule"} }),
		`Events has "*"`:                               gitHub(func(r *gitHubRule) { r.Events = []string{"*"} }),
		`Events has "Push"`:                            gitHub(func(r *gitHubRule) { r.Events = []string{"Push"} }),
		`Workflows has "o/r/.github/workflows/a.yml@v1,o/r/`: gitHub(func(r *gitHubRule) {
			r.Workflows = []string{"o/r/.github/workflows/a.yml@v1,o/r/.github/workflows/b.yml@v1"}
		}),
		`NamespaceIDs has "*"`:                                   gitLab(func(r *gitLabRule) { r.NamespaceIDs = []string{"*"} }),
		`Environments has "review/*"`:                            gitLab(func(r *gitLabRule) { r.Environments = []string{"review/*"} }),
		`Sources has "merge_request_event,push"`:                 gitLab(func(r *gitLabRule) { r.Sources = []string{"merge_request_event,push"} }),
		`Emails has "*@p.iam.gserviceaccount.com"`:               providers.GoogleServiceAccount(api, googleRule{Emails: []string{"*@p.iam.gserviceaccount.com"}}),
		`Emails has "a,b@p.iam.gserviceaccount.com"`:             providers.GoogleServiceAccount(api, googleRule{Emails: []string{"a,b@p.iam.gserviceaccount.com"}}),
		`Emails has "A@p.iam.gserviceaccount.com"`:               providers.GoogleServiceAccount(api, googleRule{Emails: []string{"A@p.iam.gserviceaccount.com"}}),
		`Principals has "arn:aws:iam::123456789012:role/A,arn:`:  providers.AWS(awsURL, api, awsRule{Principals: []string{"arn:aws:iam::123456789012:role/A,arn:aws:iam::123456789012:role/B"}}),
		`Principals has "arn:aws:iam::123456789012:role/A?"`:     providers.AWS(awsURL, api, awsRule{Principals: []string{"arn:aws:iam::123456789012:role/A?"}}),
		`Namespaces has "shop,stock"`:                            providers.Kubernetes(clusterURL, api, kubernetesRule{Namespaces: []string{"shop,stock"}}),
		`UIDs has "14EE3FA4-A7E2-420F-9F9A-DBC4507C3798": write`: providers.Kubernetes(clusterURL, api, kubernetesRule{UIDs: []string{"14EE3FA4-A7E2-420F-9F9A-DBC4507C3798"}}),
	} {
		requireMistake(t, want, issuer)
	}
	assert.Empty(t, mistake(gitHub(func(r *gitHubRule) { r.Environments = []string{"Prod EU (west)"} })))
	assert.Empty(t, mistake(gitHub(func(r *gitHubRule) { r.Refs = []string{"refs/tags/pkg@1.0.0"} })))
	assert.Empty(t, mistake(providers.AWS(awsURL, api, awsRule{Principals: []string{"arn:aws:iam::123456789012:role/team/a+b=c,d@e"}})))
	assert.Empty(t, mistake(providers.GoogleServiceAccount(api, googleRule{Emails: []string{"1-compute@developer.gserviceaccount.com", "p@appspot.gserviceaccount.com"}})))
}

// Tokens with these audiences go to other services, which could send them to this API.
func TestAudiencesOfOtherServicesAreRefused(t *testing.T) {
	for name, build := range map[string]func(audience string) claims.Issuer{
		"GitHub": func(a string) claims.Issuer { return providers.GitHubActions(a, gitHubRule{OwnerIDs: []string{"1"}}) },
		"GitLab": func(a string) claims.Issuer {
			return providers.GitLabCI(gitLabURL, a, gitLabRule{ProjectIDs: []string{"1"}})
		},
		"Kubernetes": func(a string) claims.Issuer {
			return providers.Kubernetes(clusterURL, a, kubernetesRule{Namespaces: []string{"shop"}})
		},
		"Google": func(a string) claims.Issuer {
			return providers.GoogleServiceAccount(a, googleRule{UniqueIDs: []string{"1"}})
		},
		"AWS": func(a string) claims.Issuer {
			return providers.AWS(awsURL, a, awsRule{Accounts: []string{"123456789012"}})
		},
	} {
		for _, audience := range []string{
			"sts.amazonaws.com", "api://AzureADTokenExchange", "https://kubernetes.default.svc", "https://kubernetes.default.svc.cluster.local",
			"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
			"https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
		} {
			assert.Contains(t, mistake(build(audience)), "the audience must be the API's own: callers ask for", "%s: %s", name, audience)
		}
		assert.Contains(t, mistake(build("")), "Audiences has an empty value", name)
		assert.Empty(t, mistake(build("https://sts.amazonaws.com.example")), name)
	}
	for want, issuer := range map[string]claims.Issuer{
		"not Google":                  providers.GoogleServiceAccount("https://accounts.google.com", googleRule{UniqueIDs: []string{"1"}}),
		"not the issuer":              providers.AWS(awsURL, awsURL, awsRule{Accounts: []string{"123456789012"}}),
		"jobs get https://github.com": providers.GitHubActions("https://github.com", gitHubRule{OwnerIDs: []string{"1"}}),
		"most clients have account":   providers.Keycloak("https://h", "staff", "account"),
		"not one of Auth0":            providers.Auth0("t.eu.auth0.com", "https://t.eu.auth0.com/userinfo"),
		"one of Auth0's":              providers.Auth0("t.eu.auth0.com", "https://t.eu.auth0.com/api/v2/"),
	} {
		requireMistake(t, want, issuer)
	}
}

func TestAllArgumentsOfAConstructorAreReportedTogether(t *testing.T) {
	for rule, tc := range map[string]struct {
		issuer claims.Issuer
		want   []string
	}{
		"Okta":    {providers.Okta("https://d.okta.com", "a/b", api), []string{"the domain must be", "the authorization server must be"}},
		"Cognito": {providers.Cognito("Frankfurt", "a/b", "my client"), []string{"the region must be", "the user pool must be", "a client must be"}},
		"Entra":   {providers.Entra("api", "common")[0], []string{"the client ID must be", "the tenant must be"}},
	} {
		for _, want := range tc.want {
			assert.Contains(t, mistake(tc.issuer), want, rule)
		}
	}
}
