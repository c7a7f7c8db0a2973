package providers

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A GitHubRule says which jobs of GitHub Actions are accepted. RepositoryIDs or OwnerIDs are
// required. All fields that are set must match; nil accepts every value, unless the field says
// otherwise.
//
// Names of owners and repositories can pass to somebody else, ids cannot. A repository keeps its
// id when it is transferred to another owner: set OwnerIDs as well to end its access then. The
// ids are id and owner.id in the answer of https://api.github.com/repos/OWNER/NAME.
type GitHubRule struct {
	_ [0]func() // written with field names

	// RepositoryIDs are the ids of repositories, as text: "1296269".
	RepositoryIDs []string
	// OwnerIDs are the ids of organisations or users. Without RepositoryIDs, each job of each
	// of their repositories is accepted.
	OwnerIDs []string
	// Refs are the full references that a job may run for: "refs/heads/main". A wildcard is a
	// mistake, because no reference has one. The default is all but those of a merge queue.
	Refs []string
	// Environments are the environments of the jobs. The protection rules of an environment
	// hold before the job gets its token. Without such rules, each job can name the environment.
	Environments []string
	// Workflows are the workflow files of the jobs, with their reference, as in
	// job_workflow_ref: "octo-org/deploy/.github/workflows/deploy.yml@refs/heads/main". A file
	// without a reference is a mistake: anyone who can push a branch could change it.
	Workflows []string
	// Events are the events that started the workflow. The default is push, schedule,
	// workflow_dispatch, repository_dispatch and release. See [GitHubActions] before you list
	// another.
	Events []string
}

// GitHubActions returns the Issuer for jobs of GitHub Actions. audience is the API's own: the job
// asks for it, and needs the permission id-token: write.
//
// Anyone on GitHub can get a token of this issuer for any audience. So a rule is required, and
// the default audience of a job, https://github.com/OWNER, is a mistake: tokens with it go to
// other services, too. The claim sub is not checked, because owners can customise it, so that jobs
// of several repositories can have the same: a route must decide by repository_id.
//
// A pull request from a fork can run a stranger's code, while repository_id and repository_owner_id
// name the repository that the request is for. For the event pull_request, GitHub gives such a
// job no token, unless the repository sends write tokens to forks. For pull_request_target,
// workflow_run and issue_comment it does. So all events but those of the default are refused unless
// Events lists them.
//
// A merge queue runs the code of a pull request before it is merged, on a branch that GitHub pushes:
// the event can be push as well as merge_group. So references below refs/heads/gh-readonly-queue/
// are refused unless Refs lists references, or Events lists merge_group.
//
// URL is that of github.com. Set it to
//
//   - https://HOST/_services/token for GitHub Enterprise Server,
//   - https://token.actions.SUBDOMAIN.ghe.com with data residency,
//   - https://token.actions.githubusercontent.com/SLUG if the enterprise has its own issuer.
//
// Tokens have no scopes, and live for 5 minutes.
//
//	{"iss":"https://token.actions.githubusercontent.com","aud":"https://api.example","repository_id":"1",
//	 "repository_owner_id":"2","ref":"refs/heads/main","event_name":"push",
//	 "job_workflow_ref":"o/r/.github/workflows/ci.yaml@refs/heads/main","iat":1,"nbf":1,"exp":2}
//
// Sources: https://docs.github.com/en/actions/reference/security/oidc,
// https://github.com/andreaso/output-oidc-claims-action for a payload,
// https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
// and, for the pushes of a merge queue, https://github.com/pnpm/pnpm/pull/12633 (2026-11-28).
func GitHubActions(audience string, rule GitHubRule) claims.Issuer {
	l := newLimits()
	l.oneOf("RepositoryIDs", rule.RepositoryIDs, gitHubID, "/repository_id")
	l.oneOf("OwnerIDs", rule.OwnerIDs, gitHubID, "/repository_owner_id")
	l.oneOf("Refs", rule.Refs, fullRef, "/ref")
	if rule.Refs == nil && !slices.Contains(rule.Events, "merge_group") {
		l.demand("/ref", notBelow("refs/heads/gh-readonly-queue/"), nil)
	}
	l.oneOf("Environments", rule.Environments, anyText, "/environment")
	l.oneOf("Workflows", rule.Workflows, gitHubWorkflow, "/job_workflow_ref")
	l.oneOf("Events", orDefault(rule.Events, gitHubEvents...), jobSource, "/event_name")
	l.check(rule.RepositoryIDs == nil && rule.OwnerIDs == nil, "GitHubRule: RepositoryIDs or OwnerIDs is required: everyone on GitHub gets tokens of this issuer")
	l.checkAudience(audience, strings.HasPrefix(audience+"/", "https://github.com/"), "the audience must be the API's own: jobs get https://github.com/OWNER for every service")
	return claims.Issuer{
		URL:         "https://token.actions.githubusercontent.com",
		Audiences:   []string{audience},
		Algorithms:  []string{"RS256"},
		MaxLifetime: 15 * time.Minute,
		ClaimRules:  l.rules,
		MustLimit:   []string{"/repository_id", "/repository_owner_id"},
		Err:         l.err(),
	}
}

// gitHubEvents need write access to the repository, and run code that is in it already. merge_group
// is not one of them, because its code can be that of a fork.
var gitHubEvents = []string{"push", "schedule", "workflow_dispatch", "repository_dispatch", "release"}

var (
	gitHubID       = form{regexp.MustCompile(`^[1-9][0-9]*$`), "the id, a number such as 1296269, because a name can pass to somebody else"}
	gitHubWorkflow = form{regexp.MustCompile(`^[^/@\s*]+/[^/@\s*]+/\.github/workflows/[^/@\pC*]+@[^\s\pC*?,]+$`), "OWNER/NAME/.github/workflows/FILE@refs/heads/BRANCH, with the reference and without a wildcard"}
)
