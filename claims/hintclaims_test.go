package claims_test

import (
	"fmt"
	"maps"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

func at(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }

// skewed is the issuer whose clock is ahead of ours by d.
func skewed(d time.Duration) []claims.Issuer {
	return ownIssuer(func(i *claims.Issuer) { i.Keys.(*peekSet).about.ClockDifference = d })
}

func timeHints() []hintCase {
	const ahead, behind = "By the clock of the issuer the token is valid. Synchronise the clock of this machine: it is 10 min ahead",
		"By the clock of the issuer the token is valid. Synchronise the clock of this machine: it is 10 min behind"
	good, old := token(nil), token(members{"exp": at(-3 * time.Minute)})
	cases := []hintCase{
		{rule: "expired", hint: "The token expired 3 min ago. The client", token: old, others: []string{good, token(members{"exp": at(-3 * time.Minute), "iat": at(-time.Hour)})}},
		{rule: "expired, of a known lifetime", hint: "The token expired 3 min ago, after a life of 57 min", token: token(members{"exp": at(-3 * time.Minute), "iat": at(-time.Hour)}), others: []string{good, old}},
		{rule: "expired by our clock only", hint: ahead, issuers: skewed(-10 * time.Minute), token: old, others: []string{good, token(members{"exp": at(-11 * time.Minute)})}},
		{rule: "expired, and our clock is behind", hint: "The token expired 3 min ago", issuers: skewed(10 * time.Minute), token: old, others: []string{good}},
		{rule: "a lifetime in exp", hint: "exp is a lifetime", token: token(members{"exp": "3600"}), others: []string{old, token(members{"exp": "1000000000"})}},
		{rule: "no exp", hint: "Have the issuer give its tokens a lifetime", token: token(members{"exp": ""}), others: []string{good, old}},
		{rule: "an offline token", hint: "This is an offline token of Keycloak", token: token(members{"exp": "", "typ": `"Offline"`}), others: []string{token(members{"exp": ""}), token(members{"typ": `"Offline"`})}},
		{rule: "too early by our clock only", hint: behind, issuers: skewed(10 * time.Minute), token: token(members{"nbf": at(9 * time.Minute)}), others: []string{good, token(members{"nbf": at(11 * time.Minute)})}},
		{rule: "a little too early", hint: "The clock of this machine or of the issuer is wrong", token: token(members{"nbf": at(time.Minute)}), others: []string{good, token(members{"nbf": at(time.Hour)})}},
		{rule: "an hour too early", hint: "The token is valid in 60 min", token: token(members{"nbf": at(time.Hour)}), others: []string{good, token(members{"nbf": at(time.Minute)})}},
	}
	short := ownIssuer(func(i *claims.Issuer) { i.MaxLifetime = 2 * time.Minute })
	lived := func(from, to time.Duration) string { return token(members{"iat": at(from), "exp": at(to)}) }
	cases = append(cases,
		hintCase{rule: "too long a life", hint: "The token lives for 3 min", issuers: short, token: lived(0, 3*time.Minute), others: []string{lived(0, time.Minute)}},
		hintCase{rule: "a life that is not known", hint: "Issuer.MaxLifetime needs an iat", issuers: short, token: good, others: []string{lived(0, time.Minute), old}},
		hintCase{rule: "iat in the future", hint: "The token says that it will be made later", issuers: short, token: lived(time.Minute, 2*time.Minute), others: []string{lived(0, time.Minute)}},
	)
	for i := range cases {
		cases[i].check = "times"
	}
	return cases
}

func audienceHints() []hintCase {
	aud := func(text string) string { return token(members{"aud": text}) }
	keycloak := []claims.Issuer{providers.Keycloak("https://h", "demo", "timesheets")}
	realm := func(aud string) string {
		return token(members{"iss": `"https://h/realms/demo"`, "typ": `"Bearer"`, "aud": aud})
	}
	cognito := []claims.Issuer{providers.Cognito("eu-west-1", "eu-west-1_x", "abc")}
	pool := func(changes members) string {
		changes["iss"] = `"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x"`
		return token(changes)
	}
	bare := ownIssuer(func(i *claims.Issuer) { i.URL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x" })
	auth0 := func(aud string) string { return token(members{"iss": `"https://my.eu.auth0.com/"`, "aud": aud}) }
	listed := ownIssuer(func(i *claims.Issuer) {
		i.WithoutAudience = &claims.WithoutAudience{ClientIDs: []string{"app"}, ClaimValues: map[string]string{"use": "a"}}
	})
	cases := []hintCase{
		{rule: "another", hint: "The token is for another API", token: aud(`["a","b"]`), others: []string{token(nil), aud(`"` + audience + `/"`), aud("")}},
		{rule: "Microsoft Graph", hint: "The token is for Microsoft Graph", token: aud(`"00000003-0000-0000-c000-000000000000"`), others: []string{aud(`"00000002-0000-0000-c000-000000000000"`), aud(`"x"`)}},
		{rule: "Microsoft Graph, with nonce in the header", hint: "The token is for Microsoft Graph", token: sign(`{"alg":"EdDSA","kid":"k1","nonce":"n"}`, payload(members{"aud": `"00000003-0000-0000-c000-000000000000"`})), others: []string{header(`{"alg":"EdDSA","kid":"k1","nonce":"n"}`)}},
		{rule: "Microsoft Graph by its URL", hint: "The token is for Microsoft Graph", token: aud(`"https://graph.microsoft.com"`), others: []string{aud(`"https://graph.example"`)}},
		{rule: "with a slash", hint: `aud has "https://api.example/", which is almost`, token: aud(`["x","https://api.example/"]`), others: []string{aud(`"https://api.example/x"`), token(nil)}},
		{rule: "with api://", hint: `aud has "api://api.example", which is almost`, token: aud(`"api://api.example"`), others: []string{aud(`"api://other"`)}},
		{rule: "Keycloak's account", hint: "Keycloak does not know which API", issuers: keycloak, token: realm(`"account"`), others: []string{realm(`"other"`), realm(`"timesheets"`)}},
		{rule: "Keycloak without a mapper", hint: "Keycloak does not know which API", issuers: keycloak, token: realm(``), others: []string{realm(`["other"]`)}},
		{rule: "Auth0's userinfo", hint: "The token is for an API of Auth0 itself", issuers: auth0Issuer(), token: auth0(`["https://my.eu.auth0.com/userinfo"]`), others: []string{auth0(`"https://other.example/userinfo"`), auth0(`["https://my.eu.auth0.com/userinfo","` + audience + `"]`)}},
		{rule: "Auth0's management API", hint: "The token is for an API of Auth0 itself", issuers: auth0Issuer(), token: auth0(`"https://my.eu.auth0.com/api/v2/"`), others: []string{auth0(`"https://my.eu.auth0.com/x"`)}},
		{rule: "the client", hint: "aud is the client itself", token: token(members{"aud": `"app"`, "azp": `"app"`}), others: []string{token(members{"aud": `"app"`, "azp": `"x"`}), token(members{"azp": `"app"`}), token(members{"aud": `""`, "azp": `""`})}},
		{rule: "none", hint: "The token does not say which API", token: aud(""), others: []string{token(nil), aud(`"x"`)}},
		{rule: "none, of Cognito", hint: "Tokens of Cognito have no aud", issuers: bare, token: pool(members{"aud": ""}), others: []string{pool(members{"aud": `"x"`})}},
		{rule: "none, of another client", hint: "The token has no aud, and is of another client", issuers: listed, token: token(members{"aud": "", "client_id": `"x"`, "use": `"a"`}), others: []string{token(members{"aud": "", "client_id": `"app"`, "use": `"a"`}), token(members{"aud": "", "client_id": `"app"`}), aud(`"x"`)}},
		{rule: "none, of another kind", hint: "The token has no aud, and does not meet", issuers: listed, token: token(members{"aud": "", "client_id": `"app"`}), others: []string{token(members{"aud": "", "client_id": `"x"`})}},
		{rule: "one where clients are listed", hint: "The token names an API", issuers: cognito, token: pool(members{"token_use": `"access"`}), others: []string{pool(members{"token_use": `"access"`, "aud": "", "client_id": `"x"`})}},
		{rule: "an ID token of Cognito", hint: "This is an ID token", issuers: cognito, token: pool(members{"token_use": `"id"`, "aud": `"abc"`}), others: []string{pool(members{"token_use": `"access"`, "aud": `"abc"`})}},
	}
	for i := range cases {
		cases[i].check = "aud"
	}
	// Here the claim token_use fails as well, and gives the same hint.
	cases[len(cases)-1].also = "required_claims"
	return cases
}

func claimHints() []hintCase {
	good := token(nil)
	typed := func(typ string) string { return header(`{"alg":"EdDSA","kid":"k1","typ":"` + typ + `"}`) }
	profile := ownIssuer(func(i *claims.Issuer) { *i = i.RFC9068() })
	full := members{"client_id": `"c"`, "iat": `1`, "jti": `"j"`}
	without := func(name, text string) string {
		changes := members{"client_id": full["client_id"], "iat": full["iat"], "jti": full["jti"]}
		changes[name] = text
		return sign(`{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}`, payload(changes))
	}
	types := []hintCase{
		{rule: "a DPoP proof", hint: "This is a DPoP proof", token: typed("dpop+jwt"), others: []string{good, typed("x")}},
		{rule: "a logout token", hint: "This is a logout token", token: typed("logout+jwt"), others: []string{good, typed("x")}},
		{rule: "a security event", hint: "This is a security event, which", token: typed("secevent+jwt"), others: []string{token(members{"events": "{}"})}},
		{rule: "a request object", hint: "This is a request to an authorization server", token: typed("oauth-authz-req+jwt"), others: []string{good}},
		{rule: "an introspection", hint: "This is an answer of token introspection", token: typed("token-introspection+jwt"), others: []string{good}},
		{rule: "typ of a refresh token", hint: "This is a refresh token. The client", token: typed("rt+jwt"), others: []string{good, typed("jwt")}},
		{rule: "at_hash", hint: "This is an ID token", token: token(members{"at_hash": `"x"`}), others: []string{good, token(members{"events": "{}"})}},
		{rule: "at_hash and nonce, for the client", hint: "This is an ID token", token: token(members{"aud": `"app"`, "azp": `"app"`, "nonce": `"x"`, "at_hash": `"x"`, "scope": ""}), others: []string{token(members{"aud": `"app"`, "azp": `"app"`})}},
		{rule: "nonce", hint: "This is an ID token", token: token(members{"nonce": `"x"`, "scope": ""}), others: []string{token(members{"nonce": `"x"`}), token(members{"scope": ""})}},
		{rule: "events", hint: "This is a security event or a logout token", token: token(members{"events": "{}"}), others: []string{good, token(members{"at_hash": `"x"`})}},
		{rule: "not of the profile", hint: "The issuer does not follow RFC 9068", issuers: profile, token: good, others: []string{without("x", "1"), typed("logout+jwt")}},
		{rule: "unknown", hint: `If access tokens of this issuer have typ "x", add "x"`, token: typed("x"), others: []string{good, typed("at+jwt")}},
		{rule: "none", hint: `If access tokens of this issuer have no typ, add ""`, issuers: ownIssuer(func(i *claims.Issuer) { i.TokenTypes = []string{"JWT"} }), token: header(`{"alg":"EdDSA"}`), others: []string{good}},
	}
	for i := range types {
		types[i].check = "typ"
	}
	return append(types, requiredHints(profile, without)...)
}

func requiredHints(profile []claims.Issuer, without func(name, text string) string) []hintCase {
	good := token(nil)
	keycloak := []claims.Issuer{providers.Keycloak("https://h", "demo", "timesheets")}
	realm := func(typ string) string {
		return token(members{"iss": `"https://h/realms/demo"`, "typ": typ, "aud": `"timesheets"`})
	}
	entra := providers.Entra(entraClient, tenant)[:1]
	user := func(changes members) string {
		all := members{
			"iss": `"https://login.microsoftonline.com/` + tenant + `/v2.0"`, "aud": `"` + entraClient + `"`,
			"ver": `"2.0"`, "tid": `"` + tenant + `"`, "scope": "",
		}
		maps.Copy(all, changes)
		return token(all)
	}
	org := ownIssuer(func(i *claims.Issuer) { i.RequiredClaims, i.RequiredAny = []string{"org_id"}, []string{"a", "b"} })
	cases := []hintCase{
		{rule: "a refresh token of Keycloak", hint: "This is a refresh token. The client", issuers: keycloak, token: realm(`"Refresh"`), others: []string{realm(`"Bearer"`), realm(`"ID"`)}},
		{rule: "an ID token of Keycloak", hint: "This is an ID token", issuers: keycloak, token: realm(`"ID"`), others: []string{realm(`"Bearer"`), realm(`"Refresh"`)}},
		{rule: "a logout token of Keycloak", hint: "This is a logout token", issuers: keycloak, token: realm(`"Logout"`), others: []string{realm(`"Bearer"`)}},
		{rule: "another kind", hint: "This claim tells tokens of this issuer apart", issuers: keycloak, token: realm(`"x"`), others: []string{realm(`"Bearer"`), realm(`"ID"`)}},
		{rule: "iat in milliseconds", hint: "iat counts as absent", issuers: profile, token: without("iat", "1893557045000"), others: []string{without("iat", ""), without("iat", "1893557045")}},
		{rule: "a claim of the profile", hint: "RFC 9068 section 2.2 demands", issuers: profile, token: without("jti", ""), others: []string{without("x", ""), without("iat", `"1"`)}},
		{rule: "no permission in Entra ID", hint: "The client has no permission", issuers: entra, token: user(members{"azp": `"app"`}), others: []string{user(members{"azp": `"app"`, "scp": `"x"`}), user(members{"scp": `"x"`})}},
		{rule: "an ID token of Entra ID", hint: "Entra ID writes azp into each access token", issuers: entra, token: user(members{"scp": `"x"`}), others: []string{user(members{"azp": `"app"`, "scp": `"x"`}), user(members{"azp": `"app"`})}},
		{rule: "a claim that is configured", hint: "Have the issuer write this claim", issuers: org, token: good, others: []string{token(members{"org_id": "1"}), token(members{"org_id": "1", "a": "1"})}},
		{rule: "one of several", hint: "Have the issuer write one of these claims", issuers: org, token: token(members{"org_id": "1"}), others: []string{good, token(members{"org_id": "1", "b": "1"})}},
	}
	for i := range cases {
		cases[i].check = "required_claims"
	}
	return cases
}
