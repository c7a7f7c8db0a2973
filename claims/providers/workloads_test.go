package providers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/middleware"
)

const (
	api          = "https://api.example/"
	rs256Header  = `{"alg":"RS256","kid":"k1","typ":"JWT"}`
	gitLabURL    = "https://gitlab.example.com"
	clusterURL   = "https://my-cluster.example.com"
	awsURL       = "https://abc123-def456-ghi789-jkl012.tokens.sts.global.api.aws"
	awsRole      = "arn:aws:iam::123456789012:role/DataProcessingRole"
	googleCaller = "caller@my-project.iam.gserviceaccount.com"
	project      = "328859038097867422"
)

// gitHub has every field.
var gitHub = providers.GitHubActions(api, providers.GitHubRule{
	RepositoryIDs: []string{"1", "1339936803"},
	OwnerIDs:      []string{"285964"},
	Refs:          []string{"refs/heads/main"},
	Environments:  []string{"production"},
	Workflows:     []string{"o/r/.github/workflows/claims.yaml@refs/heads/main"},
})

var gitLab = providers.GitLabCI(gitLabURL, api, providers.GitLabRule{
	ProjectIDs:   []string{"20"},
	NamespaceIDs: []string{"72"},
	Refs:         []string{"refs/heads/main"},
	Environments: []string{"production"},
})

