package claims_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// keysOf is ownIssuer with the error of a look-up, and with these kids in its set.
func keysOf(err error, kids ...string) []claims.Issuer {
	return ownIssuer(func(i *claims.Issuer) {
		i.Keys = peekable(kids...)
		i.Keys.(*peekSet).err = err
	})
}

func keyHints() []hintCase {
	good := token(nil)
	of := func(kid string) string { return header(`{"alg":"EdDSA","kid":"` + kid + `"}`) }
	two := append(ownIssuer(), ownIssuer(func(i *claims.Issuer) {
		i.URL, i.Keys = "https://other.example/", peekable("k2")
	})...)
	down := &claims.UnavailableError{Err: errors.New("dial tcp: refused")}
	unusable := fmt.Errorf("jwks: RSA key of 1024 bits: %w", claims.ErrUnusableKey)
	fetch := explain.Options{Fetch: true}
	cases := []hintCase{
		{rule: "a kid that is not there", hint: `There are the keys "k1", "k0" (fresh, 3 min old), next refresh 2030-01-02T03:16:05Z (in 12 min)`, issuers: keysOf(nil, "k1", "k0"), token: of("k9"), others: []string{good}},
		{rule: "a kid that is not there after a fetch", hint: `The issuer has the keys "k1" (fresh, 3 min old)`, options: fetch, token: of("k9"), others: []string{good}},
		{rule: "a kid of another issuer", hint: `The key is one of the issuer "https://other.example/"`, issuers: two, token: of("k2"), others: []string{good, of("k9")}},
		{rule: "no kid", hint: "The token has no kid, so its key", issuers: keysOf(claims.ErrUnknownKey, "k1", "k0"), token: header(`{"alg":"EdDSA"}`), others: []string{good}},
		{rule: "a kid of another alg", hint: `The issuer has a key with this kid, but it is not for "ES256"`, token: header(`{"alg":"ES256","kid":"k1"}`), others: []string{good, header(`{"alg":"ES256","kid":"k9"}`)}},
		{rule: "a set that tells no kids", hint: "The issuer has no such key", issuers: keysOf(claims.ErrUnknownKey), token: good, others: []string{"x"}},
		{rule: "an outage", hint: "Look at the address of the issuer and at the network. The cause: dial tcp: refused", issuers: keysOf(down), token: good, others: []string{"x", header(`{"alg":"HS256"}`)}},
		{rule: "a key that cannot be used", hint: "Have the issuer publish a key that can be used. The cause: jwks: RSA key of 1024 bits", issuers: keysOf(unusable, "k1"), token: good, others: []string{"x"}},
		{rule: "no look-up", hint: "Ask again with Options.Fetch", issuers: []claims.Issuer{goodIssuer()}, token: good, others: []string{"x", header(`{"alg":"HS256"}`)}},
		{rule: "no keys yet", hint: "Ask again with Options.Fetch", issuers: keysOf(&claims.UnavailableError{}), token: good, others: []string{"x"}},
	}
	for i := range cases {
		cases[i].check = "key"
	}
	return append(append(cases, algHints()...), signatureHints()...)
}

