package providers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// A stolen token is of use for a known time, and alg is never the token's choice.
func TestLifetimesAndAlgorithmsArePinned(t *testing.T) {
	for _, s := range pinned {
		t.Run(s.file, func(t *testing.T) {
			v, text := newVerifier(t, s.issuer), sample(t, s.file)
			const iat, long = `"iat":1893553400`, `"iat":1893443400`
			for _, miss := range []nearMiss{
				{iat, `"x":1`, claims.ErrMissingClaim},
				{iat, long, claims.ErrMissingClaim},
				{iat, `"iat":1893553500`, claims.ErrNotYetValid},
			} {
				_, err := v.Verify(t.Context(), sign(rs256Header, replaced(t, text, miss.from, miss.to)))
				requireReason(t, miss.want, err)
			}
			for _, alg := range []string{"PS256", "Ed25519", "HS256"} {
				_, err := v.Verify(t.Context(), sign(replaced(t, rs256Header, "RS256", alg), text))
				requireReason(t, claims.ErrAlgorithm, err)
			}
			none := s.issuer
			none.MaxLifetime = 0
			_, err := newVerifier(t, none).Verify(t.Context(), sign(rs256Header, replaced(t, text, iat, long)))
			assert.NoError(t, err, "nothing else refuses a long life")
		})
	}
}

// Each field of a rule is enough, and each is checked.
func TestOneFieldOfARule(t *testing.T) {
	for rule, tc := range map[string]struct {
		file     string
		issuer   claims.Issuer
		from, to string
	}{
		"repository":      {"github.json", providers.GitHubActions(api, providers.GitHubRule{RepositoryIDs: []string{"1339936803"}}), `"repository_id":"1`, `"repository_id":"2`},
		"owner":           {"github.json", providers.GitHubActions(api, providers.GitHubRule{OwnerIDs: []string{"285964"}}), `"repository_owner_id":"2`, `"repository_owner_id":"3`},
		"project":         {"gitlab.json", providers.GitLabCI(gitLabURL, api, providers.GitLabRule{ProjectIDs: []string{"20"}}), `"project_id":"20"`, `"project_id":"21"`},
		"group":           {"gitlab.json", providers.GitLabCI(gitLabURL, api, providers.GitLabRule{NamespaceIDs: []string{"72"}}), `"namespace_id":"72"`, `"namespace_id":"73"`},
		"service account": {"kubernetes.json", providers.Kubernetes(clusterURL, api, providers.KubernetesRule{ServiceAccounts: []string{"my-namespace/my-serviceaccount"}}), `:my-serviceaccount"`, `:other"`},
		"uid":             {"kubernetes.json", providers.Kubernetes(clusterURL, api, providers.KubernetesRule{UIDs: []string{"14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"}}), `14ee`, `14ef`},
		"namespace":       {"kubernetes.json", providers.Kubernetes(clusterURL, api, providers.KubernetesRule{Namespaces: []string{"my-namespace"}}), `"namespace":"my-namespace"`, `"namespace":"other"`},
		"unique id":       {"google.json", providers.GoogleServiceAccount(api, providers.GoogleRule{UniqueIDs: []string{"112233445566778899001"}}), `"sub":"11`, `"sub":"12`},
		"e-mail":          {"google.json", providers.GoogleServiceAccount(api, providers.GoogleRule{Emails: []string{googleCaller}}), `caller@`, `other@`},
		"principal":       {"aws.json", providers.AWS(awsURL, api, providers.AWSRule{Principals: []string{awsRole}}), `Role","iat"`, `Role2","iat"`},
		"account":         {"aws.json", providers.AWS(awsURL, api, providers.AWSRule{Accounts: []string{"123456789012"}}), `"aws_account":"1`, `"aws_account":"2`},
		"organization":    {"aws.json", providers.AWS(awsURL, api, providers.AWSRule{Organizations: []string{"o-abc1234567"}}), `"o-abc1234567"`, `"o-abc1234568"`},
	} {
		v, text := newVerifier(t, tc.issuer), sample(t, tc.file)
		_, err := v.Verify(t.Context(), sign(rs256Header, text))
		assert.NoError(t, err, rule)
		_, err = v.Verify(t.Context(), sign(rs256Header, replaced(t, text, tc.from, tc.to)))
		assert.ErrorIs(t, err, claims.ErrMissingClaim, rule)
	}
}

