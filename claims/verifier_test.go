package claims_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
)

// A verifyCase is a token and the reason for which it must be refused. An empty reason means
// that it must be accepted.
type verifyCase struct {
	rule  string
	token string
	want  claims.Reason
}

// runVerify runs every case without the token cache, and twice with it. A second refusal must
// have the same reason, and Explain must agree.
func runVerify(t *testing.T, issuers []claims.Issuer, cases []verifyCase) {
	t.Helper()
	uncached, cached := verifierWith(t, -1, issuers...), verifierWith(t, 0, issuers...)
	for _, tc := range cases {
		t.Run(tc.rule, func(t *testing.T) {
			for _, v := range []*claims.Verifier{uncached, cached, cached} {
				c, err := v.Verify(t.Context(), tc.token)
				requireReason(t, tc.want, err)
				assert.Equal(t, tc.want == "", c != nil, "claims must be returned if and only if there is no error")
				requireAgreement(t, tc.want, explained(t, v, tc.token, explain.Options{Fetch: true}))
			}
		})
	}
}

func header(text string) string { return sign(text, payload(nil)) }

func TestCompactSerialization(t *testing.T) {
	good := token(nil)
	part := strings.Split(good, ".")
	runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{
		{"a good token", good, ""},
		{"empty", "", claims.ErrMalformed},
		{"one segment", part[0], claims.ErrMalformed},
		{"two segments", part[0] + "." + part[1], claims.ErrMalformed},
		{"four segments", good + "." + part[2], claims.ErrMalformed},
		{"five segments are a JWE (RFC 7516 section 9)", good + ".a.b", claims.ErrMalformed},
		{"six segments", good + ".a.b.c", claims.ErrMalformed},
		{"only dots", "..", claims.ErrMalformed},
		{"900,000 dots", strings.Repeat(".", 900_000), claims.ErrMalformed},
		{"empty header", "." + part[1] + "." + part[2], claims.ErrMalformed},
		{"empty payload, as if detached", part[0] + ".." + part[2], claims.ErrMalformed},
		{"empty signature", part[0] + "." + part[1] + ".", claims.ErrMalformed},
		{"JSON serialization (RFC 7519 section 3)", `{"payload":"` + part[1] + `"}`, claims.ErrMalformed},
		{"padding in the signature", good + "=", claims.ErrMalformed},
		{"padding in the header, signed over", signSegments(part[0]+"=", part[1]), claims.ErrMalformed},
		{"padding in the payload, signed over", signSegments(part[0], part[1]+"="), claims.ErrMalformed},
		{"standard alphabet", signSegments(part[0], base64.RawStdEncoding.EncodeToString([]byte(payload(members{"x": `"ÿÿÿÿþþþ"`})))), claims.ErrMalformed},
		{"space around", " " + good, claims.ErrMalformed},
		{"line break in a segment (RFC 7515 section 2)", part[0][:4] + "\n" + part[0][4:] + "." + part[1] + "." + part[2], claims.ErrMalformed},
		{"carriage return in the signature", good[:len(good)-3] + "\r" + good[len(good)-3:], claims.ErrMalformed},
		{"non-zero trailing bits in the payload, signed over (RFC 4648 section 3.5)", signSegments(part[0], withTrailingBits(t, payload(nil))), claims.ErrMalformed},
		{"non-zero trailing bits in the signature", good[:len(good)-1] + string(good[len(good)-1]+1), claims.ErrMalformed},
		{"percent escape", strings.Replace(good, ".", "%2E", 1), claims.ErrMalformed},
		{"NUL", good + "\x00", claims.ErrMalformed},
		{"cut signature", part[0] + "." + part[1] + "." + part[2][:len(part[2])-6], claims.ErrSignature},
		{"longer signature", good + "AAAA", claims.ErrSignature},
		{"swapped signature", part[0] + "." + part[1] + "." + strings.Split(token(members{"sub": `"bob"`}), ".")[2], claims.ErrSignature},
		{"tampered payload", part[0] + "." + b64(payload(members{"sub": `"root"`})) + "." + part[2], claims.ErrSignature},
	})
}

// withTrailingBits returns text in base64url with non-zero trailing bits. A lax decoder decodes it
// to text.
func withTrailingBits(t *testing.T, text string) string {
	t.Helper()
	for len(text)%3 == 0 {
		text += " "
	}
	lax := []byte(b64(text))
	lax[len(lax)-1]++
	decoded, err := base64.RawURLEncoding.DecodeString(string(lax))
	require.NoError(t, err)
	require.Equal(t, text, string(decoded))
	return string(lax)
}

