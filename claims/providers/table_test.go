package providers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// What the package documentation says about providers without a constructor.
func TestRowsOfTheTable(t *testing.T) {
	const times = `"iat":1893553400,"exp":1893557000`
	plain := func(url string, rules map[string][]any, mustLimit ...string) claims.Issuer {
		return claims.Issuer{URL: url, Audiences: []string{api}, ClaimRules: rules, MustLimit: mustLimit}
	}
	buildkite := plain("https://agent.buildkite.com", map[string][]any{"/organization_id": {"0184990a"}, "/pipeline_id": {"0184990b"}}, "/organization_id")
	circle := plain("https://oidc.circleci.com/org/0f1e", map[string][]any{"/oidc.circleci.com~1project-id": {"77"}, "/oidc.circleci.com~1ssh-rerun": {false}})
	spiffe := plain("https://spire.example.org", map[string][]any{"/sub": {"spiffe://td/ns/shop/sa/checkout"}}, "/sub")
	workOS := claims.Issuer{
		URL:             "https://api.workos.com/user_management/client_1",
		WithoutAudience: &claims.WithoutAudience{ClientIDs: []string{"https://api.workos.com/user_management/client_1"}, ClientIDClaim: "iss"},
		ScopeClaims:     [][]string{{"permissions"}},
	}
	authentik := plain("https://ak.example/application/o/api/", nil)
	authentik.RequiredClaims = []string{"azp", "uid"}
	fusionAuth := plain("acme.com", nil)
	fusionAuth.RequiredClaims = []string{"applicationId"}
	for rule, tc := range map[string]struct {
		issuer  claims.Issuer
		payload string
		misses  []nearMiss
	}{
		"Buildkite": {buildkite, `{"iss":"https://agent.buildkite.com","sub":"organization:acme","aud":"https://api.example/","organization_id":"0184990a","pipeline_id":"0184990b",` + times + `}`, []nearMiss{
			{`"0184990a"`, `"0184990c"`, claims.ErrMissingClaim},
			{`"pipeline_id":"0184990b",`, ``, claims.ErrMissingClaim},
		}},
		"CircleCI": {circle, `{"iss":"https://oidc.circleci.com/org/0f1e","sub":"org/0f1e","aud":"https://api.example/","oidc.circleci.com/project-id":"77","oidc.circleci.com/ssh-rerun":false,` + times + `}`, []nearMiss{
			{`"77"`, `"78"`, claims.ErrMissingClaim},
			{`false`, `true`, claims.ErrMissingClaim},
			{`0f1e","sub"`, `0f1f","sub"`, claims.ErrIssuer},
		}},
		"SPIFFE": {spiffe, `{"iss":"https://spire.example.org","sub":"spiffe://td/ns/shop/sa/checkout","aud":["https://api.example/"],` + times + `}`, []nearMiss{
			{`spiffe://td/`, `spiffe://td.evil/`, claims.ErrMissingClaim},
			{`spiffe://td/`, `spiffe://TD/`, claims.ErrMissingClaim},
			{`sa/checkout`, `sa/checkout/evil`, claims.ErrMissingClaim},
			{`sa/checkout`, `sa/checkout2`, claims.ErrMissingClaim},
			{`"iss":"https://spire.example.org",`, ``, claims.ErrMissingClaim},
		}},
		"authentik": {authentik, `{"iss":"https://ak.example/application/o/api/","sub":"u","aud":"https://api.example/","acr":"goauthentik.io/providers/oauth2/default","nonce":"n","scope":"read:x","azp":"https://api.example/","uid":"u1",` + times + `}`, []nearMiss{
			{`"azp":"https://api.example/","uid":"u1",`, ``, claims.ErrMissingClaim}, // the ID token of the same login
			{`"scope":"read:x",`, ``, claims.ErrType},
		}},
		"FusionAuth": {fusionAuth, `{"iss":"acme.com","sub":"u","aud":"https://api.example/","applicationId":"https://api.example/","roles":["admin"],"scope":"openid",` + times + `}`, []nearMiss{
			{`"applicationId":"https://api.example/","roles":["admin"],`, `"nonce":"n",`, claims.ErrMissingClaim}, // the ID token
		}},
		"WorkOS": {workOS, `{"iss":"https://api.workos.com/user_management/client_1","sub":"user_1","org_id":"org_1","permissions":["read:x"],"sid":"session_1","jti":"j",` + times + `}`, []nearMiss{
			{`client_1`, `client_2`, claims.ErrIssuer},
			{`"sid"`, `"aud":"other","sid"`, claims.ErrAudience},
		}},
	} {
		v := newVerifier(t, tc.issuer)
		_, err := v.Verify(t.Context(), sign(rs256Header, tc.payload))
		require.NoError(t, err, rule)
		for _, miss := range tc.misses {
			_, err := v.Verify(t.Context(), sign(rs256Header, replaced(t, tc.payload, miss.from, miss.to)))
			assert.ErrorIs(t, err, miss.want, "%s: %s", rule, miss.to)
		}
	}
}

// What Dex calls an access token has at_hash, of a random text, as its ID tokens do.
func TestTokensOfDexAreRefused(t *testing.T) {
	v := newVerifier(t, claims.Issuer{URL: "https://dex.example", Audiences: []string{api}})
	_, err := v.Verify(t.Context(), sign(rs256Header, `{"iss":"https://dex.example","sub":"u","aud":"https://api.example/","at_hash":"h","iat":1893553400,"exp":1893557000}`))
	requireReason(t, claims.ErrType, err)
}

// The ID tokens of WSO2 have no typ, and the same aud.
func TestWSO2sTokensAreKnownByTheirType(t *testing.T) {
	issuer := claims.Issuer{URL: "https://is.example/oauth2/token", Audiences: []string{"client"}, TokenTypes: []string{"at+jwt"}}
	v, payload := newVerifier(t, issuer), `{"iss":"https://is.example/oauth2/token","sub":"u","aud":"client","azp":"client","scope":"read:x","iat":1893553400,"exp":1893557000}`
	_, err := v.Verify(t.Context(), sign(`{"alg":"RS256","kid":"k1","typ":"at+jwt"}`, payload))
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), sign(`{"alg":"RS256","kid":"k1"}`, payload))
	requireReason(t, claims.ErrType, err)
}
