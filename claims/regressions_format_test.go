package claims_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// Only the compact serialization is accepted. A program that parses several serializations,
// or parses a token twice in different ways, can verify one token and use another.
func TestRegressionsSerialization(t *testing.T) {
	good := token(nil)
	part := strings.Split(good, ".")
	evil := b64(payload(members{"sub": `"admin"`}))
	runRegressions(t, goodIssuer(), []regression{
		{"CVE-2022-39227 (python-jwt)", "JSON to one parser, compact to another", `{"` + part[0] + `.` + evil + `.":"","protected":"` + part[0] + `","payload":"` + part[1] + `","signature":"` + part[2] + `"}`, claims.ErrMalformed},
		{"CVE-2016-9122 (go-jose)", "several signatures, of which one is good", general(part[1], signed(part[0], "", part[2]), signed(b64(`{"alg":"none"}`), "", "AA")), claims.ErrMalformed},
		{"CVE-2024-21664 (jwx)", "JSON without payload or protected header", `{"signatures":[{"header":{"alg":"EdDSA"},"signature":"` + part[2] + `"}]}`, claims.ErrMalformed},
		{"CVE-2025-30204 (golang-jwt)", "dots as far as the limit", strings.Repeat(".", 16<<10), claims.ErrMalformed},
		{"CVE-2025-27144 (go-jose)", "dots after a good token", good + strings.Repeat(".", 8<<10), claims.ErrMalformed},
		{"CVE-2025-22868 (golang.org/x/oauth2/jws)", "dots in front of a good token", strings.Repeat(".", 8<<10) + good, claims.ErrMalformed},
		{"CVE-2025-53864 (Nimbus JOSE + JWT)", "deep nesting in the claims", token(members{"a": strings.Repeat(`{"a":`, 2000) + "1" + strings.Repeat("}", 2000)}), claims.ErrMalformed},
		{"CVE-2025-53864 (Nimbus JOSE + JWT)", "deep nesting in the header", header(`{"alg":"EdDSA","a":` + strings.Repeat(`[`, 4000) + strings.Repeat("]", 4000) + `}`), claims.ErrMalformed},
		{"jwx v2.1.7, jwt.Parse", "padding", good + "=", claims.ErrMalformed},
		{"jwx v2.1.7, jwt.Parse", "trailing bits", part[0] + "." + withTrailingBits(t, payload(nil)) + "." + part[2], claims.ErrMalformed},
		{"jwx v2.1.7, jwt.Parse", "line break in a segment", part[0] + ".\n" + part[1] + "." + part[2], claims.ErrMalformed},
		{"jwx v2.1.7, jwt.Parse", "bytes after the claims", sign(goodHeader, payload(nil)+"]}junk"), claims.ErrMalformed},
		{"jwx v2.1.7, jwt.Parse", "a token as payload", sign(goodHeader, good), claims.ErrMalformed},
	})
}

// Dots must not cost memory. golang-jwt (CVE-2025-30204), go-jose (CVE-2025-27144) and x/oauth2
// (CVE-2025-22868) spent 16 bytes on each dot: they split a token before counting its segments.
func TestRegressionsDotsCostNothing(t *testing.T) {
	if claims.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	v, dots := newVerifier(t, goodIssuer()), strings.Repeat(".", 16<<10)
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = v.Verify(t.Context(), dots) }), 1.0)
}

