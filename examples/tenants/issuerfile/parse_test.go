package issuerfile_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/examples/tenants/issuerfile"
)

func parse(t *testing.T, document string) []claims.Issuer {
	t.Helper()
	issuers, err := issuerfile.Parse([]byte(document))
	require.NoError(t, err)
	return issuers
}

func TestEverySettingIsRead(t *testing.T) {
	got := parse(t, `[{
		"url": "https://a.example/",
		"jwks_url": "https://keys.example/a",
		"audiences": ["api"],
		"without_audience": {"client_ids": ["c"], "client_id_claim": "azp", "claim_values": {"use": "access"}},
		"algorithms": ["ES256"],
		"token_types": ["", "at+jwt"],
		"required_claims": ["sub"],
		"required_any": ["scp", "roles"],
		"claim_values": {"tid": "1"},
		"claim_one_of": {"typ": ["Bearer", "DPoP"]},
		"claim_rules": {"/a/b": ["x", true, null], "/org": ["acme"]},
		"must_limit": ["/org"],
		"scope_claims": [["scp"], ["realm_access", "roles"]],
		"allowed_scopes": ["read"],
		"leeway": "10s",
		"max_lifetime": "1h30m"
	}]`)
	assert.Equal(t, []claims.Issuer{{
		URL: "https://a.example/", JWKSURL: "https://keys.example/a", Audiences: []string{"api"},
		WithoutAudience: &claims.WithoutAudience{
			ClientIDs: []string{"c"}, ClientIDClaim: "azp", ClaimValues: map[string]string{"use": "access"},
		},
		Algorithms: []string{"ES256"}, TokenTypes: []string{"", "at+jwt"},
		RequiredClaims: []string{"sub"}, RequiredAny: []string{"scp", "roles"},
		ClaimValues: map[string]string{"tid": "1"}, ClaimOneOf: map[string][]string{"typ": {"Bearer", "DPoP"}},
		ClaimRules: map[string][]any{"/a/b": {"x", true, nil}, "/org": {"acme"}}, MustLimit: []string{"/org"},
		ScopeClaims: [][]string{{"scp"}, {"realm_access", "roles"}}, AllowedScopes: []string{"read"},
		Leeway: 10 * time.Second, MaxLifetime: 90 * time.Minute,
	}}, got)
}

