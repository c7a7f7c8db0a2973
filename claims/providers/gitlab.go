package providers

import (
	"regexp"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A GitLabRule says which jobs of GitLab CI are accepted. ProjectIDs or NamespaceIDs are required.
// All fields that are set must match; nil accepts every value, unless the field says otherwise.
//
// Paths of groups and projects can pass to somebody else, ids cannot.
type GitLabRule struct {
	_ [0]func() // written with field names

	// ProjectIDs are the ids of projects, as text: "20".
	ProjectIDs []string
	// NamespaceIDs are the ids of the groups or users that the projects are in directly, not
	// through a subgroup. Without ProjectIDs, each of their projects is accepted.
	NamespaceIDs []string
	// Refs are the full references that a job may run for: "refs/heads/main". They are compared
	// with ref_path, because ref does not tell a branch from a tag. A wildcard is a mistake,
	// because no reference has one.
	Refs []string
	// Environments are the environments of the jobs. A job can name each environment that is not
	// protected.
	Environments []string
	// Sources are the sources of the pipelines. The default is push, web, schedule, api, trigger
	// and pipeline. See [GitLabCI] before you list another.
	Sources []string
	// UnprotectedRefs also accepts jobs for branches and tags that are not protected. Every
	// developer of the project can push to them, so by default they are refused.
	UnprotectedRefs bool
}

// GitLabCI returns the Issuer for jobs of GitLab CI. url is that of the instance, as its users see
// it: "https://gitlab.com". If its administrator has set ci_id_tokens.issuer_url, url is that.
// audience is the API's own: the job names it with id_tokens.
//
// Everyone on gitlab.com, or on a shared instance, can get a token for any audience. So a rule
// is required. The claim sub is not checked, because a project can configure its parts: a route
// must decide by project_id.
//
// A pipeline for the merge request of a fork can run in the project that the request is for. Since
// GitLab 18.2.2, project_id and namespace_id then name the fork; before, they named the other
// project. Since 18.4, job_project_id and job_namespace_id name the project in which the job
// runs. If they are there, they must match the rule as well.
// By default the sources merge_request_event and external_pull_request_event are refused, and
// parent_pipeline, which such a pipeline can start.
//
// Tokens have no scopes, and live as long as the timeout of the job, which MaxLifetime bounds at
// four hours. Raise it for longer jobs. Most ids and flags are strings: ref_protected is "true".
//
//	{"iss":"https://gitlab.com","aud":"https://api.example","project_id":"20","namespace_id":"72",
//	 "ref_path":"refs/heads/main","ref_protected":"true","pipeline_source":"push","iat":6,"nbf":1,"exp":7}
//
// Sources: https://docs.gitlab.com/ci/secrets/id_token_authentication/,
// https://gitlab.com/gitlab-org/gitlab/-/issues/561735 and
// https://gitlab.com/gitlab-org/gitlab/-/merge_requests/202241 for forks, and
// https://gitlab.com/gitlab-org/gitlab/-/blob/master/lib/gitlab/ci/jwt_v2.rb for iss (2026-11-28).
func GitLabCI(url, audience string, rule GitLabRule) claims.Issuer {
	l := newLimits()
	l.oneOf("ProjectIDs", rule.ProjectIDs, gitLabID, "/project_id")
	l.oneOf("NamespaceIDs", rule.NamespaceIDs, gitLabID, "/namespace_id")
	l.oneOf("Refs", rule.Refs, fullRef, "/ref_path")
	l.oneOf("Environments", rule.Environments, anyText, "/environment")
	l.oneOf("Sources", orDefault(rule.Sources, gitLabSources...), jobSource, "/pipeline_source")
	l.ifPresent("/job_project_id", rule.ProjectIDs)
	l.ifPresent("/job_namespace_id", rule.NamespaceIDs)
	if !rule.UnprotectedRefs {
		l.demand("/ref_protected", "true")
	}
	l.check(rule.ProjectIDs == nil && rule.NamespaceIDs == nil, "GitLabRule: ProjectIDs or NamespaceIDs is required: all users of the instance get tokens of this issuer")
	l.check(url != "" && !webURL.MatchString(url), "the URL of the instance must be a URL such as https://gitlab.example.com")
	l.check(strings.HasSuffix(url, "/"), "the URL of the instance must not end in a slash")
	l.checkAudience(audience, audience == url, "the audience must be the API's own, not the URL of the instance")
	return claims.Issuer{
		URL:         url,
		Audiences:   []string{audience},
		Algorithms:  []string{"RS256"},
		MaxLifetime: 4 * time.Hour,
		ClaimRules:  l.rules,
		MustLimit:   []string{"/project_id", "/namespace_id"},
		Err:         l.err(),
	}
}

// gitLabSources never run code of a fork.
var gitLabSources = []string{"push", "web", "schedule", "api", "trigger", "pipeline"}

var gitLabID = form{regexp.MustCompile(`^[1-9][0-9]*$`), "the id, a number such as 20, because a path can pass to somebody else"}