// Encrypted tokens are refused before anything is decrypted, derived or inflated.
func TestRegressionsEncrypted(t *testing.T) {
	five := func(header string, encryptedKey, text []byte) string {
		return strings.Join([]string{b64(header), encode(encryptedKey), encode(make([]byte, 12)), encode(text), encode(make([]byte, 16))}, ".")
	}
	const p2c = `{"alg":"PBES2-HS256+A128KW","enc":"A128CBC-HS256","p2s":"c2FsdA","p2c":2147483647}`
	zip := func(alg string) string {
		return five(`{"alg":"`+alg+`","enc":"A256GCM","zip":"DEF"}`, nil, bomb(8<<20))
	}
	runRegressions(t, issuerOf(issuerKeys(t)), []regression{
		{"CVE-2022-3102 (jwcrypto)", "good claims, encrypted to the issuer's public key", encryptedTo(&issuerRSA().PublicKey, payload(nil)), claims.ErrMalformed},
		{"CVE-2023-51774 (json-jwt)", "an unsigned token, encrypted to the issuer's public key", encryptedTo(&issuerRSA().PublicKey, unsigned(`{"alg":"none"}`)), claims.ErrMalformed},
		{"CVE-2023-49290 (jwx)", "PBES2 of 2^31-1 rounds", five(p2c, make([]byte, 24), nil), claims.ErrMalformed},
		{"CVE-2022-36083 (jose)", "PBES2 beside a kid", five(strings.Replace(p2c, "{", `{"kid":"rsa",`, 1), make([]byte, 24), nil), claims.ErrMalformed},
		{"CVE-2023-52428 (Nimbus JOSE + JWT)", "PBES2 of 2^63 rounds", five(strings.Replace(p2c, "2147483647", "9223372036854775808", 1), make([]byte, 24), nil), claims.ErrMalformed},
		{"CVE-2024-28180 (go-jose)", "8 MiB of zeros, compressed to 8 KiB", zip("RSA-OAEP"), claims.ErrMalformed},
		{"CVE-2024-28122 (jwx)", "the same without a key to unwrap", zip("dir"), claims.ErrMalformed},
		{"CVE-2024-28176 (jose)", "the same under ECDH-ES", zip("ECDH-ES"), claims.ErrMalformed},
		{"CVE-2026-34986 (go-jose)", "key wrap without a key", five(`{"alg":"A128KW","enc":"A128GCM"}`, nil, nil), claims.ErrMalformed},
	})
}

// Critical extensions that are not understood must be refused (RFC 7515 section 4.1.11).
func TestRegressionsHeader(t *testing.T) {
	rawPayload := b64(`{"alg":"EdDSA","b64":false,"crit":["b64"]}`) + "." + payload(nil)
	runRegressions(t, goodIssuer(), []regression{
		{"CVE-2025-59420 (Authlib)", "crit with an unknown extension", header(`{"alg":"EdDSA","crit":["bork"],"bork":"x"}`), claims.ErrMalformed},
		{"CVE-2026-32597 (PyJWT)", "crit with an extension that binds the token", header(`{"alg":"EdDSA","crit":["cnf"],"cnf":{"jkt":"x"}}`), claims.ErrMalformed},
		{"CVE-2026-35042 (fast-jwt)", "crit with an extension that is absent", header(`{"alg":"EdDSA","crit":["exp"]}`), claims.ErrMalformed},
		{"jwx v2.1.7", "crit empty", header(`{"alg":"EdDSA","crit":[]}`), claims.ErrMalformed},
		{"jwx v2.1.7 (RFC 7797 section 7)", "b64 false", header(`{"alg":"EdDSA","b64":false}`), claims.ErrMalformed},
		{"jwx v2.1.7 (RFC 7797 section 7)", "b64 false in crit", header(`{"alg":"EdDSA","b64":false,"crit":["b64"]}`), claims.ErrMalformed},
		{"jwx v2.1.7 (RFC 7797 section 7)", "unencoded payload", rawPayload + "." + encode([]byte(strings.Repeat("s", 64))), claims.ErrMalformed},
		{"golang/go#48298 (encoding/json)", "duplicate alg, none first", header(`{"alg":"none","alg":"EdDSA"}`), claims.ErrMalformed},
		{"golang/go#48298 (encoding/json)", "duplicate alg, none last", header(`{"alg":"EdDSA","alg":"none"}`), claims.ErrMalformed},
		{"golang/go#14750 (encoding/json)", "ALG instead of alg", header(`{"ALG":"EdDSA"}`), claims.ErrMalformed},
		{"RFC 8725 section 3.11", "a logout token", header(`{"alg":"EdDSA","typ":"logout+jwt"}`), claims.ErrType},
		{"RFC 8725 section 3.11", "a DPoP proof", header(`{"alg":"EdDSA","typ":"application/dpop+jwt"}`), claims.ErrType},
	})
}