func TestHeader(t *testing.T) {
	long := strings.Repeat("k", 257)
	runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{
		{"an array", header(`["alg","EdDSA"]`), claims.ErrMalformed},
		{"a string", header(`"EdDSA"`), claims.ErrMalformed},
		{"null", header(`null`), claims.ErrMalformed},
		{"truncated", header(`{"alg":"EdDSA"`), claims.ErrMalformed},
		{"two objects", header(`{"alg":"EdDSA"}{}`), claims.ErrMalformed},
		{"UTF-16", header("{\x00\"\x00a\x00l\x00g\x00\"\x00"), claims.ErrMalformed},
		{"byte order mark", header("\ufeff" + goodHeader), claims.ErrMalformed},
		{"invalid UTF-8", header("{\"alg\":\"EdDSA\",\"x\":\"\xff\"}"), claims.ErrMalformed},
		{"duplicate alg, good first (RFC 7515 section 4)", header(`{"alg":"EdDSA","alg":"none"}`), claims.ErrMalformed},
		{"duplicate alg, good last", header(`{"alg":"none","alg":"EdDSA"}`), claims.ErrMalformed},
		{"duplicate alg by escape", header(`{"alg":"EdDSA","\u0061lg":"none"}`), claims.ErrMalformed},
		{"duplicate within an ignored member", header(`{"alg":"EdDSA","x":[{"a":1,"a":2}]}`), claims.ErrMalformed},
		{"alg written with an escape is alg", header(`{"\u0061lg":"EdDSA"}`), ""},
		{"names are case-sensitive: Alg is not alg (RFC 7515 section 5.3)", header(`{"Alg":"EdDSA"}`), claims.ErrMalformed},
		{"Alg beside alg is unknown", header(`{"alg":"EdDSA","Alg":"none","ALG":"HS256"}`), ""},
		{"KID beside kid is unknown", header(`{"alg":"EdDSA","kid":"k1","KID":"other"}`), ""},
		{"Crit is unknown", header(`{"alg":"EdDSA","Crit":["x"]}`), ""},
		{"U+212A does not fold onto k", header("{\"alg\":\"EdDSA\",\"\u212aid\":\"other\"}"), ""},
		{"alg missing (RFC 7515 section 4.1.1)", header(`{"kid":"k1"}`), claims.ErrMalformed},
		{"alg null", header(`{"alg":null}`), claims.ErrMalformed},
		{"alg a number", header(`{"alg":1}`), claims.ErrMalformed},
		{"alg an array", header(`{"alg":["EdDSA"]}`), claims.ErrMalformed},
		{"alg empty", header(`{"alg":""}`), claims.ErrMalformed},
		{"alg in other case", header(`{"alg":"eddsa"}`), claims.ErrAlgorithm},
		{"alg with space", header(`{"alg":"EdDSA "}`), claims.ErrAlgorithm},
		{"alg none (RFC 8725 section 3.1)", header(`{"alg":"none"}`), claims.ErrAlgorithm},
		{"alg none, unsigned", b64(`{"alg":"none"}`) + "." + b64(payload(nil)) + ".", claims.ErrAlgorithm},
		{"alg nOnE", header(`{"alg":"nOnE"}`), claims.ErrAlgorithm},
		{"alg HS256", header(`{"alg":"HS256"}`), claims.ErrAlgorithm},
		{"alg Ed448", header(`{"alg":"Ed448"}`), claims.ErrAlgorithm},
		{"alg ES256K", header(`{"alg":"ES256K"}`), claims.ErrAlgorithm},
		{"alg Ed25519 (RFC 9864 section 2.2)", header(`{"alg":"Ed25519"}`), ""},
		{"alg of another key", header(`{"alg":"ES256","kid":"k1"}`), claims.ErrUnknownKey},
		{"kid of no key", header(`{"alg":"EdDSA","kid":"k2"}`), claims.ErrUnknownKey},
		{"kid is case-sensitive", header(`{"alg":"EdDSA","kid":"K1"}`), claims.ErrUnknownKey},
		{"no kid", header(`{"alg":"EdDSA"}`), ""},
		{"kid a number", header(`{"alg":"EdDSA","kid":1}`), claims.ErrMalformed},
		{"kid null", header(`{"alg":"EdDSA","kid":null}`), claims.ErrMalformed},
		{"kid an array", header(`{"alg":"EdDSA","kid":["k1"]}`), claims.ErrMalformed},
		{"kid of 257 bytes", header(`{"alg":"EdDSA","kid":"` + long + `"}`), claims.ErrMalformed},
		{"kid as path (RFC 8725 section 3.10)", header(`{"alg":"EdDSA","kid":"../../dev/null"}`), claims.ErrUnknownKey},
		{"unknown members are ignored (RFC 7515 section 4)", header(`{"alg":"EdDSA","x-custom":{"a":[1]},"nonce":"n"}`), ""},
		{"jwk, jku, x5u, x5c are not read", header(`{"alg":"EdDSA","kid":"k1","jwk":{"kty":"oct"},"jku":"http://127.0.0.1/","x5u":"http://127.0.0.1/","x5c":["AA"]}`), ""},
		{"crit with an unknown extension (RFC 7515 section 4.1.11)", header(`{"alg":"EdDSA","crit":["x"],"x":1}`), claims.ErrMalformed},
		{"crit empty", header(`{"alg":"EdDSA","crit":[]}`), claims.ErrMalformed},
		{"crit not a list", header(`{"alg":"EdDSA","crit":"exp"}`), claims.ErrMalformed},
		{"crit with a registered member", header(`{"alg":"EdDSA","crit":["alg"]}`), claims.ErrMalformed},
		{"crit null", header(`{"alg":"EdDSA","crit":null}`), claims.ErrMalformed},
		{"b64 false (RFC 7797 section 7)", header(`{"alg":"EdDSA","b64":false,"crit":["b64"]}`), claims.ErrMalformed},
		{"b64 true", header(`{"alg":"EdDSA","b64":true}`), claims.ErrMalformed},
		{"typ absent", header(`{"alg":"EdDSA"}`), ""},
		{"typ JWT", header(`{"alg":"EdDSA","typ":"JWT"}`), ""},
		{"typ in any case (RFC 7515 section 4.1.9)", header(`{"alg":"EdDSA","typ":"AT+JWT"}`), ""},
		{"typ with application/", header(`{"alg":"EdDSA","typ":"Application/at+jwt"}`), ""},
		{"typ application/ is not absent", header(`{"alg":"EdDSA","typ":"application/"}`), claims.ErrType},
		{"typ null", header(`{"alg":"EdDSA","typ":null}`), claims.ErrMalformed},
		{"typ of a logout token (RFC 8725 section 3.11)", header(`{"alg":"EdDSA","typ":"logout+jwt"}`), claims.ErrType},
		{"typ of a DPoP proof", header(`{"alg":"EdDSA","typ":"dpop+jwt"}`), claims.ErrType},
		{"typ of a security event", header(`{"alg":"EdDSA","typ":"secevent+jwt"}`), claims.ErrType},
		{"typ unknown", header(`{"alg":"EdDSA","typ":"x"}`), claims.ErrType},
		{"header members do not count as claims (RFC 7519 section 5.3)", sign(`{"alg":"EdDSA","iss":"`+issuerURL+`"}`, payload(members{"iss": ""})), claims.ErrMissingClaim},
	})
}