func algHints() []hintCase {
	good := token(nil)
	secret := ownIssuer(func(i *claims.Issuer) { i.Algorithms = []string{"HS256"} })
	only := ownIssuer(func(i *claims.Issuer) { i.Algorithms = []string{"EdDSA"} })
	refresh := sign(`{"alg":"HS512"}`, payload(members{"typ": `"Refresh"`}))
	cases := []hintCase{
		{rule: "none", hint: "The token is not signed", token: header(`{"alg":"none"}`), others: []string{good, header(`{"alg":"HS256"}`)}},
		{rule: "HMAC with published keys", hint: "This alg needs a secret", token: header(`{"alg":"HS256"}`), others: []string{good, header(`{"alg":"none"}`), refresh}},
		{rule: "published keys with HMAC", hint: "The issuer signs with a key pair", issuers: secret, token: header(`{"alg":"RS256"}`), others: []string{header(`{"alg":"HS512"}`)}},
		{rule: "not listed", hint: `If the issuer is meant to sign with "ES256"`, issuers: only, token: header(`{"alg":"ES256"}`), others: []string{good, header(`{"alg":"ES256K"}`)}},
		{rule: "not listed for this issuer", hint: `If the issuer is meant to sign with "ES256"`, issuers: append(only, ownIssuer(func(i *claims.Issuer) { i.URL = "https://other.example/" })...), token: header(`{"alg":"ES256"}`), others: []string{good}},
		{rule: "unknown", hint: "This library does not verify this alg", token: header(`{"alg":"ES256K"}`), others: []string{good, header(`{"alg":"HS256"}`)}},
		{rule: "a refresh token of Keycloak", hint: "This is a refresh token. The client", token: refresh, others: []string{header(`{"alg":"HS512"}`)}},
	}
	mlDSA := `If the issuer is meant to sign with "ML-DSA-65"`
	if missing := mldsa.Missing(); missing != nil {
		mlDSA = missing.Error() + ". Have the issuer"
	}
	cases = append(cases, hintCase{rule: "ML-DSA", hint: mlDSA, token: header(`{"alg":"ML-DSA-65"}`), others: []string{good, header(`{"alg":"ML-DSA-66"}`)}})
	for i := range cases {
		cases[i].check = "alg"
	}
	return cases
}

// A laxSet has a key that no signature fits, for every alg and kid.
type laxSet struct{}

func (laxSet) Keys(context.Context, string, string) ([]claims.Key, error) {
	return []claims.Key{badKey{}}, nil
}

func (laxSet) Peek(string, string) ([]claims.Key, explain.KeySet, error) {
	return []claims.Key{badKey{}}, explain.KeySet{}, nil
}

func signatureHints() []hintCase {
	lax := ownIssuer(func(i *claims.Issuer) { i.Keys = laxSet{} })
	secret := ownIssuer(func(i *claims.Issuer) { i.Keys, i.Algorithms = laxSet{}, []string{"HS256"} })
	entra := providers.Entra(entraClient, tenant)[1:]
	part := strings.Split(token(nil), ".")
	signed := func(header, signature string) string { return b64(header) + "." + part[1] + "." + b64(signature) }
	es256 := `{"alg":"ES256","kid":"k1"}`
	der := "\x30\x45" + strings.Repeat("x", 69)
	graph := func(header string) string {
		p := payload(members{"iss": `"https://sts.windows.net/` + tenant + `/"`, "aud": `"` + entraClient + `"`})
		return b64(header) + "." + b64(p) + "." + part[2]
	}
	cases := []hintCase{
		{rule: "removed by Google", hint: "Google Cloud has verified the token", token: part[0] + "." + part[1] + ".SIGNATURE_REMOVED_BY_GOOGLE", others: []string{token(nil), token(nil) + "AAAA"}},
		{rule: "nonce in the header", hint: "A token of Entra ID with nonce in its header", issuers: entra, token: graph(`{"alg":"EdDSA","kid":"k1","nonce":"n"}`), others: []string{graph(goodHeader)}},
		{rule: "DER", hint: "The signature is in DER", issuers: lax, token: signed(es256, der), others: []string{signed(es256, der[:64]), signed(`{"alg":"EdDSA"}`, der)}},
		{rule: "cut", hint: `The signature has 60 bytes, and "EdDSA" needs 64`, token: signed(goodHeader, strings.Repeat("x", 60)), others: []string{token(nil), signed(goodHeader, strings.Repeat("x", 64))}},
		{rule: "a wrong secret", hint: "The secret is not that of the issuer", issuers: secret, token: signed(`{"alg":"HS256"}`, strings.Repeat("x", 32)), others: []string{signed(`{"alg":"HS256"}`, "x")}},
		{rule: "no kid", hint: "None of the issuer's keys for this alg", token: signed(`{"alg":"EdDSA"}`, strings.Repeat("x", 64)), others: []string{signed(goodHeader, strings.Repeat("x", 64))}},
		{rule: "changed", hint: "The token was changed after it was signed", token: signed(goodHeader, strings.Repeat("x", 64)), others: []string{token(nil), signed(`{"alg":"EdDSA"}`, strings.Repeat("x", 64))}},
	}
	for i := range cases {
		cases[i].check = "signature"
	}
	return cases
}