func TestRegressionsClaims(t *testing.T) {
	duplicate := func(member string) string {
		text := payload(nil)
		return sign(goodHeader, text[:len(text)-1]+","+member+"}")
	}
	runRegressions(t, goodIssuer(), []regression{
		{"CVE-2020-26160 (dgrijalva/jwt-go)", "aud an empty list", token(members{"aud": `[]`}), claims.ErrAudience},
		{"CVE-2020-26160 (dgrijalva/jwt-go)", "aud a list without ours", token(members{"aud": `["https://other.example"]`}), claims.ErrAudience},
		{"RFC 7519 section 4.1.3", "aud a part of ours", token(members{"aud": `"https://api"`}), claims.ErrAudience},
		{"RFC 7519 section 4.1.3", "aud with ours as a part", token(members{"aud": `"` + audience + `.evil.example"`}), claims.ErrAudience},
		{"CVE-2024-53861 (PyJWT)", "iss a part of ours", token(members{"iss": `"https://issuer.example"`}), claims.ErrIssuer},
		{"CVE-2024-53861 (PyJWT)", "iss one letter of ours", token(members{"iss": `"s"`}), claims.ErrIssuer},
		{"CVE-2025-30144 (fast-jwt)", "iss a list with ours", token(members{"iss": `["https://evil.example/","` + issuerURL + `"]`}), claims.ErrMalformed},
		{"CVE-2026-25537 (jsonwebtoken, Rust)", "exp a string", token(members{"exp": `"99999999999"`}), claims.ErrMalformed},
		{"CVE-2026-25537 (jsonwebtoken, Rust)", "nbf a string", token(members{"nbf": `"99999999999"`}), claims.ErrMalformed},
		{"auth0/go-jwt-middleware v3.1.0", "no exp", token(members{"exp": ""}), claims.ErrMissingClaim},
		{"jwx v2.1.7", "exp 0 taken for absent", token(members{"exp": `0`}), claims.ErrExpired},
		{"jpadilla/pyjwt#1171", "exp beyond all dates", token(members{"exp": `1` + strings.Repeat("0", 50)}), claims.ErrMalformed},
		{"golang-jwt/jwt#526", "nbf that wraps into the past", token(members{"nbf": `1e19`}), claims.ErrMalformed},
		{"go-jose/go-jose#278", "nbf that wraps in time.Unix", token(members{"nbf": `9223372036854775807`}), claims.ErrMalformed},
		{"golang/go#48298 (encoding/json)", "duplicate exp, good last", sign(goodHeader, strings.Replace(payload(nil), "{", `{"exp":1,`, 1)), claims.ErrMalformed},
		{"golang/go#48298 (encoding/json)", "duplicate aud, good first", duplicate(`"aud":"x"`), claims.ErrMalformed},
		{"golang/go#14750 (encoding/json)", "AUD instead of aud", token(members{"aud": "", "AUD": `"` + audience + `"`}), claims.ErrMissingClaim},
		{"golang/go#14750 (encoding/json)", "EXP beside an expired exp", token(members{"exp": `1`, "EXP": `1893560645`}), claims.ErrExpired},
		{"golang/go#14750 (encoding/json)", "iss with a long s instead of iss", token(members{"iss": "", "i\u017fs": `"` + issuerURL + `"`}), claims.ErrMissingClaim},
		{"RFC 8725 section 3.12", "an ID token", token(members{"nonce": `"n"`, "scope": ""}), claims.ErrType},
		{"RFC 8725 section 3.12", "an ID token with at_hash", token(members{"at_hash": `"77QmUPtjPfzWtF2AnpK9RQ"`}), claims.ErrType},
		{"RFC 9449 section 7.2", "bound by DPoP, presented without a proof", token(members{"cnf": `{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`}), claims.ErrConfirmation},
		{"RFC 8705 section 3", "bound to a certificate, presented without it", token(members{"cnf": `{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}`}), claims.ErrConfirmation},
	})
}

// Claims whose names differ only in case add no scopes (golang/go#14750).
func TestRegressionsScopesOfOtherNames(t *testing.T) {
	c, err := newVerifier(t, goodIssuer()).Verify(t.Context(), token(members{
		"scope": `"read:x"`, "Scope": `"admin"`, "SCOPE": `"admin"`, "\u017fcope": `"admin"`, "scp": `["admin"]`,
	}))
	require.NoError(t, err)
	assert.Equal(t, []string{"read:x"}, c.Scopes())
	assert.False(t, c.HasScope("admin"))
	custom, err := claims.As[struct {
		Scope string `json:"scope"`
	}](c)
	require.NoError(t, err)
	assert.Equal(t, "read:x", custom.Scope)
}

