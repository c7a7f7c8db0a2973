package providers_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// Whatever takes the place of what a rule lists is refused: each rule of each constructor decides.
func TestNoRuleTakesAnotherTypeOrSpelling(t *testing.T) {
	for _, s := range pinned {
		v := newVerifier(t, s.issuer)
		for pointer, allowed := range s.issuer.ClaimRules {
			for _, want := range allowed {
				text, ok := want.(string)
				if !ok {
					continue
				}
				for _, value := range []any{
					"", " " + text, text + " ", text + "\u0000", text + "2", text + "/", text + "\n", strings.ToUpper(text) + "X", "*",
					[]any{text},
					[]any{text, "other"},
					map[string]any{text: true},
					map[string]any{"": text},
					true, false, 0, 1, nil,
				} {
					if value == nil && slices.Contains(allowed, nil) {
						continue
					}
					payload := with(t, sample(t, s.file), pointer, value)
					_, err := v.Verify(t.Context(), sign(rs256Header, payload))
					assert.Error(t, err, "%s: %s is %#v", s.file, pointer, value)
				}
				if number := strings.Trim(text, "0123456789"); number == "" {
					payload := with(t, sample(t, s.file), pointer, json.RawMessage(text))
					_, err := v.Verify(t.Context(), sign(rs256Header, payload))
					assert.Error(t, err, "%s: %s is a number", s.file, pointer)
				}
			}
		}
	}
}

// A token of one provider is no token of another, also if it has the audience of this API.
func TestTokensOfOtherProvidersAreRefused(t *testing.T) {
	for _, own := range pinned {
		v := newVerifier(t, own.issuer)
		for _, other := range pinned {
			if other.file == own.file {
				continue
			}
			payload := with(t, sample(t, other.file), "/aud", append(own.issuer.Audiences, other.issuer.Audiences...))
			_, err := v.Verify(t.Context(), sign(rs256Header, payload))
			requireReason(t, claims.ErrIssuer, err)
		}
	}
}

// The same issuer and keys sign these, for the same client or user.
func TestOtherTokensOfTheSameProviderAreRefused(t *testing.T) {
	const times = `"iat":1893553400,"exp":1893553460`
	entra := providers.Entra(entraClient, tenant)
	clerk := []claims.Issuer{providers.Clerk("clerk.example.com", "https://app.example.com")}
	supabase := []claims.Issuer{providers.Supabase("abcdefghijklmnopqrst.supabase.co")}
	for rule, tc := range map[string]struct {
		issuers []claims.Issuer
		payload string
		want    claims.Reason
	}{
		"Entra v2, ID token of an app that is the API as well, with roles": {entra, `{"aud":"` + entraClient + `","iss":"https://login.microsoftonline.com/` + tenant + `/v2.0","oid":"o","sub":"s","tid":"` + tenant + `","ver":"2.0","roles":["Admin"],` + times + `}`, claims.ErrMissingClaim},
		"Entra v1, ID token of an app that is the API as well, with roles": {entra, `{"aud":"` + entraClient + `","iss":"https://sts.windows.net/` + tenant + `/","oid":"o","sub":"s","tid":"` + tenant + `","ver":"1.0","roles":["Admin"],` + times + `}`, claims.ErrMissingClaim},
		"Entra, token for Graph":                    {entra, `{"aud":"00000003-0000-0000-c000-000000000000","iss":"https://sts.windows.net/` + tenant + `/","appid":"a","scp":"User.Read","tid":"` + tenant + `","ver":"1.0",` + times + `}`, claims.ErrAudience},
		"Clerk, ID token of its OAuth server":       {clerk, `{"iss":"https://clerk.example.com","sub":"user_1","aud":"client_1","azp":"https://app.example.com","sid":"sess_1",` + times + `}`, claims.ErrAudience},
		"Clerk, access token of its OAuth server":   {clerk, `{"iss":"https://clerk.example.com","sub":"user_1","client_id":"client_1","scope":"profile","jti":"oat_1",` + times + `}`, claims.ErrAudience},
		"Clerk, token of a machine":                 {clerk, `{"iss":"https://clerk.example.com","sub":"mch_1","aud":["mch_2"],"scopes":"mch_2","jti":"mt_1",` + times + `}`, claims.ErrAudience},
		"Clerk, JWT template":                       {clerk, `{"iss":"https://clerk.example.com","sub":"user_1","azp":"https://app.example.com",` + times + `}`, claims.ErrMissingClaim},
		"Supabase, ID token of its OAuth server":    {supabase, `{"iss":"https://abcdefghijklmnopqrst.supabase.co/auth/v1","sub":"u","aud":"client_1",` + times + `}`, claims.ErrAudience},
		"Supabase, API key":                         {supabase, `{"iss":"https://abcdefghijklmnopqrst.supabase.co/auth/v1","aud":"authenticated","role":"service_role",` + times + `}`, claims.ErrMissingClaim},
		"GitLab, ID token of its OAuth server":      {[]claims.Issuer{gitLab}, `{"iss":"https://gitlab.example.com","sub":"1","aud":"https://api.example/","nonce":"n","groups_direct":["my-group"],` + times + `}`, claims.ErrType},
		"GitLab, the same without a nonce":          {[]claims.Issuer{gitLab}, `{"iss":"https://gitlab.example.com","sub":"1","aud":"https://api.example/","groups_direct":["my-group"],` + times + `}`, claims.ErrMissingClaim},
		"Google, ID token of a user":                {[]claims.Issuer{google}, `{"iss":"https://accounts.google.com","azp":"https://api.example/","aud":"https://api.example/","sub":"112233445566778899009","email":"a@gmail.com","email_verified":true,` + times + `}`, claims.ErrMissingClaim},
		"Keycloak, refresh token":                   {[]claims.Issuer{providers.Keycloak("https://h", "demo", "timesheets")}, `{"iss":"https://h/realms/demo","aud":"timesheets","sub":"s","typ":"Refresh","azp":"app","scope":"openid",` + times + `}`, claims.ErrMissingClaim},
		"Keycloak, logout token":                    {[]claims.Issuer{providers.Keycloak("https://h", "demo", "timesheets")}, `{"iss":"https://h/realms/demo","aud":"timesheets","sub":"s","typ":"Logout","events":{},` + times + `}`, claims.ErrType},
		"Okta, ID token for a client with our name": {[]claims.Issuer{providers.Okta("d.okta.com", "default", "api://default")}, `{"iss":"https://d.okta.com/oauth2/default","aud":"api://default","sub":"00u","ver":1,"amr":["pwd"],"nonce":"n",` + times + `}`, claims.ErrType},
	} {
		_, err := newVerifier(t, tc.issuers...).Verify(t.Context(), sign(rs256Header, tc.payload))
		assert.ErrorIs(t, err, tc.want, rule)
	}
}

// with returns a payload in which the claim at pointer, which can be absent, has this value.
func with(t testing.TB, payload, pointer string, value any) string {
	t.Helper()
	var all map[string]any
	decoder := json.NewDecoder(strings.NewReader(payload))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&all))
	names := strings.Split(pointer[1:], "/")
	object := all
	for _, name := range names[:len(names)-1] {
		object = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)].(map[string]any)
	}
	object[strings.NewReplacer("~1", "/", "~0", "~").Replace(names[len(names)-1])] = value
	changed, err := json.Marshal(all)
	require.NoError(t, err)
	return string(changed)
}