var kubernetes = providers.Kubernetes(clusterURL, api, providers.KubernetesRule{
	ServiceAccounts: []string{"my-namespace/my-serviceaccount"},
	UIDs:            []string{"14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
	Namespaces:      []string{"my-namespace"},
})

var google = providers.GoogleServiceAccount(api, providers.GoogleRule{
	UniqueIDs: []string{"112233445566778899001"},
	Emails:    []string{googleCaller},
})

var aws = providers.AWS(awsURL, api, providers.AWSRule{
	Principals:    []string{awsRole},
	Accounts:      []string{"123456789012"},
	Organizations: []string{"o-abc1234567"},
})

// pinned are the samples of issuers with pinned algorithms and lifetimes. The payloads have the
// members of the providers' samples, whose addresses and dates are beside each constructor.
var pinned = []struct {
	file   string
	issuer claims.Issuer
	misses []nearMiss
}{
	{"github.json", gitHub, []nearMiss{
		{`"repository_id":"1339936803"`, `"repository_id":"1339936804"`, claims.ErrMissingClaim},
		{`"repository_id":"1339936803"`, `"repository_id":1339936803`, claims.ErrMissingClaim},
		{`"repository_id":"1339936803",`, ``, claims.ErrMissingClaim},
		{`"repository_owner_id":"285964"`, `"repository_owner_id":"2859640"`, claims.ErrMissingClaim},
		{`"ref":"refs/heads/main"`, `"ref":"refs/tags/main"`, claims.ErrMissingClaim},
		{`"ref":"refs/heads/main"`, `"ref":"main"`, claims.ErrMissingClaim},
		{`"environment":"production",`, ``, claims.ErrMissingClaim},
		{`"environment":"production"`, `"environment":"staging"`, claims.ErrMissingClaim},
		{`yaml@refs/heads/main","job_workflow_sha`, `yaml@refs/heads/evil","job_workflow_sha`, claims.ErrMissingClaim},
		{`yaml@refs/heads/main","job_workflow_sha`, `yaml@refs/heads/main-evil","job_workflow_sha`, claims.ErrMissingClaim},
		{`"job_workflow_ref":"o/r/`, `"job_workflow_ref":"o/r-evil/`, claims.ErrMissingClaim},
		{`"push"`, `"pull_request"`, claims.ErrMissingClaim},
		{`"push"`, `"pull_request_target"`, claims.ErrMissingClaim},
		{`"push"`, `"workflow_run"`, claims.ErrMissingClaim},
		{`"push"`, `"issue_comment"`, claims.ErrMissingClaim},
		{`"https://api.example/"`, `"https://github.com/o"`, claims.ErrAudience},
		{`githubusercontent.com"`, `githubusercontent.com/o"`, claims.ErrIssuer},
		{`githubusercontent.com"`, `githubusercontent.com/"`, claims.ErrIssuer},
		{`https://token.actions.githubusercontent.com`, `https://github.evil.example/_services/token`, claims.ErrIssuer},
	}},
	{"gitlab.json", gitLab, []nearMiss{
		{`"project_id":"20"`, `"project_id":"21"`, claims.ErrMissingClaim}, // the fork, since 18.2.2
		{`"project_id":"20"`, `"project_id":20`, claims.ErrMissingClaim},
		{`"job_project_id":"20"`, `"job_project_id":"21"`, claims.ErrMissingClaim}, // in another project
		{`"namespace_id":"72"`, `"namespace_id":"721"`, claims.ErrMissingClaim},
		{`"ref_path":"refs/heads/main"`, `"ref_path":"refs/tags/main"`, claims.ErrMissingClaim},
		{`"ref_path":"refs/heads/main"`, `"ref_path":null`, claims.ErrMissingClaim},
		{`"ref_protected":"true"`, `"ref_protected":"false"`, claims.ErrMissingClaim},
		{`"ref_protected":"true"`, `"ref_protected":true`, claims.ErrMissingClaim},
		{`"ref_protected":"true",`, ``, claims.ErrMissingClaim},
		{`"environment":"production"`, `"environment":"staging"`, claims.ErrMissingClaim},
		{`"push"`, `"merge_request_event"`, claims.ErrMissingClaim}, // of a fork, before 18.2.2
		{`"push"`, `"external_pull_request_event"`, claims.ErrMissingClaim},
		{`"push"`, `"parent_pipeline"`, claims.ErrMissingClaim},
		{`"aud":"https://api.example/"`, `"aud":"https://gitlab.example.com"`, claims.ErrAudience},
		{`"iss":"https://gitlab.example.com"`, `"iss":"https://gitlab.com"`, claims.ErrIssuer},
		{`"iss":"https://gitlab.example.com"`, `"iss":"gitlab.example.com"`, claims.ErrIssuer},
	}},
	{"kubernetes.json", kubernetes, []nearMiss{
		{`"namespace":"my-namespace"`, `"namespace":"my-namespace-evil"`, claims.ErrMissingClaim},
		{`:my-serviceaccount"`, `:my-serviceaccount2"`, claims.ErrMissingClaim},
		{`:my-namespace:`, `:other:`, claims.ErrMissingClaim},
		{`4507c3798`, `4507c3799`, claims.ErrMissingClaim}, // created again
		{`"uid":"14ee`, `"x":"14ee`, claims.ErrMissingClaim},
		{`"kubernetes.io":{`, `"kubernetes":{`, claims.ErrMissingClaim},
		{`["https://api.example/"]`, `["https://kubernetes.default.svc"]`, claims.ErrAudience},
		{`my-cluster.example.com"`, `my-cluster.example.com/"`, claims.ErrIssuer},
		{`"iss":"https://my-cluster`, `"iss":"https://your-cluster`, claims.ErrIssuer},
		{`"https://my-cluster.example.com"`, `"kubernetes/serviceaccount"`, claims.ErrIssuer},
	}},
	{"google.json", google, []nearMiss{
		{`"sub":"112233445566778899001"`, `"sub":"112233445566778899002"`, claims.ErrMissingClaim},
		{`caller@my-project`, `caller@evil`, claims.ErrMissingClaim},
		{`"email":"caller@my-project.iam.gserviceaccount.com",`, ``, claims.ErrMissingClaim},
		{`"email_verified":true`, `"email_verified":false`, claims.ErrMissingClaim},
		{`"email_verified":true`, `"email_verified":"true"`, claims.ErrMissingClaim},
		{`"email_verified":true,`, ``, claims.ErrMissingClaim},
		{`"azp"`, `"at_hash"`, claims.ErrType},
		{`"https://api.example/"`, `"32555940559.apps.googleusercontent.com"`, claims.ErrAudience},
		{`"https://accounts.google.com"`, `"accounts.google.com"`, claims.ErrIssuer},
		{`"https://accounts.google.com"`, `"https://cloud.google.com/iap"`, claims.ErrIssuer},
	}},
	{"aws.json", aws, []nearMiss{
		{`"sub":"arn:aws:iam::123456789012:role/DataProcessingRole"`, `"sub":"arn:aws:iam::123456789012:role/DataProcessingRole2"`, claims.ErrMissingClaim},
		{`"sub":"arn:aws:iam::123456789012`, `"sub":"arn:aws:iam::123456789013`, claims.ErrMissingClaim},
		// OriginIdentity: another identity provider chose a sub that looks like our role.
		{`"principal_id":"arn:aws:iam::123456789012:role/DataProcessingRole"`, `"principal_id":"arn:aws:iam::123456789012:role/Other"`, claims.ErrMissingClaim},
		{`"aws_account":"123456789012"`, `"aws_account":"123456789013"`, claims.ErrMissingClaim},
		{`"aws_account":"123456789012"`, `"aws_account":123456789012`, claims.ErrMissingClaim},
		{`"org_id":"o-abc1234567"`, `"org_id":"o-abc12345678"`, claims.ErrMissingClaim},
		{`"org_id":"o-abc1234567",`, ``, claims.ErrMissingClaim},
		{`"https://sts.amazonaws.com/"`, `"https://sts.amazonaws.com"`, claims.ErrMissingClaim},
		{`"org_id":"o-abc1234567",`, `"request_tags":{"org_id":"o-abc1234567"},"x":`, claims.ErrMalformed},
		{`abc123-def456`, `abc123-def457`, claims.ErrIssuer},
		{`api.aws"`, `api.aws/"`, claims.ErrIssuer},
		{`"https://api.example/"`, `"sts.amazonaws.com"`, claims.ErrAudience},
	}},
	{"firebase.json", providers.Firebase("my-project", "password", "google.com"), []nearMiss{
		{`"sign_in_provider":"password"`, `"sign_in_provider":"anonymous"`, claims.ErrMissingClaim},
		{`"sign_in_provider":"password"`, `"sign_in_provider":"custom"`, claims.ErrMissingClaim},
		{`"sign_in_provider":"password"`, `"x":1`, claims.ErrMissingClaim},
		{`"sign_in_provider":"password"`, `"tenant":"staff-x1y2z","sign_in_provider":"password"`, claims.ErrMissingClaim},
		{`"sub":"redacted"`, `"sub":""`, claims.ErrMissingClaim},
		{`"sub":"redacted",`, ``, claims.ErrMissingClaim},
		{`"auth_time"`, `"x"`, claims.ErrMissingClaim},
		{`"aud":"my-project"`, `"aud":"other-project"`, claims.ErrAudience},
		{`securetoken.google.com/my-project`, `securetoken.google.com/other-project`, claims.ErrIssuer},
		{`securetoken.google.com`, `session.firebase.google.com`, claims.ErrIssuer},
	}},
	{"supabase.json", providers.Supabase("abcdefghijklmnopqrst.supabase.co"), []nearMiss{
		{`"role":"authenticated"`, `"role":"service_role"`, claims.ErrMissingClaim},
		{`"role":"authenticated"`, `"role":"anon"`, claims.ErrMissingClaim},
		{`"role":"authenticated",`, ``, claims.ErrMissingClaim},
		{`"is_anonymous":false`, `"is_anonymous":true`, claims.ErrMissingClaim},
		{`,"is_anonymous":false`, ``, claims.ErrMissingClaim},
		{`"session_id"`, `"client_id":"9a8b7c6d-5e4f-3a2b-1c0d-9e8f7a6b5c4d","session_id"`, claims.ErrMissingClaim}, // of somebody else's app
		{`"session_id"`, `"x"`, claims.ErrMissingClaim},
		{`"sub":"123e4567-e89b-12d3-a456-426614174000",`, ``, claims.ErrMissingClaim},
		{`"aud":"authenticated"`, `"aud":"anon"`, claims.ErrAudience},
		{`"https://abcdefghijklmnopqrst.supabase.co/auth/v1"`, `"supabase"`, claims.ErrIssuer},
		{`abcdefghijklmnopqrst.`, `bbcdefghijklmnopqrst.`, claims.ErrIssuer},
		{`/auth/v1`, `/auth/v1/`, claims.ErrIssuer},
	}},
	{"clerk.json", providers.Clerk("clerk.example.com", "https://app.example.com"), []nearMiss{
		{`"azp":"https://app.example.com"`, `"azp":"https://evil.example.com"`, claims.ErrAudience},
		{`"azp":"https://app.example.com"`, `"azp":"https://app.example.com/"`, claims.ErrAudience},
		{`"azp":"https://app.example.com",`, ``, claims.ErrAudience},
		{`"azp"`, `"aud":"https://other.example","azp"`, claims.ErrAudience},
		{`"sts":"active"`, `"sts":"pending"`, claims.ErrMissingClaim},
		{`"sid"`, `"x"`, claims.ErrMissingClaim},
		{`"sub"`, `"x"`, claims.ErrMissingClaim},
		{`clerk.example.com"`, `clerk.example.com/"`, claims.ErrIssuer},
		{`https://clerk.example.com`, `https://other.clerk.accounts.dev`, claims.ErrIssuer},
	}},
	{"zitadel.json", providers.Zitadel("my-instance.zitadel.cloud", project), []nearMiss{
		{`"urn:zitadel:iam:org:project:328859038097867422:roles"`, `"urn:zitadel:iam:org:project:1:roles"`, claims.ErrMissingClaim},
		{`"urn:zitadel:iam:org:project:328859038097867422:roles":`, `"urn:zitadel:iam:org:project:328859038097867422:roles":{ },"x":`, claims.ErrMissingClaim},
		{`"urn:zitadel:iam:org:project:328859038097867422:roles":`, `"urn:zitadel:iam:org:project:328859038097867422:roles":[],"x":`, claims.ErrMissingClaim},
		{`"urn:zitadel:iam:org:project:328859038097867422:roles":`, `"urn:zitadel:iam:org:project:328859038097867422:roles":"","x":`, claims.ErrMissingClaim},
		{`"jti"`, `"x"`, claims.ErrMissingClaim},
		{`"jti"`, `"at_hash"`, claims.ErrType},
		{`,"328859038097867422"]`, `]`, claims.ErrAudience},
		{`zitadel.cloud","jti"`, `zitadel.cloud/","jti"`, claims.ErrIssuer},
	}},
}

func sample(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	require.NoError(t, err)
	return string(text)
}

// replaced returns a text with one part replaced, which it must have.
func replaced(t testing.TB, text, from, to string) string {
	t.Helper()
	changed := strings.Replace(text, from, to, 1)
	require.NotEqual(t, text, changed, from)
	return changed
}

func TestSamplesWithTheirRules(t *testing.T) {
	for _, s := range pinned {
		t.Run(s.file, func(t *testing.T) {
			v, text := newVerifier(t, s.issuer), sample(t, s.file)
			c, err := v.Verify(t.Context(), sign(rs256Header, text))
			require.NoError(t, err)
			assert.NotEmpty(t, c.Subject())
			for _, miss := range s.misses {
				_, err := v.Verify(t.Context(), sign(rs256Header, replaced(t, text, miss.from, miss.to)))
				require.ErrorIs(t, err, miss.want, "%s for %s", miss.to, miss.from)
				requireReason(t, miss.want, err)
			}
		})
	}
}

// Package middleware finds the keys of each, and makes no request for it.
func TestMiddlewareTakesTheIssuersAsTheyAre(t *testing.T) {
	var issuers []claims.Issuer
	for _, s := range pinned {
		require.Nil(t, s.issuer.Keys)
		issuers = append(issuers, s.issuer)
	}
	_, err := middleware.New(middleware.Config{Issuers: issuers})
	require.NoError(t, err)
}
