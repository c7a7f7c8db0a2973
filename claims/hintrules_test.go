package claims_test

import (
	"maps"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

func ruleHints() []hintCase {
	issuers := []claims.Issuer{providers.GitHubActions(audience, providers.GitHubRule{RepositoryIDs: []string{"7"}})}
	issuers[0].Algorithms = nil // of signer
	issuers[0].ClaimRules["/runner_environment"] = []any{"github-hosted"}
	job := func(changes members) string {
		all := members{
			"iss": `"https://token.actions.githubusercontent.com"`, "repository_id": `"7"`, "event_name": `"push"`,
			"runner_environment": `"github-hosted"`, "iat": "1893553445", "exp": "1893553745", "scope": "",
		}
		maps.Copy(all, changes)
		return token(all)
	}
	good, otherRunner := job(nil), job(members{"runner_environment": `"self-hosted"`})
	fork := job(members{"event_name": `"pull_request_target"`})
	queued := job(members{"ref": `"refs/heads/gh-readonly-queue/main/pr-1-0f1e"`})
	cases := []hintCase{
		{rule: "a branch of a merge queue", hint: "The rule does not allow this reference", token: queued, others: []string{good, fork, otherRunner}},
		{rule: "another repository", hint: "The issuer is right, but the token is of another caller", token: job(members{"repository_id": `"8"`}), others: []string{good, fork, otherRunner}},
		{rule: "an event of a fork", hint: "The rule does not list what started this job", token: fork, others: []string{good, otherRunner}},
		{rule: "another claim of a rule", hint: "This claim tells tokens of this issuer apart", token: otherRunner, others: []string{good, fork}},
		{rule: "no audience asked for", check: "aud", hint: "The job did not ask for an audience", token: job(members{"aud": `"https://github.com/o"`}), others: []string{good, job(members{"aud": `"https://other.example"`})}},
	}
	for i := range cases {
		cases[i].issuers = issuers
		if cases[i].check == "" {
			cases[i].check = "required_claims"
		}
	}
	return cases
}