// CVE-2024-51744 (golang-jwt): a caller that ignores ErrExpired must not get the claims of a
// token that is expired and forged.
func TestRegressionsExpiredAndForged(t *testing.T) {
	expired := token(members{"exp": `1`, "sub": `"admin"`})
	c, err := newVerifier(t, goodIssuer()).Verify(t.Context(), expired[:strings.LastIndexByte(expired, '.')+1]+strings.Repeat("A", 86))
	require.Error(t, err)
	assert.Nil(t, c)
}

// CVE-2019-7644 (Auth0-WCF-Service-JWT): the error contained the expected signature.
func TestRegressionsErrorTellsTheSignature(t *testing.T) {
	secret := []byte("a secret of the test, and no other")
	keys, err := jwks.NewSecrets(jwks.Secret{Algorithm: "HS256", Value: secret})
	require.NoError(t, err)
	right := mac(`{"alg":"HS256"}`, secret)
	signature := right[strings.LastIndexByte(right, '.')+1:]
	_, err = newVerifier(t, issuerOf(keys, "HS256")).Verify(t.Context(), mac(`{"alg":"HS256"}`, []byte("wrong")))
	requireReason(t, claims.ErrSignature, err)
	assert.NotContains(t, err.Error(), signature)
	assert.NotContains(t, err.Error(), string(secret))
}

// Keys that are published for encryption must not verify signatures (RFC 7517 sections 4.2
// and 4.3). Keycloak publishes such a key beside the others. jwx v2.1.7 ignores key_ops.
func TestRegressionsKeysForEncryption(t *testing.T) {
	n := encode(issuerRSA().N.Bytes())
	for _, members := range []string{`"use":"enc"`, `"alg":"RSA-OAEP"`, `"use":"enc","alg":"RS256"`, `"key_ops":["encrypt"]`, `"key_ops":[]`} {
		keys, err := jwks.NewStatic([]byte(`{"keys":[{"kty":"RSA","kid":"rsa","e":"AQAB","n":"` + n + `",` + members + `},` +
			`{"kty":"OKP","kid":"k1","crv":"Ed25519","x":"` + encode(signer.Public().(ed25519.PublicKey)) + `"}]}`))
		require.NoError(t, err)
		runRegressions(t, issuerOf(keys), []regression{
			{members, "the key beside it", token(nil), ""},
			{members, "signed with it, by kid", rs256(`{"alg":"RS256","kid":"rsa"}`), claims.ErrUnknownKey},
			{members, "signed with it, without kid", rs256(`{"alg":"RS256"}`), claims.ErrUnknownKey},
		})
	}
}

// An issuer's key must not verify another issuer's tokens, even under the same kid (RFC 8725
// section 3.8).
func TestRegressionsKeysOfAnotherIssuer(t *testing.T) {
	theirs, err := jwks.StaticKeys(jwks.PublicKey{KeyID: "k1", Key: attacker.Public()}, jwks.PublicKey{KeyID: "k2", Key: attacker.Public()})
	require.NoError(t, err)
	other := goodIssuer()
	other.URL, other.Keys = "https://other.example/", theirs
	v, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{issuerOf(issuerKeys(t)), other}, Now: func() time.Time { return now },
	})
	require.NoError(t, err)
	for header, want := range map[string]claims.Reason{
		goodHeader:                   claims.ErrSignature,
		`{"alg":"EdDSA","kid":"k2"}`: claims.ErrUnknownKey,
		`{"alg":"EdDSA"}`:            claims.ErrSignature,
	} {
		_, err := v.Verify(t.Context(), forged(header))
		requireReason(t, want, err)
	}
}

// jwx v2.1.7 parses an Ed25519 key of any length, calls it valid and panics when it is used.
// One such entry in a key set would stop every request.
func TestRegressionsShortEd25519Key(t *testing.T) {
	_, err := jwks.NewStatic([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAECAwQ"}]}`))
	require.ErrorContains(t, err, "not of 32 bytes")
}
