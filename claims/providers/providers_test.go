package providers_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

const (
	tenant      = "11111111-2222-3333-4444-555555555555"
	entraClient = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
)

// The payloads have the members that each provider documents, with shortened values.
func TestProviders(t *testing.T) {
	const times = `"iat":1893553400,"exp":1893557000`
	okta := providers.Okta("d.okta.com", "default", "api://default")
	entra := providers.Entra(entraClient, tenant)
	for _, tc := range []struct {
		rule    string
		issuers []claims.Issuer
		header  string
		payload string
		want    claims.Reason
		scope   string
		roles   []string // path
		role    string
	}{
		{
			"Auth0, client credentials",
			[]claims.Issuer{providers.Auth0("t.auth0.com", "https://api.example/")},
			goodHeader,
			`{"iss":"https://t.auth0.com/","sub":"cid@clients","aud":"https://api.example/","azp":"cid",` + times + `,"scope":"read:x","gty":"client-credentials","org_id":"org_9yb"}`,
			"", "read:x", nil, "",
		},
		{
			"Auth0, user with permissions",
			[]claims.Issuer{providers.Auth0("t.auth0.com", "https://api.example/")},
			goodHeader,
			`{"iss":"https://t.auth0.com/","sub":"auth0|123","aud":["https://api.example/","https://t.auth0.com/userinfo"],"azp":"cid",` + times + `,"scope":"openid read:x","permissions":["read:y"]}`,
			"", "read:x",
			[]string{"permissions"},
			"read:y",
		},
		{
			"Auth0, ID token",
			[]claims.Issuer{providers.Auth0("t.auth0.com", "https://api.example/")},
			goodHeader,
			`{"iss":"https://t.auth0.com/","sub":"auth0|123","aud":"cid",` + times + `,"nonce":"n","email":"a@example.com"}`,
			claims.ErrType, "", nil, "",
		},
		{
			"Auth0, RFC 9068 dialect",
			[]claims.Issuer{providers.Auth0("t.auth0.com", "https://api.example/").RFC9068()},
			`{"alg":"EdDSA","typ":"at+jwt"}`,
			`{"iss":"https://t.auth0.com/","sub":"cid@clients","aud":"https://api.example/","client_id":"cid","jti":"j",` + times + `,"scope":"read:x"}`,
			"", "read:x", nil, "",
		},
		{
			"Okta",
			[]claims.Issuer{okta},
			`{"alg":"EdDSA"}`,
			`{"ver":1,"jti":"AT.x","iss":"https://d.okta.com/oauth2/default","aud":"api://default",` + times + `,"cid":"0oa","uid":"00u","scp":["openid","read:x"],"auth_time":1,"sub":"a@example.com","groups":["g"]}`,
			"", "read:x",
			[]string{"groups"},
			"g",
		},
		{
			"Okta, ID token",
			[]claims.Issuer{okta},
			`{"alg":"EdDSA"}`,
			`{"ver":1,"jti":"ID.x","iss":"https://d.okta.com/oauth2/default","aud":"0oa",` + times + `,"at_hash":"h","sub":"00u"}`,
			claims.ErrType, "", nil, "",
		},
		{
			"Keycloak",
			[]claims.Issuer{providers.Keycloak("https://h/", "demo", "timesheets")},
			goodHeader,
			`{` + times + `,"jti":"a","iss":"https://h/realms/demo","aud":["account","timesheets"],"sub":"f:1","typ":"Bearer","azp":"app","sid":"s","acr":"1","realm_access":{"roles":["offline_access"]},"resource_access":{"account":{"roles":["view-profile"]}},"scope":"openid read:x"}`,
			"", "read:x",
			[]string{"resource_access", "account", "roles"},
			"view-profile",
		},
		{
			"Keycloak, ID token",
			[]claims.Issuer{providers.Keycloak("https://h", "demo", "timesheets")},
			goodHeader,
			`{` + times + `,"iss":"https://h/realms/demo","aud":"timesheets","sub":"f:1","typ":"ID","azp":"timesheets"}`,
			claims.ErrMissingClaim, "", nil, "",
		},
		{
			"Keycloak, without an audience mapper",
			[]claims.Issuer{providers.Keycloak("https://h", "demo", "timesheets")},
			goodHeader,
			`{` + times + `,"iss":"https://h/realms/demo","sub":"f:1","typ":"Bearer","azp":"app"}`,
			claims.ErrMissingClaim, "", nil, "",
		},
		{
			"Cognito",
			[]claims.Issuer{providers.Cognito("eu-west-1", "eu-west-1_x", "abc")},
			`{"alg":"EdDSA"}`,
			`{"sub":"aaaa","cognito:groups":["g"],"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x","version":2,"client_id":"abc","origin_jti":"o","token_use":"access","scope":"timesheets/read","auth_time":1,` + times + `,"jti":"j","username":"u"}`,
			"", "timesheets/read",
			[]string{"cognito:groups"},
			"g",
		},
		{
			"Cognito, ID token",
			[]claims.Issuer{providers.Cognito("eu-west-1", "eu-west-1_x", "abc")},
			`{"alg":"EdDSA"}`,
			`{"sub":"aaaa","iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x","aud":"abc","token_use":"id",` + times + `}`,
			claims.ErrAudience, "", nil, "",
		},
		{
			"Cognito, another app client",
			[]claims.Issuer{providers.Cognito("eu-west-1", "eu-west-1_x", "abc")},
			`{"alg":"EdDSA"}`,
			`{"sub":"aaaa","iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x","client_id":"evil","token_use":"access",` + times + `}`,
			claims.ErrAudience, "", nil, "",
		},
		{
			"Entra ID v2, user", entra, goodHeader,
			`{"aud":"` + entraClient + `","iss":"https://login.microsoftonline.com/` + tenant + `/v2.0",` + times + `,"nbf":1,"azp":"c","azpacr":"1","oid":"o","scp":"access_as_user read:x","sub":"HKZp","tid":"` + tenant + `","uti":"fq","ver":"2.0","roles":["Admin"]}`,
			"", "read:x",
			[]string{"roles"},
			"Admin",
		},
		{
			"Entra ID v2, application", entra, goodHeader,
			`{"aud":"` + entraClient + `","iss":"https://login.microsoftonline.com/` + tenant + `/v2.0",` + times + `,"azp":"c","azpacr":"1","oid":"o","roles":["Timesheets.Read.All"],"sub":"o","tid":"` + tenant + `","ver":"2.0"}`,
			"", "Timesheets.Read.All", nil, "",
		},
		{
			"Entra ID v1, user", entra, goodHeader,
			`{"aud":"api://` + entraClient + `","iss":"https://sts.windows.net/` + tenant + `/",` + times + `,"appid":"c","appidacr":"1","oid":"o","scp":"read:x","sub":"HKZp","tid":"` + tenant + `","ver":"1.0"}`,
			"", "read:x", nil, "",
		},
		{
			"Entra ID v2, ID token of the same registration", entra, goodHeader,
			`{"aud":"` + entraClient + `","iss":"https://login.microsoftonline.com/` + tenant + `/v2.0",` + times + `,"oid":"o","sub":"HKZp","tid":"` + tenant + `","ver":"2.0"}`,
			claims.ErrMissingClaim, "", nil, "",
		},
		{
			"Entra ID, another tenant", entra, goodHeader,
			`{"aud":"` + entraClient + `","iss":"https://login.microsoftonline.com/99999999-2222-3333-4444-555555555555/v2.0",` + times + `,"azp":"c","ver":"2.0"}`,
			claims.ErrIssuer, "", nil, "",
		},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c, err := newVerifier(t, tc.issuers...).Verify(t.Context(), sign(tc.header, tc.payload))
			requireReason(t, tc.want, err)
			if tc.want != "" {
				return
			}
			assert.True(t, c.HasScope(tc.scope), "%v", c.Scopes())
			assert.NotEmpty(t, c.ClientID())
			if tc.roles != nil {
				assert.Contains(t, c.Strings(tc.roles...), tc.role)
				assert.False(t, c.HasScope(tc.role), "roles must not count as scopes")
			}
		})
	}
}