func TestWhatIsRefusedHasItsPlace(t *testing.T) {
	const good = `"url": "https://a.example/", "audiences": ["api"]`
	for _, tt := range []struct{ rule, document, want string }{
		{"nothing", ``, "line 1: jsontext: unexpected EOF"},
		{"white space", " \n", "line 2: jsontext: unexpected EOF"},
		{"no list", `{` + good + `}`, "the file must be a list of at least one issuer"},
		{"null", `null`, "the file must be a list of at least one issuer"},
		{"no issuer", `[]`, "the file must be a list of at least one issuer"},
		{"cut off", "[\n{" + good + ",\n", "line 3: "},
		{"bytes after the list", "[{" + good + "}]\n[]", "line 2: "},
		{"a comment", "[{" + good + "}] // ours", "invalid character '/'"},
		{"not UTF-8", "[{" + good + ", \"leeway\": \"\xff\"}]", "invalid UTF-8"},
		{"too long", "[{" + good + "}]" + strings.Repeat(" ", 1<<20), "longer than 1048576 bytes"},
		{"duplicate member", `[{` + good + `, "url": "https://b.example/"}]`, `duplicate object member name "url"`},
		{"duplicate rule", `[{` + good + `, "claim_values": {"a": "1", "a": "2"}}]`, `duplicate object member name "a"`},
		{"not an object", `[{` + good + `}, "https://b.example/"]`, "/1: it must be an object"},
		{"null for an issuer", `[null]`, "/0: it must be an object"},
		{"unknown member", `[{` + good + `, "audience": "api"}]`, "/0/audience: there is no such member"},
		{"another case", `[{` + good + `, "Leeway": "1s"}]`, "/0/Leeway: there is no such member"},
		{"keys", `[{` + good + `, "keys": []}]`, "/0/keys: there is no such member"},
		{"no URL", `[{"audiences": ["api"]}]`, "/0: claims: invalid Issuer \"\": URL is empty"},
		{"no audience", `[{"url": "https://a.example/"}]`, "/0: claims: invalid Issuer \"https://a.example/\": Audiences is empty"},
		{"an empty audience", `[{"url": "https://a.example/", "audiences": [""]}]`, "/0/audiences/0: it is empty"},
		{"no audience in the list", `[{"url": "https://a.example/", "audiences": []}]`, "/0/audiences: it is empty"},
		{"null for a list", `[{"url": "https://a.example/", "audiences": null}]`, "/0/audiences: it is empty"},
		{"null in a list", `[{` + good + `, "required_claims": ["sub", null]}]`, "/0/required_claims/1: it is empty"},
		{"no required claims", `[{` + good + `, "required_claims": []}]`, "/0/required_claims: it is empty"},
		{"no token types", `[{` + good + `, "token_types": []}]`, "/0/token_types: it is empty"},
		{"no rules", `[{` + good + `, "claim_rules": {}}]`, "/0/claim_rules: it is empty"},
		{"null for the rules", `[{` + good + `, "claim_rules": null}]`, "/0/claim_rules: it is empty"},
		{"null for the values of a rule", `[{` + good + `, "claim_rules": {"/a": null}}]`, "/0/claim_rules/~1a: it is empty"},
		{"null for the rules next to a preset", `[{"preset": {"auth0": {"domain": "a.eu.auth0.com", "audience": "api"}}, "claim_rules": null}]`, "/0/claim_rules: it is empty"},
		{"a rule without values", `[{` + good + `, "claim_rules": {"/a~1b": []}}]`, "/0/claim_rules/~1a~01b: it is empty"},
		{"a number in a rule", `[{` + good + `, "claim_rules": {"/a": [1]}}]`, "neither a string, a bool nor nil"},
		{"a text for a list", `[{"url": "https://a.example/", "audiences": "api"}]`, "/0/audiences: the member must be a list of strings"},
		{"a number in a list", `[{"url": "https://a.example/", "audiences": ["api", 1]}]`, "/0/audiences/1: the member must be a list of strings"},
		{"a number of seconds", `[{` + good + `, "leeway": 10}]`, `/0/leeway: the member must be a duration such as "90s"`},
		{"a duration without a unit", `[{` + good + `, "leeway": "10"}]`, `/0/leeway: "10" is not a duration`},
		{"a lifetime of zero is no limit", `[{` + good + `, "max_lifetime": "0s"}]`, `/0/max_lifetime: "0s" would mean the default`},
		{"a leeway of a day", `[{` + good + `, "leeway": "24h"}]`, "/0: claims: invalid Issuer \"https://a.example/\": Leeway 24h0m0s"},
		{"unknown algorithm", `[{` + good + `, "algorithms": ["none"]}]`, `/0: claims: invalid Issuer "https://a.example/": algorithm "none"`},
		{"a client without a name", `[{"url": "https://a.example/", "without_audience": {"client_id_claim": "azp"}}]`, "/0/without_audience/client_ids: it is required"},
		{"values that are null", `[{"url": "https://a.example/", "without_audience": {"client_ids": ["a"], "claim_values": null}}]`, "/0/without_audience/claim_values: it is empty"},
		{"unknown member within", `[{"url": "https://a.example/", "without_audience": {"client_ids": ["a"], "any": true}}]`, "/0/without_audience/any: there is no such member"},
		{"a list that is too long", `[{"url": "https://a.example/", "audiences": ["api"` + strings.Repeat(`, "a"`, 1000) + `]}]`, "/0/audiences: it has more than 1000 elements"},
		{"a rule that is too long", `[{` + good + `, "claim_rules": {"/a": ["x"` + strings.Repeat(`, "a"`, 1000) + `]}}]`, "/0/claim_rules/~1a: it has more than 1000 elements"},
		{"values that are too many", `[{` + good + `, "claim_one_of": {"a": ["x"` + strings.Repeat(`, "a"`, 1000) + `]}}]`, "/0/claim_one_of/a: it has more than 1000 elements"},
		{"scope claims that are too many", `[{` + good + `, "scope_claims": [["x"]` + strings.Repeat(`, ["a"]`, 1000) + `]}]`, "/0/scope_claims: it has more than 1000 elements"},
		{"a path that is too long", `[{` + good + `, "scope_claims": [["x"` + strings.Repeat(`, "a"`, 1000) + `]]}]`, "/0/scope_claims/0: it has more than 1000 elements"},
		{"duplicate issuer", `[{` + good + `}, {` + good + `}]`, `/1: "https://a.example/" is a duplicate of /0`},
		{"a profile, and its types", `[{` + good + `, "rfc9068": true, "token_types": ["jwt"]}]`, "/0/token_types: rfc9068 sets it"},
		{"a profile as text", `[{` + good + `, "rfc9068": "yes"}]`, "/0/rfc9068: the member must be true or false"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			issuers, err := issuerfile.Parse([]byte(tt.document))
			assert.ErrorContains(t, err, tt.want)
			assert.Empty(t, issuers)
		})
	}
}

