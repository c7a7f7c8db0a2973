package claims

import (
	"fmt"
	"slices"
	"strings"
)

// ruleHint is for a token that a rule of ClaimRules refuses, or returns "".
func (e *explanation) ruleHint(missing string) string {
	isMissing := func(pointer string) bool { return pointerName(pointer) == missing }
	switch {
	case slices.ContainsFunc(e.issuer.MustLimit, isMissing):
		return "The issuer is right, but the token is of another caller. If it may call this API, add what the token has to the rule."
	case missing == "event_name", missing == "pipeline_source":
		return "The rule does not list what started this job. Forks can start some jobs: read providers.GitHubActions or providers.GitLabCI before you add it."
	case missing == "ref":
		return "The rule does not allow this reference. Those of a merge queue can have the code of a fork: read providers.GitHubActions before you add it."
	}
	return ""
}

// gitHubAudienceHint is for a job of GitHub Actions that did not ask for an audience, or returns "".
func (e *explanation) gitHubAudienceHint(audience []string, want string) string {
	byDefault := func(a string) bool { return strings.HasPrefix(a, "https://github.com/") }
	if !strings.HasPrefix(siteOf(e.issuer.URL).host, "token.actions.") || !slices.ContainsFunc(audience, byDefault) {
		return ""
	}
	return fmt.Sprintf("The job did not ask for an audience. It must call core.getIDToken with %s, or add the parameter audience to the request.", want)
}