func scopeHints() []hintCase {
	needs := explain.Options{Scopes: []string{"read:x", "admin"}}
	as := func(name, text string) string { return token(members{"scope": "", name: text}) }
	granted := token(members{"scope": `"admin read:x"`})
	limited := ownIssuer(func(i *claims.Issuer) { i.AllowedScopes = []string{"read:x"} })
	cases := []hintCase{
		{rule: "not granted", hint: `The client must ask for the scope "admin"`, token: token(nil), others: []string{granted, as("roles", `["x"]`)}},
		{rule: "in permissions", hint: "The token has this in permissions: to read scopes from there, set Issuer.ScopeClaims to [][]string{{\"permissions\"}}", token: token(members{"permissions": `["admin"]`}), others: []string{token(members{"permissions": `["x"]`}), granted}},
		{rule: "in roles of a realm", hint: `The token has this in realm_access.roles: to read scopes from there, set Issuer.ScopeClaims to [][]string{{"realm_access", "roles"}}`, token: token(members{"realm_access": `{"roles":["admin"]}`}), others: []string{token(members{"realm_access": `["admin"]`})}},
		{rule: "in roles of a client", hint: "The token has this in resource_access.app.roles", token: token(members{"azp": `"app"`, "resource_access": `{"app":{"roles":["admin"]}}`}), others: []string{token(members{"azp": `"x"`, "resource_access": `{"app":{"roles":["admin"]}}`})}},
		{rule: "no scope but other claims", hint: `The token has no scopes, but roles. If these are its scopes, set Issuer.ScopeClaims to [][]string{{"roles"}}`, token: as("roles", `["x"]`), others: []string{token(members{"roles": `["x"]`}), as("roles", `[]`), as("scp", `["admin"]`)}},
		{rule: "not allowed", hint: "Issuer.AllowedScopes does not have this scope", issuers: limited, token: granted, others: []string{"x"}},
		{rule: "commas", hint: "The scopes are separated by commas", token: token(members{"scope": `"read:x,admin"`}), others: []string{granted, token(members{"scope": `"read:x other,thing"`})}},
		{rule: "case", hint: "The token has this scope in another case", token: token(members{"scope": `"read:x Admin"`}), others: []string{granted, token(nil)}},
		{rule: "a prefix", hint: "The token has this scope with another prefix", token: token(members{"scope": `"read:x api://id/admin"`}), others: []string{granted, token(members{"scope": `"read:x xadmin"`})}},
	}
	for i := range cases {
		cases[i].check, cases[i].options = "policies", needs
	}
	jkt := token(members{"cnf": `{"jkt":"x"}`})
	return append(cases,
		hintCase{rule: "DPoP", check: "cnf", hint: "The token is bound to a key. The client must send it with the scheme DPoP", token: jkt, others: []string{token(nil), token(members{"cnf": `{"x5t#S256":"x"}`})}},
		hintCase{rule: "mutual TLS", check: "cnf", hint: "The token is bound to a certificate", token: token(members{"cnf": `{"x5t#S256":"x"}`}), others: []string{token(nil), jkt}},
		hintCase{rule: "another member", check: "cnf", hint: "The token is bound to a key. The API must take", token: token(members{"cnf": `{"x":"y"}`}), others: []string{jkt, token(members{"cnf": `{}`})}},
		hintCase{rule: "no key", check: "cnf", hint: "Have the issuer name a key in cnf", token: token(members{"cnf": `{"jkt":null}`}), others: []string{jkt, token(members{"cnf": `{"x":"y","z":null}`})}},
		hintCase{rule: "too long", check: "length", hint: "Have the issuer put less into the token", token: strings.Repeat("x", 16<<10+1), others: []string{strings.Repeat("x", 16<<10)}},
	)
}