func TestAllMistakesAreReported(t *testing.T) {
	_, err := issuerfile.Parse([]byte(`[
		{"url": "https://a.example/", "audience": "api", "leeway": 10},
		{"url": "https://b.example/"},
		{"preset": {"auth0": {"domain": "https://c.example"}}}
	]`))
	require.Error(t, err)
	assert.Equal(t, []string{
		`issuerfile: /0/leeway: the member must be a duration such as "90s"`,
		`issuerfile: /0/audience: there is no such member`,
		`issuerfile: /1: claims: invalid Issuer "https://b.example/": Audiences is empty`,
		`issuerfile: /2/preset/auth0/audience: it is required`,
	}, strings.Split(err.Error(), "\n"))
}

func TestMistakesAreBounded(t *testing.T) {
	var unknown strings.Builder
	for n := range 1000 {
		fmt.Fprintf(&unknown, `"%d": 1, `, n)
	}
	for name, document := range map[string]string{
		"of the list":   strings.Repeat("{},", 10_000) + "{}",
		"of one issuer": "{" + unknown.String() + `"z": 1}`,
	} {
		_, err := issuerfile.Parse([]byte("[" + document + "]"))
		require.Error(t, err)
		lines := strings.Split(err.Error(), "\n")
		assert.Len(t, lines, 101, name)
		assert.Equal(t, "issuerfile: there are more mistakes", lines[100], name)
	}
}

func TestProfileDemandsItsClaims(t *testing.T) {
	got := parse(t, `[{"url": "https://a.example/", "audiences": ["api"], "required_claims": ["org"], "rfc9068": true}]`)
	assert.Equal(t, []string{"at+jwt"}, got[0].TokenTypes)
	assert.Equal(t, []string{"org", "sub", "client_id", "iat", "jti"}, got[0].RequiredClaims)
	got = parse(t, `[{"url": "https://a.example/", "audiences": ["api"], "rfc9068": false}]`)
	assert.Nil(t, got[0].TokenTypes)
}

func TestFileOfTheREADMEIsAccepted(t *testing.T) {
	document, err := os.ReadFile("testdata/issuers.json")
	require.NoError(t, err)
	got, err := issuerfile.Parse(document)
	require.NoError(t, err)
	auth0 := providers.Auth0("globex.eu.auth0.com", "https://api.example.com").RFC9068()
	auth0.MaxLifetime = time.Hour
	gitHub := providers.GitHubActions("https://api.example.com", providers.GitHubRule{OwnerIDs: []string{"9919"}})
	gitHub.ClaimRules["/runner_environment"] = []any{"github-hosted"}
	assert.Equal(t, []claims.Issuer{
		{
			URL: "https://login.example.com/realms/acme", Audiences: []string{"https://api.example.com"},
			AllowedScopes: []string{"read:timesheets", "write:timesheets"},
		},
		auth0,
		gitHub,
	}, got)
}
