package claims_test

import (
	"encoding/base64"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

const jweHeader = `{"alg":"dir","enc":"A256GCM"}`

// encrypted has the five segments of a JWE.
var encrypted = b64(jweHeader) + "..aXY.Y2lwaGVydGV4dA.dGFn"

func auth0Issuer() []claims.Issuer {
	return []claims.Issuer{providers.Auth0("my.eu.auth0.com", audience)}
}

func grammarHints() []hintCase {
	good := token(nil)
	part := strings.Split(good, ".")
	google := []string{good, "ya30.a", part[0]}
	cases := []hintCase{
		{rule: "empty", hint: "There is no token", token: "", others: []string{"x", good}},
		{rule: "only a line break", hint: "There is no token", token: "\r\n", others: []string{good + "\n"}},
		{rule: "a field value", hint: "Remove what is in front", token: "Bearer " + good, others: []string{"Bearer" + good, "Basic " + good}},
		{rule: "a field", hint: "Remove what is in front", token: "Authorization: Bearer " + good, others: []string{good + " Bearer"}},
		{rule: "the scheme DPoP", hint: "Remove what is in front", token: "dpop " + good, others: []string{good}},
		{rule: "an answer of a token endpoint", hint: "This is the answer of a token endpoint", token: `{"access_token":"` + good + `"}`, others: []string{`{"token":"x"}`, "access_token"}},
		{rule: "the JSON serialization", hint: "This is JSON. Use a token", token: `{"payload":"x","signature":"y"}`, others: []string{good, "x{"}},
		{rule: "quotation marks of JSON", hint: "Remove the quotation marks", token: `"` + good + `"`, others: []string{good, good + "\n"}},
		{rule: "an apostrophe of a shell", hint: "Remove the quotation marks", token: `'` + good, others: []string{" " + good}},
		{rule: "a line break at the end", hint: "Remove the white space before or after", token: good + "\n", others: []string{good, part[0] + ".\n" + part[1] + "." + part[2]}},
		{rule: "a broken line", hint: "Remove the white space in the token", token: good[:60] + "\n" + good[60:], others: []string{good, good + "\n"}},
		{rule: "URL-encoded", hint: "The token is URL-encoded", token: strings.ReplaceAll(good, ".", "%2E"), others: []string{good, good + "%", good + "%zz"}},
		{rule: "cut by three dots", hint: "A tool has replaced a part", token: good[:40] + "..." + good[60:], others: []string{good, "a..b"}},
		{rule: "cut by an ellipsis", hint: "A tool has replaced a part", token: good[:40] + "\u2026", others: []string{good[:40]}},
		{rule: "a zero-width space", hint: "The token has a character", token: good + "\u200b", others: []string{good, good + "="}},
		{rule: "encrypted", hint: "The token is encrypted (JWE)", token: encrypted, others: []string{good, good + ".x", good + ".x.y.z"}},
		{rule: "encrypted, Auth0", hint: "The token is encrypted. Auth0", issuers: auth0Issuer(), token: encrypted, others: []string{good}},
		{rule: "encrypted, Cognito", hint: "The token is encrypted, and of Cognito", issuers: []claims.Issuer{providers.Cognito("eu-west-1", "eu-west-1_x", "abc")}, token: encrypted, others: []string{good}},
		{rule: "opaque", hint: "This is not a JWT but an opaque token", token: "0LJ3ZCBGKG1yqaZEpf0b", others: []string{good, "a.b"}},
		{rule: "opaque, Auth0", hint: "This is not a JWT. Auth0", issuers: auth0Issuer(), token: "0LJ3ZCBGKG1yqaZEpf0b", others: []string{good, "a.b"}},
		{rule: "no signature", hint: "The third segment, the signature, is missing", token: part[0] + "." + part[1], others: []string{"a.b", part[0]}},
		{rule: "something follows", hint: "Something follows the token", token: good + ".x", others: []string{"a.b.c.d", good}},
		{rule: "no JWT", hint: "This is not a JWT. A JWT begins", token: "a.b", others: []string{good, "a", part[0] + "." + part[1]}},
		{rule: "an empty signature", hint: "The signature was removed", token: part[0] + "." + part[1] + ".", others: []string{good, part[0] + "." + part[1]}},
		{rule: "padding", hint: "Segments have no padding", token: good + "==", others: []string{good, good + "+"}},
		{rule: "the standard alphabet", hint: "The token is in base64, not base64url", token: part[0] + "." + base64.RawStdEncoding.EncodeToString([]byte("{\"x\":\"\u00ff\u00ff\u00fe\u00fe???\"}")) + "." + part[2], others: []string{good}},
		{rule: "a cut segment", hint: "No base64url encoder writes such a segment", token: good[:len(good)-1], others: []string{good, good + "="}},
		{rule: "of Google", hint: "This is an access token for Google", token: "ya29.a0AfH6SMBx", others: google},
		{rule: "refresh token of Google", hint: "This is a refresh token of Google", token: "1//0gQ-L9Ir", others: google},
		{rule: "refresh token of Auth0", hint: "This is a refresh token of Auth0", token: "v1.MTIz", others: []string{good, "v1.x"}},
		{rule: "of Ory Hydra", hint: "Ory Hydra has made", token: "ory_at_x.y", others: []string{"ory_rt_x.y"}},
		{rule: "refresh token of Ory Hydra", hint: "This is a refresh token of Ory", token: "ory_rt_x.y", others: []string{"ory_at_x.y"}},
		{rule: "of GitHub", hint: "This is a token for GitHub's", token: "ghp_16C7e42F292c", others: []string{"gh_x", good}},
		{rule: "of GitLab", hint: "This is a token for GitLab's", token: "glpat-x", others: []string{"glx"}},
		{rule: "of a personal Microsoft account", hint: "This is a token of a personal", token: "EwB4A8l6BAAU", others: []string{"Ewe", good}},
	}
	for i := range cases {
		cases[i].check = "segments"
	}
	return append(cases, headerHints()...)
}

func headerHints() []hintCase {
	signed := func(payload string) string { return sign(goodHeader, payload) }
	good := token(nil)
	cases := []hintCase{
		{rule: "crit", hint: "The token demands an extension", token: header(`{"alg":"EdDSA","crit":["x"]}`), others: []string{good, header(`{"alg":1}`)}},
		{rule: "b64", hint: "The token demands an extension", token: header(`{"alg":"EdDSA","b64":false}`), others: []string{good}},
		{rule: "a long kid", hint: "The kid is not one", token: header(`{"alg":"EdDSA","kid":"` + strings.Repeat("k", 257) + `"}`), others: []string{header(`{"alg":"EdDSA","kid":1}`)}},
		{rule: "no JSON", hint: "The first segment is not the header", token: header("binary"), others: []string{header(`{"alg":1}`), good}},
		{rule: "alg a number", hint: "The program that makes the token writes a header", token: header(`{"alg":1}`), others: []string{good, header("binary")}},
	}
	for i := range cases {
		cases[i].check = "header"
	}
	payloads := []hintCase{
		{rule: "exp in milliseconds", hint: "exp is in milliseconds", token: token(members{"exp": "1893557045000"}), others: []string{good, token(members{"exp": "18935570450000"}), token(members{"exp": "-1"})}},
		{rule: "nbf in milliseconds", hint: "nbf is in milliseconds", token: token(members{"nbf": "1893557045000"}), others: []string{token(members{"exp": "1893557045000"})}},
		{rule: "exp a string", hint: "The program that makes the token must write exp", token: token(members{"exp": `"1893557045"`}), others: []string{good, token(members{"nbf": `"1"`}), token(members{"exp": "1893557045000"})}},
		{rule: "a nested token", hint: "The payload is a token itself", token: signed(good), others: []string{signed("[]"), good}},
		{rule: "a nested token as JSON", hint: "The payload is a token itself", token: signed(`"` + good + `"`), others: []string{signed(`"x"`)}},
		{rule: "cnf null", hint: "Have the issuer write cnf as an object", token: token(members{"cnf": "null"}), others: []string{token(members{"cnf": `{"jkt":null}`})}},
		{rule: "nested too deeply", hint: "A claim is nested more than 32 deep", token: token(members{"x": strings.Repeat("[", 33) + strings.Repeat("]", 33)}), others: []string{good, token(members{"x": strings.Repeat("[", 32) + strings.Repeat("]", 32)})}},
		{rule: "a duplicate", hint: "The payload is not one JSON object", token: signed(`{"a":1,"a":2}`), others: []string{signed(`{"a":1}`), token(members{"sub": "1"})}},
		{rule: "sub a number", hint: "Have the issuer write the claim with the type", token: token(members{"sub": "1"}), others: []string{good, signed("[]")}},
	}
	for i := range payloads {
		payloads[i].check = "claims"
	}
	return append(cases, payloads...)
}
