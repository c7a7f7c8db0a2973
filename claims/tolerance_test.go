package claims_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// Serializers write null for a claim that has no value: an identity provider sent "sub":null in
// every token of a client.
func TestB1NullIsAbsence(t *testing.T) {
	for _, name := range []string{"sub", "nbf", "iat", "jti", "client_id", "azp", "cid", "appid"} {
		runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{{name, token(members{name: `null`}), ""}})
	}
	for _, name := range []string{"iss", "aud", "exp"} {
		runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{{name, token(members{name: `null`}), claims.ErrMissingClaim}})
	}
	c := parse(t, `{"iss":null,"sub":null,"aud":null,"exp":null,"nbf":null,"iat":null,"jti":null,"client_id":null,"azp":null,"cid":"c"}`)
	assert.Zero(t, c.Issuer()+c.Subject()+c.ID())
	assert.Equal(t, "c", c.ClientID(), "null must not hide the next claim")
	assert.Nil(t, c.Audience())
	assert.True(t, c.ExpiresAt().IsZero() && c.NotBefore().IsZero() && c.IssuedAt().IsZero())
}

func TestB1WhatIsRequiredMustNotBeNull(t *testing.T) {
	profile, values := goodIssuer().RFC9068(), goodIssuer()
	values.ClaimValues = map[string]string{"sub": "alice"}
	full := members{"client_id": `"c"`, "iat": `1`, "jti": `"j"`}
	for _, name := range []string{"iss", "aud", "exp", "sub", "client_id", "iat", "jti"} {
		changes := members{"client_id": full["client_id"], "iat": full["iat"], "jti": full["jti"]}
		changes[name] = `null`
		runVerify(t, []claims.Issuer{profile}, []verifyCase{
			{name, sign(`{"alg":"EdDSA","typ":"at+jwt"}`, payload(changes)), claims.ErrMissingClaim},
		})
	}
	runVerify(t, []claims.Issuer{values}, []verifyCase{{"ClaimValues", token(members{"sub": `null`}), claims.ErrMissingClaim}})
}

// null must neither make a bound token a bearer token nor confirm it.
func TestB1NullConfirmationIsRefused(t *testing.T) {
	v := newVerifier(t, goodIssuer())
	proofs := []claims.Proof{proof{member: "jkt"}, proof{member: "custom"}}
	for cnf, want := range map[string]claims.Reason{
		`null`:                   claims.ErrMalformed,
		`{"jkt":null}`:           claims.ErrConfirmation,
		`{"x5t#S256":null}`:      claims.ErrConfirmation,
		`{"jkt":"k","jwk":null}`: claims.ErrConfirmation,
		`{"custom":null}`:        claims.ErrConfirmation,
		`{"x":null}`:             claims.ErrConfirmation,
		`{"jkt":"k","x":null}`:   "",
	} {
		_, err := v.Verify(t.Context(), token(members{"cnf": cnf}), proofs...)
		requireReason(t, want, err)
	}
}

func TestB1NullScopeIsNoScope(t *testing.T) {
	runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{
		{"nonce beside a null scope, as in ID tokens", token(members{"nonce": `"n"`, "scope": `null`}), claims.ErrType},
		{"nonce beside a null scp", token(members{"nonce": `"n"`, "scope": "", "scp": `null`}), claims.ErrType},
		{"nonce beside a null scope and a scp", token(members{"nonce": `"n"`, "scope": `null`, "scp": `["a"]`}), ""},
	})
	c, err := newVerifier(t, goodIssuer()).Verify(t.Context(), token(members{"scope": `null`, "scp": `"admin"`}))
	require.NoError(t, err)
	assert.Empty(t, c.Scopes(), "a null scope must not give way to another claim")
}

func TestB2IssuedAtDoesNotRefuseTheToken(t *testing.T) {
	v := newVerifier(t, goodIssuer())
	for _, iat := range []string{
		`1893553445000`, `"1893553445"`, `"2030-01-02T03:04:05Z"`, `-1`, `1e300`, `1e400`, `9223372036854775808`, `true`, `[1]`, `{}`, `""`,
	} {
		c, err := v.Verify(t.Context(), token(members{"iat": iat}))
		require.NoError(t, err, iat)
		assert.True(t, c.IssuedAt().IsZero(), iat)
		assert.True(t, c.IssuedAt().Before(now.Add(-100*365*24*time.Hour)), "a not-before rule must refuse it")
	}
	c, err := v.Verify(t.Context(), token(members{"iat": `1893553445.5`}))
	require.NoError(t, err)
	assert.Equal(t, now.Add(500*time.Millisecond), c.IssuedAt())
	runVerify(t, []claims.Issuer{goodIssuer().RFC9068()}, []verifyCase{
		{
			"iat in milliseconds, where iat is required",
			sign(`{"alg":"EdDSA","typ":"at+jwt"}`, payload(members{"client_id": `"c"`, "jti": `"j"`, "iat": `1893553445000`})),
			claims.ErrMissingClaim,
		},
	})
}