func TestPayloadIsStrictJSON(t *testing.T) {
	signed := func(text string) string { return sign(goodHeader, text) }
	good := payload(nil)
	with := func(extra string) string { return signed(good[:len(good)-1] + "," + extra + "}") }
	runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{
		{"an array (RFC 7519 section 7.2)", signed("[" + good + "]"), claims.ErrMalformed},
		{"null", signed("null"), claims.ErrMalformed},
		{"a nested token (RFC 7519 section 7.2 step 8)", signed(`"` + token(nil) + `"`), claims.ErrMalformed},
		{"a nested token, bare", signed(token(nil)), claims.ErrMalformed},
		{"two objects", signed(good + good), claims.ErrMalformed},
		{"trailing bytes", signed(good + "]}x"), claims.ErrMalformed},
		{"trailing NUL", signed(good + "\x00"), claims.ErrMalformed},
		{"trailing white space is allowed", signed(good + " \n"), ""},
		{"trailing comma", signed(good[:len(good)-1] + ",}"), claims.ErrMalformed},
		{"a comment", with(`"x":1/* */`), claims.ErrMalformed},
		{"NaN", with(`"x":NaN`), claims.ErrMalformed},
		{"invalid UTF-8", with("\"x\":\"\xc3\x28\""), claims.ErrMalformed},
		{"lone surrogate", with(`"x":"\ud800"`), claims.ErrMalformed},
		{"duplicate iss (RFC 7519 section 4)", with(`"iss":"` + issuerURL + `"`), claims.ErrMalformed},
		{"duplicate aud", with(`"aud":"x"`), claims.ErrMalformed},
		{"duplicate exp", with(`"exp":1`), claims.ErrMalformed},
		{"duplicate by escape", with(`"\u0065xp":1`), claims.ErrMalformed},
		{"duplicate within an ignored claim", with(`"x":{"a":{"b":1,"b":1}}`), claims.ErrMalformed},
		{"unknown claims are ignored (RFC 7519 section 4)", with(`"__proto__":{"a":1},"":null,"x":[[[]]]`), ""},
		{"names in other case are other claims", with(`"ISS":"x","Aud":"x","EXP":1,"Scope":"x"`), ""},
		{"long s is another letter", with("\"i\u017fs\":\"x\""), ""},
		{"a claim nested 32 deep", with(`"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)), ""},
		{"a claim nested 33 deep", with(`"x":` + strings.Repeat("[", 33) + strings.Repeat("]", 33)), claims.ErrMalformed},
		{"nested 5,000 deep", with(`"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000)), claims.ErrMalformed},
		{"nested 5,000 deep after closing brackets in a string", with(`"x":"\"` + strings.Repeat("]", 6000) + `","y":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000)), claims.ErrMalformed},
		{"2,000 brackets in a string", with(`"x":"` + strings.Repeat("[]", 1000) + `"`), ""},
		{"nested and not closed", signed(strings.Repeat(`{"a":`, 2000)), claims.ErrMalformed},
		{"empty object", signed("{}"), claims.ErrMissingClaim},
	})
}

func TestIssuerClaim(t *testing.T) {
	runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{
		{"missing (RFC 9068 section 2.2)", token(members{"iss": ""}), claims.ErrMissingClaim},
		{"empty", token(members{"iss": `""`}), claims.ErrMissingClaim},
		{"null is absence", token(members{"iss": `null`}), claims.ErrMissingClaim},
		{"array", token(members{"iss": `["` + issuerURL + `"]`}), claims.ErrMalformed},
		{"without the slash (RFC 8725 section 3.8)", token(members{"iss": `"https://issuer.example"`}), claims.ErrIssuer},
		{"other case", token(members{"iss": `"https://Issuer.example/"`}), claims.ErrIssuer},
		{"explicit port", token(members{"iss": `"https://issuer.example:443/"`}), claims.ErrIssuer},
		{"user information", token(members{"iss": `"https://issuer.example@evil.example/"`}), claims.ErrIssuer},
		{"suffix", token(members{"iss": `"` + issuerURL + `x"`}), claims.ErrIssuer},
		{"NUL", token(members{"iss": `"` + issuerURL + `\u0000"`}), claims.ErrIssuer},
		{"the same, written with escapes", token(members{"iss": `"https:\/\/issuer.example\/"`}), ""},
		{"ISS instead of iss", token(members{"iss": "", "ISS": `"` + issuerURL + `"`}), claims.ErrMissingClaim},
	})
}

func TestAudienceClaim(t *testing.T) {
	runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{
		{"a list with ours (RFC 7519 section 4.1.3)", token(members{"aud": `["x","` + audience + `"]`}), ""},
		{"missing", token(members{"aud": ""}), claims.ErrMissingClaim},
		{"another", token(members{"aud": `"https://other.example"`}), claims.ErrAudience},
		{"prefix of ours", token(members{"aud": `"https://api.exampl"`}), claims.ErrAudience},
		{"ours as prefix", token(members{"aud": `"` + audience + `/"`}), claims.ErrAudience},
		{"a list separated by spaces", token(members{"aud": `"x ` + audience + `"`}), claims.ErrAudience},
		{"an empty list", token(members{"aud": `[]`}), claims.ErrAudience},
		{"an empty string", token(members{"aud": `""`}), claims.ErrAudience},
		{"null is absence", token(members{"aud": `null`}), claims.ErrMissingClaim},
		{"an object", token(members{"aud": `{"a":"` + audience + `"}`}), claims.ErrMalformed},
		{"a nested list", token(members{"aud": `[["` + audience + `"]]`}), claims.ErrMalformed},
		{"a list with a number beside ours", token(members{"aud": `["` + audience + `",1]`}), claims.ErrMalformed},
		{"a list with null beside ours", token(members{"aud": `[null,"` + audience + `"]`}), claims.ErrMalformed},
	})
}

func TestTimeClaims(t *testing.T) {
	at := func(d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
	runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{
		{"exp missing (RFC 9068 section 2.2)", token(members{"exp": ""}), claims.ErrMissingClaim},
		{"exp an hour ago (RFC 7519 section 4.1.4)", token(members{"exp": at(-time.Hour)}), claims.ErrExpired},
		{"exp within the leeway", token(members{"exp": at(-4 * time.Second)}), ""},
		{"exp at the end of the leeway", token(members{"exp": at(-5 * time.Second)}), claims.ErrExpired},
		{"exp with a fraction (RFC 7519 section 2)", token(members{"exp": at(-5*time.Second) + ".5"}), ""},
		{"exp with an exponent", token(members{"exp": `1.9e9`}), ""},
		{"exp a string", token(members{"exp": `"1893557045"`}), claims.ErrMalformed},
		{"exp null is absent", token(members{"exp": `null`}), claims.ErrMissingClaim},
		{"exp true", token(members{"exp": `true`}), claims.ErrMalformed},
		{"exp a list", token(members{"exp": `[1893557045]`}), claims.ErrMalformed},
		{"exp 0", token(members{"exp": `0`}), claims.ErrExpired},
		{"exp -0", token(members{"exp": `-0`}), claims.ErrExpired},
		{"exp 0.5", token(members{"exp": `0.5`}), claims.ErrExpired},
		{"exp -1", token(members{"exp": `-1`}), claims.ErrMalformed},
		{"exp in milliseconds", token(members{"exp": `1893557045000`}), claims.ErrMalformed},
		{"exp beyond int64", token(members{"exp": `18446744073709551617`}), claims.ErrMalformed},
		{"exp beyond float64", token(members{"exp": `1e400`}), claims.ErrMalformed},
		{"exp -1e400", token(members{"exp": `-1e400`}), claims.ErrMalformed},
		{"exp of 10,000 digits", token(members{"exp": "1" + strings.Repeat("0", 10_000)}), claims.ErrMalformed},
		{"exp in the year 9999", token(members{"exp": `253402300799`}), ""},
		{"nbf an hour ahead (RFC 7519 section 4.1.5)", token(members{"nbf": at(time.Hour)}), claims.ErrNotYetValid},
		{"nbf within the leeway", token(members{"nbf": at(5 * time.Second)}), ""},
		{"nbf beyond the leeway", token(members{"nbf": at(6 * time.Second)}), claims.ErrNotYetValid},
		{"nbf a string", token(members{"nbf": `"1"`}), claims.ErrMalformed},
		{"nbf null is absent", token(members{"nbf": `null`}), ""},
		{"nbf 1e300", token(members{"nbf": `1e300`}), claims.ErrMalformed},
		{"nbf 2^63", token(members{"nbf": `9223372036854775808`}), claims.ErrMalformed},
		{"nbf 2^64+1", token(members{"nbf": `18446744073709551617`}), claims.ErrMalformed},
		{"iat in the future is information (RFC 7519 section 4.1.6)", token(members{"iat": at(time.Hour)}), ""},
		{"iat a string is absent", token(members{"iat": `"1"`}), ""},
	})
}

func TestOtherKindsOfTokens(t *testing.T) {
	runVerify(t, []claims.Issuer{goodIssuer()}, []verifyCase{
		{"at_hash (RFC 8725 section 3.12)", token(members{"at_hash": `"x"`}), claims.ErrType},
		{"c_hash", token(members{"c_hash": `"x"`}), claims.ErrType},
		{"s_hash", token(members{"s_hash": `null`}), claims.ErrType},
		{"events", token(members{"events": `{}`}), claims.ErrType},
		{"nonce without scopes", token(members{"nonce": `"n"`, "scope": ""}), claims.ErrType},
		{"nonce with scopes", token(members{"nonce": `"n"`}), ""},
		{"sub a number", token(members{"sub": `1`}), claims.ErrMalformed},
		{"jti null is absent", token(members{"jti": `null`}), ""},
		{"client_id a number", token(members{"client_id": `1`}), claims.ErrMalformed},
		{"cid a number is ignored", token(members{"cid": `1`}), ""},
	})
}

func TestRFC9068Profile(t *testing.T) {
	full := members{"client_id": `"c"`, "iat": `1`, "jti": `"j"`}
	without := func(name string) string {
		changes := members{name: ""}
		for n, text := range full {
			if n != name {
				changes[n] = text
			}
		}
		return sign(`{"alg":"EdDSA","typ":"at+jwt"}`, payload(changes))
	}
	typed := func(typ string) string { return sign(`{"alg":"EdDSA"`+typ+`}`, payload(full)) }
	runVerify(t, []claims.Issuer{goodIssuer().RFC9068()}, []verifyCase{
		{"typ at+jwt (section 4)", typed(`,"typ":"at+jwt"`), ""},
		{"typ application/at+jwt", typed(`,"typ":"application/at+jwt"`), ""},
		{"typ JWT", typed(`,"typ":"JWT"`), claims.ErrType},
		{"typ absent", typed(``), claims.ErrType},
		{"iss required (section 2.2)", without("iss"), claims.ErrMissingClaim},
		{"exp required", without("exp"), claims.ErrMissingClaim},
		{"aud required", without("aud"), claims.ErrMissingClaim},
		{"sub required", without("sub"), claims.ErrMissingClaim},
		{"client_id required", without("client_id"), claims.ErrMissingClaim},
		{"iat required", without("iat"), claims.ErrMissingClaim},
		{"jti required", without("jti"), claims.ErrMissingClaim},
	})
}

func TestIssuerOptions(t *testing.T) {
	type options func(*claims.Issuer)
	for _, tc := range []struct {
		rule    string
		options options
		token   string
		want    claims.Reason
	}{
		{"algorithm not listed", func(i *claims.Issuer) { i.Algorithms = []string{"ES256"} }, token(nil), claims.ErrAlgorithm},
		{"algorithm listed", func(i *claims.Issuer) { i.Algorithms = []string{"EdDSA"} }, token(nil), ""},
		{"type not listed", func(i *claims.Issuer) { i.TokenTypes = []string{"at+jwt"} }, token(nil), claims.ErrType},
		{"type listed in other spelling", func(i *claims.Issuer) { i.TokenTypes = []string{"application/JWT"} }, token(nil), ""},
		{"longer leeway", func(i *claims.Issuer) { i.Leeway = time.Minute }, token(members{"exp": fmt.Sprint(now.Unix() - 59)}), ""},
		{"required claim missing", func(i *claims.Issuer) { i.RequiredClaims = []string{"org_id"} }, token(nil), claims.ErrMissingClaim},
		{"required claim null", func(i *claims.Issuer) { i.RequiredClaims = []string{"org_id"} }, token(members{"org_id": `null`}), claims.ErrMissingClaim},
		{"required claim present", func(i *claims.Issuer) { i.RequiredClaims = []string{"org_id"} }, token(members{"org_id": `1`}), ""},
		{"claim value right", cognito, token(members{"token_use": `"access"`}), ""},
		{"claim value wrong", cognito, token(members{"token_use": `"id"`}), claims.ErrMissingClaim},
		{"claim value missing", cognito, token(nil), claims.ErrMissingClaim},
		{"claim value a list", cognito, token(members{"token_use": `["access"]`}), claims.ErrMissingClaim},
		{"any of several audiences", func(i *claims.Issuer) { i.Audiences = []string{"x", audience} }, token(nil), ""},
		{"no aud, client listed", withoutAudience, token(members{"aud": "", "client_id": `"app"`}), ""},
		{"no aud, other client", withoutAudience, token(members{"aud": "", "client_id": `"evil"`}), claims.ErrAudience},
		{"no aud, no client", withoutAudience, token(members{"aud": ""}), claims.ErrAudience},
		{"no aud, client in another claim", withoutAudience, token(members{"aud": "", "azp": `"app"`}), claims.ErrAudience},
		{"aud of another API, client listed", withoutAudience, token(members{"aud": `"x"`, "client_id": `"app"`}), claims.ErrAudience},
		{"aud empty, client listed", withoutAudience, token(members{"aud": `[]`, "client_id": `"app"`}), ""},
		{"aud null, client listed", withoutAudience, token(members{"aud": `null`, "client_id": `"app"`}), ""},
		{"no aud, condition on claims fails", withoutAudienceIf, token(members{"aud": "", "azp": `"app"`}), claims.ErrMissingClaim},
		{"no aud, condition on claims holds", withoutAudienceIf, token(members{"aud": "", "azp": `"app"`, "typ": `"Bearer"`}), ""},
		{"RFC9068 removes WithoutAudience", func(i *claims.Issuer) { withoutAudience(i); *i = i.RFC9068() }, sign(`{"alg":"EdDSA","typ":"at+jwt"}`, payload(members{"aud": "", "client_id": `"app"`})), claims.ErrMissingClaim},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			issuer := goodIssuer()
			tc.options(&issuer)
			runVerify(t, []claims.Issuer{issuer}, []verifyCase{{"", tc.token, tc.want}})
		})
	}
}

func cognito(i *claims.Issuer) { i.ClaimValues = map[string]string{"token_use": "access"} }

func withoutAudience(i *claims.Issuer) {
	i.WithoutAudience = &claims.WithoutAudience{ClientIDs: []string{"app"}}
}

func withoutAudienceIf(i *claims.Issuer) {
	i.WithoutAudience = &claims.WithoutAudience{
		ClientIDs: []string{"app"}, ClientIDClaim: "azp", ClaimValues: map[string]string{"typ": "Bearer"},
	}
}

func TestRefusalsBeforeTheSignatureAskForNoKey(t *testing.T) {
	issuer := goodIssuer()
	keys := issuer.Keys.(*keySet)
	v := newVerifier(t, issuer)
	for _, refused := range []string{
		"x", header(`{"alg":"none"}`), header(`{"alg":"EdDSA","typ":"dpop+jwt"}`),
		token(members{"iss": `"x"`}), token(members{"aud": `"x"`}), token(members{"exp": `1`}),
		token(members{"nbf": `2e9`}), token(members{"at_hash": `"x"`}), token(members{"exp": ""}),
	} {
		_, err := v.Verify(t.Context(), refused)
		require.Error(t, err)
	}
	assert.Zero(t, keys.asked.Load())
	_, err := v.Verify(t.Context(), token(nil))
	require.NoError(t, err)
	assert.EqualValues(t, 1, keys.asked.Load())
}

func TestTokenLengthIsBoundedBeforeItIsRead(t *testing.T) {
	long := func(length int) string {
		empty := len(token(members{"x": `""`}))
		text := token(members{"x": `"` + strings.Repeat("x", (length-empty)*3/4) + `"`})
		return text
	}
	const defaultMax, maximum = 16 << 10, 1 << 20
	for _, tc := range []struct {
		rule  string
		max   int
		token string
		want  claims.Reason
	}{
		{"just below the default", 0, long(defaultMax - 4), ""},
		{"just above the default", 0, long(defaultMax + 8), claims.ErrMalformed},
		{"just below the maximum", maximum, long(maximum - 4), ""},
		{"the exact length", len(token(nil)), token(nil), ""},
		{"one byte less", len(token(nil)) - 1, token(nil), claims.ErrMalformed},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			v, err := claims.NewVerifier(claims.Config{
				Issuers: []claims.Issuer{goodIssuer()}, MaxTokenBytes: tc.max, Now: func() time.Time { return now },
			})
			require.NoError(t, err)
			_, err = v.Verify(t.Context(), tc.token)
			requireReason(t, tc.want, err)
		})
	}
}

func TestIssuersNeverMix(t *testing.T) {
	other := claims.Issuer{
		URL: "https://other.example/", Audiences: []string{"other-api"}, Algorithms: []string{"ES256"},
		TokenTypes: []string{"at+jwt"}, Leeway: time.Minute,
		Keys: &keySet{keys: func(context.Context, string, string) ([]claims.Key, error) { return nil, claims.ErrUnknownKey }},
	}
	lax := claims.Issuer{
		URL: "https://lax.example/", Audiences: []string{"lax-api"}, Keys: other.Keys,
	}
	runVerify(t, []claims.Issuer{goodIssuer(), other, lax}, []verifyCase{
		{"its own", token(nil), ""},
		{"audience of another issuer", token(members{"aud": `"other-api"`}), claims.ErrAudience},
		{"algorithm of another issuer", token(members{"iss": `"https://other.example/"`, "aud": `"other-api"`}), claims.ErrAlgorithm},
		{"leeway of another issuer", token(members{"exp": fmt.Sprint(now.Unix() - 30)}), claims.ErrExpired},
		{"key of another issuer (RFC 8725 section 3.8)", token(members{"iss": `"https://lax.example/"`, "aud": `"lax-api"`}), claims.ErrUnknownKey},
		{"unknown issuer", token(members{"iss": `"https://evil.example/"`}), claims.ErrIssuer},
	})
}

// All grammar is checked before the issuer. Otherwise an unsigned token could be used to find out
// which issuers are trusted.
func TestGrammarIsCheckedBeforeTheIssuer(t *testing.T) {
	v := newVerifier(t, goodIssuer())
	for _, signature := range []string{"", "A", "AB", "AAAA=", "AA+A"} {
		for _, iss := range []string{issuerURL, "https://evil.example/"} {
			for _, exp := range []string{"1", "1893557045"} {
				unsigned := b64(goodHeader) + "." + b64(payload(members{"iss": `"` + iss + `"`, "exp": exp})) + "." + signature
				_, err := v.Verify(t.Context(), unsigned)
				requireReason(t, claims.ErrMalformed, err)
			}
		}
	}
}

func TestKeySetContractIsEnforced(t *testing.T) {
	key := claims.Key(keyOf(signer))
	cause := errors.New("database is down")
	for _, tc := range []struct {
		rule string
		keys []claims.Key
		err  error
		want claims.Reason
	}{
		{"no key and no error", nil, nil, claims.ErrUnknownKey},
		{"the key among four", []claims.Key{nil, badKey{}, badKey{}, key}, nil, ""},
		{"only nil keys", []claims.Key{nil}, nil, claims.ErrSignature},
		{"more than four", []claims.Key{key, key, key, key, key}, nil, claims.ErrUnknownKey},
		{"unknown key, wrapped", nil, fmt.Errorf("x: %w", claims.ErrUnknownKey), claims.ErrUnknownKey},
		{"a key that cannot be used", nil, fmt.Errorf("x: %w", claims.ErrUnusableKey), claims.ErrUnusableKey},
		{"keys returned with an error are ignored", []claims.Key{key}, claims.ErrUnknownKey, claims.ErrUnknownKey},
		{"unavailable", nil, &claims.UnavailableError{Err: cause}, claims.ErrKeysUnavailable},
		{"any other error means unavailable", nil, cause, claims.ErrKeysUnavailable},
		{"context", nil, context.Canceled, claims.ErrKeysUnavailable},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			issuer := goodIssuer()
			issuer.Keys = &keySet{keys: func(context.Context, string, string) ([]claims.Key, error) { return tc.keys, tc.err }}
			_, err := newVerifier(t, issuer).Verify(t.Context(), token(nil))
			requireReason(t, tc.want, err)
			if tc.want == claims.ErrKeysUnavailable {
				var unavailable *claims.UnavailableError
				require.ErrorAs(t, err, &unavailable)
			}
		})
	}
}

type badKey struct{}

func (badKey) Verify([]byte, []byte) error { return errors.New("no") }

func TestValidateRunsLast(t *testing.T) {
	for _, tc := range []struct {
		rule string
		err  error
		want claims.Reason
	}{
		{"nil accepts", nil, ""},
		{"any error refuses", errors.New("x"), claims.ErrRejected},
		{"revoked", fmt.Errorf("jti: %w", claims.ErrRevoked), claims.ErrRevoked},
		{"forbidden", fmt.Errorf("org: %w", claims.ErrForbidden), claims.ErrForbidden},
		{"unavailable", fmt.Errorf("redis: %w", claims.ErrUnavailable), claims.ErrUnavailable},
		{"keys unavailable", &claims.UnavailableError{}, claims.ErrUnavailable},
		{"deadline", fmt.Errorf("redis: %w", context.DeadlineExceeded), claims.ErrUnavailable},
		{"canceled", context.Canceled, claims.ErrUnavailable},
		{"forbidden beats unavailable", errors.Join(claims.ErrUnavailable, claims.ErrForbidden), claims.ErrForbidden},
		{"unavailable beats revoked", errors.Join(claims.ErrRevoked, claims.ErrUnavailable), claims.ErrUnavailable},
		{"a hook cannot give another reason", claims.ErrExpired, claims.ErrRejected},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			issuer := goodIssuer()
			calls := 0
			issuer.Validate = func(_ context.Context, c *claims.Claims) error {
				calls++
				assert.True(t, c.HasScope("read:x"), "the hook must get complete claims")
				return tc.err
			}
			v := newVerifier(t, issuer)
			_, err := v.Verify(t.Context(), token(nil))
			requireReason(t, tc.want, err)
			if _, isReason := tc.err.(claims.Reason); tc.err != nil && !isReason {
				require.ErrorIs(t, err, tc.err, "the cause must be kept for the log")
			}
			for _, other := range []claims.Reason{claims.ErrForbidden, claims.ErrUnavailable, claims.ErrRevoked, claims.ErrExpired} {
				assert.Equal(t, other == tc.want, errors.Is(err, other), "an error must have one reason, not %q as well", string(other))
			}
			_, _ = v.Verify(t.Context(), token(nil))
			assert.Equal(t, 2, calls, "Validate must run on every request")
			_, _ = v.Verify(t.Context(), token(members{"exp": `1`}))
			_, _ = v.Verify(t.Context(), token(nil)+"AAAA")
			assert.Equal(t, 2, calls, "Validate must not run before the signature check")
		})
	}
}

func TestErrorsHoldNoBytesOfTheToken(t *testing.T) {
	const canary = "cAnArY"
	quoted := `"` + canary + `"`
	v := newVerifier(t, goodIssuer())
	for _, hostile := range []string{
		canary, canary + "." + canary + "." + canary,
		header(`{"alg":` + quoted + `}`), header(`{"alg":"EdDSA","kid":` + quoted + `}`),
		header(`{"alg":"EdDSA",` + quoted + `:1,` + quoted + `:2}`), header(`{"alg":"EdDSA","typ":` + quoted + `}`),
		header(`{"alg":"EdDSA"} ` + canary), header(`{` + canary + `}`),
		token(members{"iss": quoted}), token(members{"aud": quoted}), token(members{"exp": quoted}),
		token(members{canary: `{"a":1,"a":2}`}), token(members{"cnf": `{"jkt":` + quoted + `}`}),
		token(members{"cnf": `{` + quoted + `:1}`}), sign(goodHeader, canary),
	} {
		_, err := v.Verify(t.Context(), hostile)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), canary)
		assert.NotContains(t, fmt.Sprintf("%+v", err), canary)
	}
}

func TestNewVerifierReportsEveryMistake(t *testing.T) {
	_, err := claims.NewVerifier(claims.Config{})
	require.ErrorContains(t, err, "at least one is required")

	_, err = claims.NewVerifier(claims.Config{
		MaxTokenBytes: -1, CacheEntries: 1<<30 + 1,
		Issuers: []claims.Issuer{
			{},
			{
				URL: "https://a.example", Keys: oneKey(), Audiences: []string{"a", ""}, Algorithms: []string{"none", "HS256", "RS256"},
				TokenTypes: []string{"application/LOGOUT+jwt"}, RequiredClaims: []string{""}, ClaimValues: map[string]string{"a": ""},
				ScopeClaims: [][]string{{}, {"a", ""}}, Leeway: time.Hour,
				WithoutAudience: &claims.WithoutAudience{ClaimValues: map[string]string{}},
			},
			{
				URL: "https://b.example", Keys: oneKey(), Audiences: []string{}, Algorithms: []string{}, TokenTypes: []string{},
				ClaimValues: map[string]string{}, ScopeClaims: [][]string{}, Leeway: -1,
				WithoutAudience: &claims.WithoutAudience{ClientIDs: []string{""}, ClaimValues: map[string]string{"": "x"}},
			},
			goodIssuer(), goodIssuer(),
		},
	})
	require.Error(t, err)
	for _, want := range []string{
		`invalid Issuer "": URL is empty`, `invalid Issuer "": Keys is nil`, `invalid Issuer "": Audiences is empty`,
		`"https://a.example": Audiences has an empty value`, `algorithm "none" is not supported`, "Algorithms mixes HMAC",
		`token type "logout+jwt"`, "RequiredClaims has an empty name", `"https://a.example": ClaimValues has an empty name`,
		"ScopeClaims has an empty path", "Leeway 1h0m0s", "WithoutAudience.ClientIDs is empty",
		"WithoutAudience.ClaimValues is empty but not nil",
		"Algorithms is empty but not nil", "TokenTypes is empty but not nil", `"https://b.example": ClaimValues is empty but not nil`,
		"ScopeClaims is empty but not nil", "Leeway -1ns", "WithoutAudience.ClientIDs has an empty value",
		"WithoutAudience.ClaimValues has an empty name", `"https://issuer.example/" is a duplicate`, "MaxTokenBytes -1",
		"CacheEntries 1073741825",
	} {
		assert.ErrorContains(t, err, want)
	}
}

// errors.As finds a hook's own error, for example to read RetryAfter.
func TestHookErrorsCanBeInspected(t *testing.T) {
	issuer := goodIssuer()
	issuer.Validate = func(context.Context, *claims.Claims) error {
		return fmt.Errorf("deny-list: %w", &claims.UnavailableError{RetryAfter: 7 * time.Second})
	}
	_, err := newVerifier(t, issuer).Verify(t.Context(), token(nil))
	var unavailable *claims.UnavailableError
	require.ErrorAs(t, err, &unavailable)
	assert.Equal(t, 7*time.Second, unavailable.RetryAfter)
	requireReason(t, claims.ErrUnavailable, err)
	require.NotErrorIs(t, err, claims.ErrKeysUnavailable, "an error must have one reason")
}

// A caller that ignores the error of jwks.New passes a nil *jwks.Cache.
func TestTypedNilKeysAreReported(t *testing.T) {
	issuer := goodIssuer()
	issuer.Keys = (*keySet)(nil)
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	require.ErrorContains(t, err, "Keys is nil")
}

func TestConfigIsCopied(t *testing.T) {
	issuer := goodIssuer()
	issuer.ClaimValues = map[string]string{"sub": "alice"}
	issuer.RequiredClaims = []string{"sub"}
	issuer.TokenTypes = []string{"JWT"}
	issuer.ScopeClaims = [][]string{{"scope"}}
	issuer.WithoutAudience = &claims.WithoutAudience{ClientIDs: []string{"app"}}
	v := newVerifier(t, issuer)
	issuer.Audiences[0] = "x"
	issuer.ClaimValues["sub"] = "x"
	issuer.RequiredClaims[0] = "x"
	issuer.TokenTypes[0] = "x"
	issuer.ScopeClaims[0][0] = "x"
	issuer.WithoutAudience.ClientIDs[0] = "x"
	c, err := v.Verify(t.Context(), token(nil))
	require.NoError(t, err)
	assert.True(t, c.HasScope("read:x"))
	_, err = v.Verify(t.Context(), token(members{"aud": "", "client_id": `"app"`}))
	require.NoError(t, err)
}
