package claims_test

import (
	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

const (
	entraClient = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
	tenant      = "11111111-2222-3333-4444-555555555555"
	otherTenant = "22222222-2222-2222-2222-222222222222"
)

func from(iss string) string { return token(members{"iss": `"` + iss + `"`}) }

func issuerHints() []hintCase {
	v2 := providers.Entra(entraClient, tenant)[:1]
	okta := []claims.Issuer{providers.Okta("d.okta.com", "default", "api://default")}
	keycloak := func(base string) []claims.Issuer {
		return []claims.Issuer{providers.Keycloak(base, "demo", "timesheets")}
	}
	plain := func(url string) []claims.Issuer { return ownIssuer(func(i *claims.Issuer) { i.URL = url }) }
	good := token(nil)
	cases := []hintCase{
		{rule: "none", hint: "The token does not say who made it", token: token(members{"iss": ""}), others: []string{good, from("x")}},
		{rule: "a JWT-SVID", hint: "This is a JWT-SVID without iss", token: token(members{"iss": "", "sub": `"spiffe://td/x"`}), others: []string{token(members{"iss": ""}), token(members{"sub": `"spiffe://td/x"`})}},
		{rule: "without the slash", hint: "Only the slash at the end differs", token: from("https://issuer.example"), others: []string{good, from("http://issuer.example"), from("https://issuer.example/x")}},
		{rule: "with a slash", hint: "Only the slash at the end differs", issuers: plain("https://issuer.example"), token: from("https://issuer.example/"), others: []string{from("https://issuer.example")}},
		{rule: "http", hint: "iss has http and the configuration https", token: from("http://issuer.example/"), others: []string{good, from("http://other.example/")}},
		{rule: "https", hint: "Only the scheme", issuers: plain("http://issuer.example/"), token: from("https://issuer.example/"), others: []string{from("http://issuer.example/"), from("https://issuer.example/x")}},
		{rule: "no scheme", hint: "Only the scheme", token: from("issuer.example/"), others: []string{good}},
		{rule: "case", hint: "Only upper and lower case", token: from("https://Issuer.example/"), others: []string{good, from("https://issuer.exampl/")}},
		{rule: "the default port", hint: "Only upper and lower case", token: from("https://issuer.example:443/"), others: []string{from("https://issuer.example:8443/")}},
		{rule: "version 1 of Entra ID", hint: "The tenant is right", issuers: v2, token: from("https://sts.windows.net/" + tenant + "/"), others: []string{from("https://sts.windows.net/" + otherTenant + "/"), from("https://login.microsoftonline.com/" + tenant + "/v2.0")}},
		{rule: "another tenant of Entra ID", hint: "The token is of another tenant", issuers: v2, token: from("https://login.microsoftonline.com/" + otherTenant + "/v2.0"), others: []string{from("https://sts.windows.net/" + tenant + "/"), from("https://login.example/" + otherTenant + "/v2.0")}},
		{rule: "a pool of type UPDATED", hint: "The issuer type of the user pool", issuers: []claims.Issuer{providers.Cognito("eu-west-1", "eu-west-1_x", "abc")}, token: from("https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x"), others: []string{from("https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_y"), from("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x")}},
		{rule: "Okta's own server", hint: "Only Okta can verify tokens", issuers: okta, token: from("https://d.okta.com"), others: []string{from("https://d.okta.com/oauth2/other"), from("https://e.okta.com")}},
		{rule: "the path /auth", hint: "Only the path /auth differs", issuers: keycloak("https://h"), token: from("https://h/auth/realms/demo"), others: []string{from("https://h/realms/demo"), from("https://h/auth/realms/other")}},
		{rule: "another realm", hint: "The token is of another issuer at the same host", issuers: keycloak("https://h"), token: from("https://h/realms/master"), others: []string{from("https://h/auth/realms/demo"), from("https://k/realms/master")}},
		{rule: "the host that the client used", hint: "The same realm has another host", issuers: keycloak("https://id.example"), token: from("http://localhost:8080/realms/demo"), others: []string{from("http://localhost:8080/realms/other"), from("https://id.example/realms/demo")}},
		{rule: "a custom domain of Auth0", hint: "One of the issuers is at auth0.com", issuers: auth0Issuer(), token: from("https://login.example.com/"), others: []string{from("https://other.eu.auth0.com/"), from("https://login.example.com/x")}},
		{rule: "unknown", hint: "The token is of an issuer that is not configured", token: from("https://evil.example/"), others: []string{good, from("https://issuer.example"), token(members{"iss": ""})}},
	}
	for i := range cases {
		cases[i].check = "iss"
	}
	return cases
}
