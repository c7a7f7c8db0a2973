package claims_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// fuzzedIssuers have different settings, and one of them has a relative in most tokens.
func fuzzedIssuers() []claims.Issuer {
	strict := ownIssuer(func(i *claims.Issuer) {
		i.URL, i.Algorithms, i.Leeway = "https://strict.example", []string{"EdDSA"}, 1
		i.MaxLifetime = time.Hour
		i.ClaimRules = map[string][]any{"/org/id": {"o1"}, "/verified": {nil, true}}
		*i = i.RFC9068()
	})
	issuers := append(ownIssuer(), strict...)
	issuers = append(issuers, providers.Entra(entraClient, tenant)...)
	return keyed(append(issuers, providers.Keycloak("https://h", "demo", "timesheets"), providers.Cognito("eu-west-1", "eu-west-1_x", "abc"),
		providers.Auth0("my.eu.auth0.com", audience))...)
}

// FuzzExplain holds Explain to Verify: it must decide like Verify, for the same reason and each
// time the same, without a fetch. Its report must be harmless. If the token is empty, one is
// signed from the header and the payload.
func FuzzExplain(f *testing.F) {
	for _, tc := range hintCases() {
		f.Add(tc.token, "", "")
	}
	for _, token := range hostileTokens() {
		f.Add(token, "", "")
	}
	for _, changes := range []members{
		nil,
		{"exp": "1"},
		{"cnf": `{"jkt":"x"}`},
		{"cnf": `{"x":null}`},
		{"iss": `"https://issuer.example"`},
		{"iss": `"https://strict.example"`, "jti": `"j"`, "iat": "1", "client_id": `"c"`},
		{"iss": `"https://strict.example"`, "jti": `"j"`, "iat": at(0), "client_id": `"c"`},
		{"iss": `"https://strict.example"`, "jti": `"j"`, "iat": at(time.Hour), "client_id": `"c"`},
		{"iss": `"https://strict.example"`, "jti": `"j"`, "iat": "1", "client_id": `"c"`, "org": `{"id":"o1"}`, "verified": "true"},
		{"iss": `"https://strict.example"`, "jti": `"j"`, "iat": "1", "client_id": `"c"`, "org": `[{"id":"o1"}]`, "verified": `"x"`},
		{"iss": `"https://h/realms/demo"`, "typ": `"Bearer"`},
		{"nonce": "1", "scope": ""},
		{"aud": "[]"},
	} {
		f.Add("", goodHeader, payload(changes))
		f.Add("", `{"alg":"EdDSA","kid":"x","typ":"at+jwt"}`, payload(changes))
	}
	issuers := fuzzedIssuers()
	explainer, verifier := newVerifier(f, issuers...), newVerifier(f, fuzzedIssuers()...)
	f.Fuzz(func(t *testing.T, token, header, payload string) {
		if token == "" {
			token = sign(header, payload)
		}
		r := explained(t, explainer, token, explain.Options{})
		c, err := verifier.Verify(t.Context(), token)
		var reason claims.Reason
		if errors.As(err, &reason) == (c != nil) {
			t.Fatal("claims and an error, or neither")
		}
		requireAgreement(t, reason, r)
		requireHarmless(t, token, r)
		if again := explained(t, explainer, token, explain.Options{}); !reflect.DeepEqual(r, again) {
			t.Fatalf("differs the second time:\n%+v\n%+v", r, again)
		}
		requireHarmless(t, token, explained(t, explainer, token, explain.Options{Scopes: []string{"admin"}}))
		for _, issuer := range issuers {
			if issuer.Keys.(*peekSet).fetches.Load() != 0 {
				t.Fatal("a fetch")
			}
		}
	})
}
