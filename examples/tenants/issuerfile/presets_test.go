package issuerfile_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/examples/tenants/issuerfile"
)

const (
	tenantID = "11111111-2222-3333-4444-555555555555"
	clientID = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
)

var accessTag = strings.Repeat("0f", 32)

// A constructor that has no preset cannot be used in a file.
func TestEveryConstructorHasAPreset(t *testing.T) {
	files, err := filepath.Glob("../../../claims/providers/*.go")
	require.NoError(t, err)
	constructor := regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(.*\) (\[\])?claims\.Issuer \{`)
	var want []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range constructor.FindAllStringSubmatch(string(text), -1) {
			if found[1] != "FAPI2" { // it changes the Issuer that it is given
				want = append(want, strings.ToLower(found[1]))
			}
		}
	}
	require.NotEmpty(t, want)
	_, err = issuerfile.Parse([]byte(`[{"preset": {"none": {"a": "b"}}}]`))
	require.Error(t, err)
	_, presets, _ := strings.Cut(err.Error(), "it can be ")
	assert.ElementsMatch(t, want, strings.Split(strings.ReplaceAll(presets, "_", ""), ", "))
}

func TestPresetsAreTheConstructorsOfProviders(t *testing.T) {
	for preset, want := range map[string]claims.Issuer{
		`"auth0": {"domain": "a.auth0.com", "audience": "api"}`: providers.Auth0("a.auth0.com", "api"),
		`"aws": {"issuer_url": "https://a.tokens.sts.global.api.aws", "audience": "api", "accounts": ["123456789012"],
			"organizations": ["o-abc1234567"], "principals": ["arn:aws:iam::123456789012:role/Uploader"]}`: providers.AWS(
			"https://a.tokens.sts.global.api.aws", "api", providers.AWSRule{
				Accounts: []string{"123456789012"}, Organizations: []string{"o-abc1234567"},
				Principals: []string{"arn:aws:iam::123456789012:role/Uploader"},
			}),
		`"clerk": {"domain": "clerk.example.com", "origins": ["https://app.example.com"]}`: providers.Clerk(
			"clerk.example.com", "https://app.example.com"),
		`"cloudflare_access": {"team": "acme", "audience": "` + accessTag + `"}`: providers.CloudflareAccess("acme", accessTag),
		`"cognito": {"region": "eu-west-1", "user_pool": "eu-west-1_x", "client_ids": ["a", "b"]}`: providers.Cognito(
			"eu-west-1", "eu-west-1_x", "a", "b"),
		`"cognito_updated": {"region": "eu-west-1", "user_pool": "eu-west-1_x", "client_ids": ["a"]}`: providers.CognitoUpdated(
			"eu-west-1", "eu-west-1_x", "a"),
		`"firebase": {"project": "shop", "sign_in_providers": ["password"]}`: providers.Firebase("shop", "password"),
		`"github_actions": {"audience": "api", "repository_ids": ["1"], "owner_ids": ["2"], "refs": ["refs/heads/main"],
			"environments": ["live"], "workflows": ["o/r/.github/workflows/ci.yaml@refs/heads/main"], "events": ["push"]}`: providers.GitHubActions(
			"api", providers.GitHubRule{
				RepositoryIDs: []string{"1"}, OwnerIDs: []string{"2"}, Refs: []string{"refs/heads/main"}, Environments: []string{"live"},
				Workflows: []string{"o/r/.github/workflows/ci.yaml@refs/heads/main"}, Events: []string{"push"},
			}),
		`"gitlab_ci": {"url": "https://gitlab.com", "audience": "api", "project_ids": ["1"], "namespace_ids": ["2"],
			"refs": ["refs/heads/main"], "environments": ["live"], "sources": ["push"], "unprotected_refs": true}`: providers.GitLabCI(
			"https://gitlab.com", "api", providers.GitLabRule{
				ProjectIDs: []string{"1"}, NamespaceIDs: []string{"2"}, Refs: []string{"refs/heads/main"}, Environments: []string{"live"},
				Sources: []string{"push"}, UnprotectedRefs: true,
			}),
		`"google_iap": {"audience": "/projects/1/apps/shop"}`: providers.GoogleIAP("/projects/1/apps/shop"),
		`"google_service_account": {"audience": "api", "unique_ids": ["1"], "emails": ["a@p.iam.gserviceaccount.com"]}`: providers.GoogleServiceAccount(
			"api", providers.GoogleRule{UniqueIDs: []string{"1"}, Emails: []string{"a@p.iam.gserviceaccount.com"}}),
		`"keycloak": {"base_url": "https://id.example.com", "realm": "acme", "audience": "api"}`: providers.Keycloak(
			"https://id.example.com", "acme", "api"),
		`"kubernetes": {"url": "https://cluster.example", "audience": "api", "service_accounts": ["shop/cart"],
			"uids": ["` + tenantID + `"], "namespaces": ["shop"]}`: providers.Kubernetes("https://cluster.example", "api", providers.KubernetesRule{
			ServiceAccounts: []string{"shop/cart"}, UIDs: []string{tenantID}, Namespaces: []string{"shop"},
		}),
		`"okta": {"domain": "a.okta.com", "server": "default", "audience": "api"}`: providers.Okta("a.okta.com", "default", "api"),
		`"supabase": {"domain": "a.supabase.co"}`:                                  providers.Supabase("a.supabase.co"),
		`"zitadel": {"domain": "a.zitadel.cloud", "project": "1"}`:                 providers.Zitadel("a.zitadel.cloud", "1"),
	} {
		assert.Equal(t, []claims.Issuer{want}, parse(t, `[{"preset": {`+preset+`}}]`), preset)
	}
	assert.Equal(t, providers.Entra(clientID, tenantID),
		parse(t, `[{"preset": {"entra": {"client_id": "`+clientID+`", "tenants": ["`+tenantID+`"]}}}]`), "two issuers")
}

func TestMembersNextToAPresetAdd(t *testing.T) {
	got := parse(t, `[{
		"preset": {"keycloak": {"base_url": "https://id.example.com", "realm": "acme", "audience": "api"}},
		"required_claims": ["sub"], "claim_one_of": {"azp": ["app"]}, "algorithms": ["ES256"], "max_lifetime": "5m"
	}]`)
	want := providers.Keycloak("https://id.example.com", "acme", "api")
	want.RequiredClaims = []string{"sub"}
	want.ClaimOneOf["azp"] = []string{"app"}
	want.Algorithms, want.MaxLifetime = []string{"ES256"}, 5*time.Minute
	assert.Equal(t, []claims.Issuer{want}, got)

	got = parse(t, `[{
		"preset": {"github_actions": {"audience": "api", "owner_ids": ["1"]}},
		"url": "https://token.actions.acme.ghe.com"
	}]`)
	assert.Equal(t, "https://token.actions.acme.ghe.com", got[0].URL)
	assert.Equal(t, []any{"1"}, got[0].ClaimRules["/repository_owner_id"])
}

func TestPresetsKeepTheirChecks(t *testing.T) {
	const (
		keycloak = `"preset": {"keycloak": {"base_url": "https://id.example.com", "realm": "acme", "audience": "api"}}`
		cognito  = `"preset": {"cognito": {"region": "eu-west-1", "user_pool": "eu-west-1_x", "client_ids": ["a"]}}`
		gitHub   = `"preset": {"github_actions": {"audience": "api", "owner_ids": ["1"]}}`
		entra    = `"preset": {"entra": {"client_id": "` + clientID + `", "tenants": ["` + tenantID + `"]}}`
	)
	for _, tt := range []struct{ rule, issuer, want string }{
		{"what tells access tokens apart", keycloak + `, "claim_one_of": {"typ": ["ID"]}`, "/0/claim_one_of/typ: the preset sets it"},
		{"the audience", keycloak + `, "audiences": ["account"]`, "/0/audiences: the preset sets it"},
		{"the clients", cognito + `, "without_audience": {"client_ids": ["b"]}`, "/0/without_audience: the preset sets it"},
		{"a value", cognito + `, "claim_values": {"token_use": "id"}`, "/0/claim_values/token_use: the preset sets it"},
		{"a rule", gitHub + `, "claim_rules": {"/repository_owner_id": ["2"]}`, "/0/claim_rules/~1repository_owner_id: the preset sets it"},
		{"the rules that are demanded", gitHub + `, "must_limit": ["/sub"]`, "/0/must_limit: the preset sets it"},
		{"a choice", entra + `, "required_any": ["sub"]`, "/0/required_any: the preset sets it"},
		{"the constructor's own checks", `"preset": {"github_actions": {"audience": "api"}}`, "RepositoryIDs or OwnerIDs is required"},
		{"an alias", `"preset": {"entra": {"client_id": "` + clientID + `", "tenants": ["common"]}}`, "the tenant must be a GUID"},
		{"an empty argument", `"preset": {"okta": {"domain": "a.okta.com", "server": "", "audience": "api"}}`, "/0/preset/okta/server: it is empty"},
		{"a list that is null", `"preset": {"github_actions": {"audience": "api", "owner_ids": ["1"], "refs": null}}`, "/0/preset/github_actions/refs: it is empty"},
		{"unknown argument", `"preset": {"auth0": {"domain": "a.auth0.com", "audience": "api", "realm": "x"}}`, "/0/preset/auth0/realm: there is no such member"},
		{"arguments that are no object", `"preset": {"auth0": "a.auth0.com"}`, "/0/preset/auth0: it must be an object"},
		{"unknown preset", `"preset": {"auth1": {"domain": "a.auth0.com"}}`, `there is no preset "auth1": it can be auth0, aws, clerk,`},
		{"two presets", `"preset": {"supabase": {"domain": "a.example"}, "auth0": {"domain": "a.example"}}`, "/0/preset: it must be an object with one member"},
		{"a preset as text", `"preset": "auth0"`, "/0/preset: the member must be an object with one member"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			_, err := issuerfile.Parse([]byte(`[{` + tt.issuer + `}]`))
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