func TestProviderMistakesAreReported(t *testing.T) {
	for want, issuers := range map[string][]claims.Issuer{
		"the domain must be a host name": {providers.Auth0("https://t.auth0.com", "a")},
		"the domain must be a host":      {providers.Okta("", "default", "a")},
		"the authorization server":       {providers.Okta("d.okta.com", "", "a")},
		"the realm must be a name":       {providers.Keycloak("https://h", "a/b", "a")},
		"the user pool must be an id":    {providers.Cognito("eu-west-1", "", "a")},
		"the region must be a name":      {providers.Cognito("eu/west", "x", "a")},
		"a name such as eu-west-1":       {providers.CognitoUpdated("https://eu-west-1", "x", "a")},
		"the user pool must be":          {providers.CognitoUpdated("eu-west-1", "a/b", "a")},
		"ClientIDs is empty":             {providers.Cognito("eu-west-1", "x")},
		"Audiences has an empty":         {providers.Auth0("t.auth0.com", "")},
		"not an alias such as common":    providers.Entra(entraClient, "common"),
		"not an alias":                   providers.Entra(entraClient, "contoso.ciamlogin.com"),
		"the tenant must be a GUID":      providers.Entra(entraClient, ""),
		"at least one is required":       providers.Entra(entraClient),
	} {
		_, err := claims.NewVerifier(claims.Config{Issuers: withKeys(issuers)})
		require.ErrorContains(t, err, want)
	}
}

