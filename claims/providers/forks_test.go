package providers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// The rules have one id only, so that nothing else refuses a fork.
func TestJobsOfForksAreRefused(t *testing.T) {
	repository := providers.GitHubActions(api, providers.GitHubRule{RepositoryIDs: []string{"1339936803"}})
	owner := providers.GitHubActions(api, providers.GitHubRule{OwnerIDs: []string{"285964"}})
	inProject := providers.GitLabCI(gitLabURL, api, providers.GitLabRule{ProjectIDs: []string{"20"}, UnprotectedRefs: true})
	inGroup := providers.GitLabCI(gitLabURL, api, providers.GitLabRule{NamespaceIDs: []string{"72"}, UnprotectedRefs: true})
	pushToFork := [][2]string{
		{`"repository_id":"1339936803"`, `"repository_id":"1339936999"`},
		{`"repository_owner_id":"285964"`, `"repository_owner_id":"666"`},
	}
	event := func(name string) [][2]string {
		return [][2]string{{`"push"`, `"` + name + `"`}, {`"head_ref":""`, `"head_ref":"patch-1"`}}
	}
	queued := [][2]string{{`"ref":"refs/heads/main"`, `"ref":"refs/heads/gh-readonly-queue/main/pr-1-0f1e"`}}
	forkOf := [][2]string{
		{`"push"`, `"merge_request_event"`},
		{`"project_id":"20"`, `"project_id":"99"`},
		{`"namespace_id":"72"`, `"namespace_id":"999"`},
	}
	for rule, tc := range map[string]struct {
		file    string
		issuers []claims.Issuer
		changes [][2]string
	}{
		"GitHub, a push to the fork":                       {"github.json", []claims.Issuer{repository, owner}, pushToFork},
		"GitHub, a pull request, with write tokens":        {"github.json", []claims.Issuer{repository, owner}, event("pull_request")},
		"GitHub, pull_request_target":                      {"github.json", []claims.Issuer{repository, owner}, event("pull_request_target")},
		"GitHub, workflow_run after a pull request":        {"github.json", []claims.Issuer{repository, owner}, event("workflow_run")},
		"GitHub, issue_comment":                            {"github.json", []claims.Issuer{repository, owner}, event("issue_comment")},
		"GitHub, pull_request_review":                      {"github.json", []claims.Issuer{repository, owner}, event("pull_request_review")},
		"GitHub, a push of the merge queue":                {"github.json", []claims.Issuer{repository, owner}, queued},
		"GitHub, merge_group of a queue":                   {"github.json", []claims.Issuer{repository, owner}, append(event("merge_group"), queued...)},
		"GitHub, a reference that is a list":               {"github.json", []claims.Issuer{repository, owner}, [][2]string{{`"ref":"refs/heads/main"`, `"ref":["refs/heads/main"]`}}},
		"GitHub, merge_group":                              {"github.json", []claims.Issuer{repository, owner}, event("merge_group")},
		"GitHub, an event that is not known yet":           {"github.json", []claims.Issuer{repository, owner}, event("agent_session")},
		"GitLab, a push to the fork":                       {"gitlab.json", []claims.Issuer{inProject, inGroup}, forkOf[1:]},
		"GitLab, a merge request, since 18.2.2":            {"gitlab.json", []claims.Issuer{inProject, inGroup}, forkOf},
		"GitLab, a merge request, before":                  {"gitlab.json", []claims.Issuer{inProject, inGroup}, forkOf[:1]},
		"GitLab, a pull request of GitHub":                 {"gitlab.json", []claims.Issuer{inProject, inGroup}, [][2]string{{`"push"`, `"external_pull_request_event"`}}},
		"GitLab, a child pipeline of a merge request":      {"gitlab.json", []claims.Issuer{inProject, inGroup}, [][2]string{{`"push"`, `"parent_pipeline"`}}},
		"GitLab, our merge request in the parent's runner": {"gitlab.json", []claims.Issuer{inProject, inGroup}, [][2]string{{`"job_project_id":"20"`, `"job_project_id":"1"`}, {`"job_namespace_id":"72"`, `"job_namespace_id":"1"`}}},
	} {
		text := sample(t, tc.file)
		for _, change := range tc.changes {
			text = replaced(t, text, change[0], change[1])
		}
		for _, issuer := range tc.issuers {
			v := newVerifier(t, issuer)
			_, err := v.Verify(t.Context(), sign(rs256Header, sample(t, tc.file)))
			require.NoError(t, err, rule)
			_, err = v.Verify(t.Context(), sign(rs256Header, text))
			assert.ErrorIs(t, err, claims.ErrMissingClaim, rule)
		}
	}
}