// What a rule leaves out can be asked for.
func TestOpenedRules(t *testing.T) {
	pullRequests := providers.GitHubActions(api, providers.GitHubRule{OwnerIDs: []string{"285964"}, Events: []string{"pull_request"}})
	queue := providers.GitHubActions(api, providers.GitHubRule{OwnerIDs: []string{"285964"}, Events: []string{"merge_group", "push"}})
	listed := providers.GitHubActions(api, providers.GitHubRule{OwnerIDs: []string{"285964"}, Refs: []string{"refs/heads/gh-readonly-queue/main/pr-1-0f1e"}})
	const onQueue = `"ref":"refs/heads/gh-readonly-queue/main/pr-1-0f1e"`
	mergeRequests := providers.GitLabCI(gitLabURL, api, providers.GitLabRule{ProjectIDs: []string{"20"}, Sources: []string{"merge_request_event"}})
	branches := providers.GitLabCI(gitLabURL, api, providers.GitLabRule{ProjectIDs: []string{"20"}, UnprotectedRefs: true})
	visitors := providers.Firebase("my-project", "anonymous")
	tenant := providers.Firebase("my-project", "password")
	tenant.ClaimRules["/firebase/tenant"] = []any{"staff-x1y2z"}
	guests := providers.Supabase("abcdefghijklmnopqrst.supabase.co")
	guests.ClaimRules["/is_anonymous"] = []any{false, true}
	partner := providers.Supabase("abcdefghijklmnopqrst.supabase.co")
	partner.ClaimRules["/client_id"] = []any{nil, "9a8b"}
	unattended := providers.Clerk("clerk.example.com", "https://app.example.com")
	unattended.ClaimRules["/act"] = []any{nil}
	hosted := providers.GitHubActions(api, providers.GitHubRule{OwnerIDs: []string{"285964"}})
	hosted.ClaimRules["/runner_environment"] = []any{"github-hosted"}
	for rule, tc := range map[string]struct {
		file     string
		issuer   claims.Issuer
		from, to string // "" for the sample as it is
		want     claims.Reason
	}{
		"a merge queue":            {"github.json", queue, `"ref":"refs/heads/main"`, onQueue, ""},
		"a branch of the queue":    {"github.json", listed, `"ref":"refs/heads/main"`, onQueue, ""},
		"a branch beside it":       {"github.json", hosted, `"ref":"refs/heads/main"`, `"ref":"refs/heads/gh-readonly"`, ""},
		"pull requests":            {"github.json", pullRequests, `"push"`, `"pull_request"`, ""},
		"only pull requests":       {"github.json", pullRequests, "", "", claims.ErrMissingClaim},
		"merge requests":           {"gitlab.json", mergeRequests, `"push"`, `"merge_request_event"`, ""},
		"only merge requests":      {"gitlab.json", mergeRequests, "", "", claims.ErrMissingClaim},
		"unprotected branches":     {"gitlab.json", branches, `"ref_protected":"true"`, `"ref_protected":"false"`, ""},
		"of another project":       {"gitlab.json", branches, `"project_id":"20"`, `"project_id":"21"`, claims.ErrMissingClaim},
		"anonymous users":          {"firebase-anonymous.json", visitors, "", "", ""},
		"anonymous users only":     {"firebase.json", visitors, "", "", claims.ErrMissingClaim},
		"users of a tenant":        {"firebase.json", tenant, `"identities"`, `"tenant":"staff-x1y2z","identities"`, ""},
		"users of another tenant":  {"firebase.json", tenant, `"identities"`, `"tenant":"x","identities"`, claims.ErrMissingClaim},
		"users of no tenant":       {"firebase.json", tenant, "", "", claims.ErrMissingClaim},
		"users without an account": {"supabase.json", guests, `"is_anonymous":false`, `"is_anonymous":true`, ""},
		"a client of Supabase":     {"supabase.json", partner, `"session_id"`, `"client_id":"9a8b","session_id"`, ""},
		"no client of Supabase":    {"supabase.json", partner, "", "", ""},
		"another client":           {"supabase.json", partner, `"session_id"`, `"client_id":"9a8c","session_id"`, claims.ErrMissingClaim},
		"hosted runners":           {"github.json", hosted, "", "", ""},
		"self-hosted runners":      {"github.json", hosted, `"github-hosted"`, `"self-hosted"`, claims.ErrMissingClaim},
		"GitLab before 18.4":       {"gitlab.json", gitLab, `"job_project_id":"20",`, ``, ""},
		"AWS without principal_id": {"aws.json", aws, `"principal_id":"` + awsRole + `",`, ``, ""},
		"an administrator as user": {"clerk.json", providers.Clerk("clerk.example.com", "https://app.example.com"), `"sts"`, `"act":{"sub":"user_9"},"sts"`, ""},
		"no administrator as user": {"clerk.json", unattended, `"sts"`, `"act":{"sub":"user_9"},"sts"`, claims.ErrMissingClaim},
		"no other party as user":   {"clerk.json", unattended, "", "", ""},
		"Clerk, version 1":         {"clerk.json", providers.Clerk("clerk.example.com", "https://app.example.com"), `"sts":"active",`, ``, ""},
	} {
		text := sample(t, tc.file)
		if tc.from != "" {
			text = replaced(t, text, tc.from, tc.to)
		}
		_, err := newVerifier(t, tc.issuer).Verify(t.Context(), sign(rs256Header, text))
		if tc.want == "" {
			assert.NoError(t, err, rule)
			continue
		}
		assert.ErrorIs(t, err, tc.want, rule)
	}
}

// A project of Supabase without signing keys signs with its secret, and so does it sign its keys.
func TestSupabaseWithTheSecretOfTheProject(t *testing.T) {
	issuer := providers.Supabase("abcdefghijklmnopqrst.supabase.co")
	issuer.Algorithms = []string{"HS256"}
	v, text := newVerifier(t, issuer), sample(t, "supabase.json")
	header := replaced(t, rs256Header, "RS256", "HS256")
	_, err := v.Verify(t.Context(), sign(header, text))
	assert.NoError(t, err)
	_, err = v.Verify(t.Context(), sign(header, replaced(t, text, `"role":"authenticated"`, `"role":"service_role"`)))
	requireReason(t, claims.ErrMissingClaim, err)
	_, err = v.Verify(t.Context(), sign(rs256Header, text))
	requireReason(t, claims.ErrAlgorithm, err)
}