func TestMistakeIsReportedWhateverElseIsSet(t *testing.T) {
	for rule, change := range map[string]func(*claims.Issuer){
		"nothing":    func(*claims.Issuer) {},
		"Keys":       func(i *claims.Issuer) { i.Keys = oneKey{} },
		"JWKSURL":    func(i *claims.Issuer) { i.JWKSURL = "https://id.test/keys" },
		"URL":        func(i *claims.Issuer) { i.URL, i.Keys = "https://id.test/realms/a", oneKey{} },
		"RFC 9068":   func(i *claims.Issuer) { *i = i.RFC9068() },
		"ClaimOneOf": func(i *claims.Issuer) { i.ClaimOneOf = nil },
		"Validate":   func(i *claims.Issuer) { i.Validate = func(context.Context, *claims.Claims) error { return nil } },
	} {
		issuer := providers.Keycloak("https://id.test/realms/a", "a", "api")
		change(&issuer)
		verifier, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
		assert.Nil(t, verifier, rule)
		assert.ErrorContains(t, err, `claims: invalid Issuer "`+issuer.URL+`": the base URL must end before /realms`, rule)
	}
}

func TestMistakesAreReportedTogether(t *testing.T) {
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{
		providers.Keycloak("https://id.test", "", ""),
		providers.Cognito("Frankfurt", "eu-west-1_p"),
	}})
	require.EqualError(t, err, `claims: invalid Issuer "https://id.test/realms/": the realm must be a name
claims: invalid Issuer "https://id.test/realms/": Keys is nil
claims: invalid Issuer "https://id.test/realms/": Audiences has an empty value
claims: invalid Issuer "https://cognito-idp.Frankfurt.amazonaws.com/eu-west-1_p": the region must be a name such as eu-west-1
claims: invalid Issuer "https://cognito-idp.Frankfurt.amazonaws.com/eu-west-1_p": Keys is nil
claims: invalid Issuer "https://cognito-idp.Frankfurt.amazonaws.com/eu-west-1_p": WithoutAudience.ClientIDs is empty`)
}

func TestKeycloaksBaseURLEndsBeforeTheRealm(t *testing.T) {
	for _, base := range []string{"https://id.test/realms/staff", "https://id.test/auth/realms/staff/", "https://id.test/realms"} {
		issuers := []claims.Issuer{providers.Keycloak(base, "staff", "api")}
		_, err := claims.NewVerifier(claims.Config{Issuers: withKeys(issuers)})
		assert.ErrorContains(t, err, "the base URL must end before /realms", base)
	}
	issuers := []claims.Issuer{providers.Keycloak("https://realms.test/auth", "realms", "api")}
	_, err := claims.NewVerifier(claims.Config{Issuers: withKeys(issuers)})
	assert.NoError(t, err)
}
