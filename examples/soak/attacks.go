package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// An attack is a request that must be refused, and the status that must refuse it.
type attack struct {
	name   string
	status int

	// authorization returns the values of the Authorization fields. The key is a known
	// one, or a retired one if retired is set.
	authorization func(w *world, k jwkstest.Key) []string

	retired  bool
	unknown  bool          // the key is unknown, so 503 is also right in an outage
	patience time.Duration // if set, the client gives up within this time
	writes   bool
}

func (a attack) method() string {
	if a.writes {
		return http.MethodPost
	}
	return http.MethodGet
}

// stranger is a key that is never published.
var stranger = jwkstest.NewKey("ES256")

var attacks = []attack{
	{name: "no token", status: 401, authorization: values()},
	{name: "another scheme", status: 401, authorization: values("Basic YWxpY2U6c2VjcmV0")},
	{name: "two fields", status: 400, authorization: values("Bearer a.b.c", "Bearer a.b.c")},
	{name: "not the grammar of a token", status: 400, authorization: values("Bearer <script>")},
	{name: "garbage", status: 401, authorization: values("Bearer garbage")},
	{name: "five segments", status: 401, authorization: values("Bearer e30.e30.e30.e30.e30")},
	{name: "oversized", status: 401, authorization: values("Bearer " + strings.Repeat("e", 20<<10))},
	{name: "tampered signature", status: 401, authorization: func(w *world, k jwkstest.Key) []string {
		return bearer(jwkstest.TamperSignature(w.token(k, nil)))
	}},
	{name: "tampered claims", status: 401, authorization: func(w *world, k jwkstest.Key) []string {
		return bearer(jwkstest.TamperClaims(w.token(k, nil), map[string]any{"sub": "root"}))
	}},
	{name: "too few scopes", status: 403, writes: true, authorization: claiming("scope", readScope)},
	{name: "no scopes", status: 403, authorization: claiming("scope", jwkstest.Absent)},
	{name: "expired", status: 401, authorization: claiming("exp", time.Now().Add(-time.Minute).Unix())},
	{name: "without exp", status: 401, authorization: claiming("exp", jwkstest.Absent)},
	{name: "exp as text", status: 401, authorization: claiming("exp", "9999999999")},
	{name: "not yet valid", status: 401, authorization: claiming("nbf", 9999999999)},
	{name: "another issuer", status: 401, authorization: claiming("iss", "https://evil.example")},
	{name: "another audience", status: 401, authorization: claiming("aud", jwkstest.Audience+".evil.example")},
	{name: "bound to a key", status: 401, authorization: claiming("cnf", map[string]any{"jkt": "thumbprint"})},
	{name: "ID token", status: 401, authorization: claiming("at_hash", "x")},
	{name: "logout token", status: 401, authorization: withHeader("typ", "logout+jwt")},
	{name: "critical extension", status: 401, authorization: withHeader("crit", []string{"exp"})},
	{name: "b64", status: 401, authorization: withHeader("b64", false)},
	{name: "unsigned", status: 401, authorization: forged(nil, func(k jwkstest.Key) jwkstest.Key {
		return jwkstest.Key{ID: k.ID, Algorithm: "none"}
	})},
	{name: "public key as an HMAC secret", status: 401, authorization: forged(nil, func(k jwkstest.Key) jwkstest.Key {
		secret, _ := json.Marshal(k.JWK())
		return jwkstest.Key{ID: k.ID, Algorithm: "HS256", Private: secret}
	})},
	{name: "a stranger's key under a known kid", status: 401, authorization: forged(nil, strangerAs)},
	{name: "key in the token", status: 401, authorization: forged(
		map[string]any{"jwk": stranger.JWK()}, strangerAs)},
	{name: "address of a key set in the token", status: 401, authorization: forged(
		map[string]any{"jku": "http://127.0.0.1:1/jwks"}, strangerAs)},
	{name: "unknown key", status: 401, unknown: true, authorization: forged(nil, unheardOf)},
	{
		name: "unknown key, given up", status: 401, unknown: true, patience: 3 * time.Millisecond,
		authorization: forged(nil, unheardOf),
	},
	{name: "retired key", status: 401, retired: true, authorization: claiming("sub", subject)},
}

func bearer(token string) []string { return []string{"Bearer " + token} }

func values(fields ...string) func(*world, jwkstest.Key) []string {
	return func(*world, jwkstest.Key) []string { return fields }
}

// claiming makes a token with this claim and a good signature.
func claiming(name string, value any) func(*world, jwkstest.Key) []string {
	return func(w *world, k jwkstest.Key) []string {
		return bearer(w.token(k, map[string]any{name: value}))
	}
}

func withHeader(name string, value any) func(*world, jwkstest.Key) []string {
	return func(w *world, k jwkstest.Key) []string {
		return bearer(w.token(k, nil, jwkstest.Header(name, value)))
	}
}

// forged makes a token with good claims, signed by another key, with these members in
// its header.
func forged(
	header map[string]any, signer func(known jwkstest.Key) jwkstest.Key,
) func(*world, jwkstest.Key) []string {
	var options []jwkstest.Option
	for name, value := range header {
		options = append(options, jwkstest.Header(name, value))
	}
	return func(w *world, k jwkstest.Key) []string { return bearer(w.token(signer(k), nil, options...)) }
}

func strangerAs(known jwkstest.Key) jwkstest.Key {
	k := stranger
	k.ID = known.ID
	return k
}

func unheardOf(jwkstest.Key) jwkstest.Key {
	k := stranger
	k.ID = rand.Text()
	return k
}
