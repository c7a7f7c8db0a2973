package claims_test

import (
	"errors"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

func opaqueHints() []hintCase {
	good := token(nil)
	of := func(err error) []claims.Issuer {
		e := answering(nil)
		e.err = err
		return []claims.Issuer{opaqueIssuer(e)}
	}
	fetch := explain.Options{Fetch: true}
	saying := func(name, value string) []claims.Issuer {
		i := opaqueIssuer(answering(members{name: value}))
		i.TokenTypes = []string{"at+jwt"}
		return []claims.Issuer{i}
	}
	return []hintCase{
		{rule: "another shape", check: "segments", hint: "No issuer has opaque tokens of this prefix and length", issuers: of(nil), token: "ory_at_another", others: []string{good, opaqueToken}},
		{rule: "an opaque token", check: "claims", hint: "Ask again with Options.Fetch: the endpoint", issuers: of(nil), token: opaqueToken, others: []string{good, "x"}},
		{rule: "not active", check: "claims", hint: "The token has expired or was revoked", issuers: of(claims.ErrRejected), options: fetch, token: opaqueToken, others: []string{good, "x"}},
		{rule: "a refresh token", check: "typ", hint: "By token_type, token_use or typ of the answer", issuers: saying("token_type", `"refresh_token"`), options: fetch, token: opaqueToken, others: []string{good, "x"}},
		{rule: "a token_use of another token", check: "typ", hint: "By token_type, token_use or typ of the answer", issuers: saying("token_use", `"refresh_token"`), options: fetch, token: opaqueToken, others: []string{good, "x"}},
		{rule: "bound to no key", check: "typ", hint: "The issuer does not say to which key", issuers: saying("token_type", `"DPoP"`), options: fetch, token: opaqueToken, others: []string{good, "x"}},
		{rule: "an outage of the endpoint", check: "claims", hint: "The endpoint of the issuer gave no answer", issuers: of(errors.New("x")), options: fetch, token: opaqueToken, others: []string{good, "x"}},
	}
}