// Handlers and deny-lists rest on these claims.
func TestB2WrongTypesAreRefusedByName(t *testing.T) {
	v := newVerifier(t, goodIssuer())
	for _, name := range []string{"sub", "jti", "client_id", "azp", "nbf", "exp", "iss", "aud"} {
		for _, value := range []string{`true`, `{}`, `[1]`, `[null]`} {
			_, err := v.Verify(t.Context(), token(members{name: value}))
			requireReason(t, claims.ErrMalformed, err)
			assert.ErrorContains(t, err, ": "+name+": ")
		}
	}
}

func TestB7EmptyAudienceIsAbsent(t *testing.T) {
	without, both := goodIssuer(), goodIssuer()
	withoutAudience(&without)
	without.Audiences = nil
	withoutAudience(&both)
	for _, tc := range []struct {
		aud                  string
		bare, alone, besides claims.Reason
	}{
		{"", claims.ErrMissingClaim, "", ""},
		{`null`, claims.ErrMissingClaim, "", ""},
		{`[]`, claims.ErrAudience, "", ""},
		{"[ \t\r\n]", claims.ErrAudience, "", ""},
		{`""`, claims.ErrAudience, claims.ErrAudience, claims.ErrAudience},
		{`[""]`, claims.ErrAudience, claims.ErrAudience, claims.ErrAudience},
		{`[null]`, claims.ErrMalformed, claims.ErrMalformed, claims.ErrMalformed},
		{`[[]]`, claims.ErrMalformed, claims.ErrMalformed, claims.ErrMalformed},
		{`{}`, claims.ErrMalformed, claims.ErrMalformed, claims.ErrMalformed},
		{`"x"`, claims.ErrAudience, claims.ErrAudience, claims.ErrAudience},
		{`["` + audience + `"]`, "", claims.ErrAudience, ""},
	} {
		listed := token(members{"aud": tc.aud, "client_id": `"app"`})
		runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{{"no WithoutAudience: " + tc.aud, listed, tc.bare}})
		runVerify(t, []claims.Issuer{without}, []verifyCase{{"WithoutAudience: " + tc.aud, listed, tc.alone}})
		runVerify(t, []claims.Issuer{both}, []verifyCase{{"both: " + tc.aud, listed, tc.besides}})
	}
	runVerify(t, []claims.Issuer{both}, []verifyCase{
		{"another client", token(members{"aud": `[]`, "client_id": `"evil"`}), claims.ErrAudience},
		{"a null client", token(members{"aud": `[]`, "client_id": `null`}), claims.ErrAudience},
	})
}

func TestB8MediaTypeKeepsItsSlash(t *testing.T) {
	typed := func(typ string) string { return sign(`{"alg":"EdDSA","typ":"`+typ+`"}`, payload(nil)) }
	slash, plain := goodIssuer(), goodIssuer()
	slash.TokenTypes = []string{"text/plain"}
	plain.TokenTypes = []string{"application/Example;part=1/2", "application/example"}
	runVerify(t, []claims.Issuer{slash}, []verifyCase{
		{"the same", typed("Text/Plain"), ""},
		{"another type (RFC 7515 section 4.1.9)", typed("application/text/plain"), claims.ErrType},
	})
	runVerify(t, []claims.Issuer{plain}, []verifyCase{
		{"a prefix that is ignored", typed("example"), ""},
		{"with the prefix", typed("APPLICATION/EXAMPLE"), ""},
		{"twice the prefix", typed("application/application/example"), claims.ErrType},
		{"a slash in a parameter", typed("application/example;part=1/2"), ""},
		{"without the prefix that it needs", typed("example;part=1/2"), claims.ErrType},
	})
}

// ID tokens may have groups and roles, so these do not show that a token is an access token.
func TestC3ScopeClaimsDoNotHideIDTokens(t *testing.T) {
	for _, claim := range []string{"groups", "roles"} {
		issuer := goodIssuer()
		issuer.ScopeClaims = [][]string{{claim}}
		runVerify(t, []claims.Issuer{issuer}, []verifyCase{
			{claim + " in an ID token", token(members{"nonce": `"n"`, "scope": "", claim: `["admin"]`}), claims.ErrType},
			{claim + " in an access token with a nonce", token(members{"nonce": `"n"`, claim: `["admin"]`}), ""},
			{claim + " in an access token", token(members{"scope": "", claim: `["admin"]`}), ""},
		})
	}
}
