package claims_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/claims/providers"
)

func TestExplainShowsExpectedAndReceived(t *testing.T) {
	own, cognito := ownIssuer(), []claims.Issuer{providers.Cognito("eu-west-1", "eu-west-1_x", "abc", "def")}
	pool := func(changes string) string {
		return sign(goodHeader, `{"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x","exp":1893557045,`+changes+`}`)
	}
	strict := ownIssuer(func(i *claims.Issuer) {
		i.TokenTypes, i.RequiredClaims, i.RequiredAny = []string{"at+jwt"}, []string{"sub", "org"}, []string{"a", "b"}
		i.ClaimValues, i.ClaimOneOf = map[string]string{"v": "1", "u": "2"}, map[string][]string{"typ": {"x", "y"}}
	})
	ten := strings.Repeat(`"a",`, 9) + `"a"`
	for _, tc := range []struct {
		rule               string
		issuers            []claims.Issuer
		token, check       string
		expected, received string
	}{
		{"length", own, "a.b", "length", "at most 16384 bytes", "3 bytes"},
		{"segments", own, token(nil), "segments", "three segments in base64url without padding", "3 segments of 51, 156, 86 bytes"},
		{"one segment", own, "secret", "segments", "three segments in base64url without padding", "1 segment of 6 bytes"},
		{"many segments", own, strings.Repeat(".", 99), "segments", "three segments in base64url without padding", "100 segments"},
		{"header", own, token(nil), "header", "a JSON object with alg, without crit and b64", `alg "EdDSA", kid "k1", typ "jwt"`},
		{"short header", own, header(`{"alg":"EdDSA"}`), "header", "a JSON object with alg, without crit and b64", `alg "EdDSA", no kid, no typ`},
		{"broken header", own, header(`{"alg":1}`), "header", "a JSON object with alg, without crit and b64", `"{\"alg\":1}"`},
		{"no header", own, header(`secret`), "header", "a JSON object with alg, without crit and b64", "6 bytes"},
		{"alg", ownIssuer(func(i *claims.Issuer) { i.Algorithms = []string{"RS256", "EdDSA"} }), header(`{"alg":"HS256"}`), "alg", `one of "RS256", "EdDSA"`, `"HS256"`},
		{"claims", own, token(nil), "claims", "a JSON object with claims of the right types", `"aud", "exp", "iss", "scope", "sub"`},
		{"broken claims", own, sign(goodHeader, "private"), "claims", "a JSON object with claims of the right types", "7 bytes"},
		{"iss", append(ownIssuer(), ownIssuer(func(i *claims.Issuer) { i.URL = "https://b" })...), from("https://x"), "iss", `one of "https://issuer.example/", "https://b"`, `"https://x"`},
		{"no iss", own, token(members{"iss": ""}), "iss", `one of "https://issuer.example/"`, "no iss"},
		{"typ", own, token(members{"nonce": "null", "at_hash": `""`}), "typ", `typ "jwt" or "at+jwt" or none, and no claims that only other tokens have`, `typ "jwt", at_hash, nonce`},
		{"typ without none", strict, token(nil), "typ", `typ "at+jwt", and no claims that only other tokens have`, `typ "jwt"`},
		{"times", own, token(members{"exp": at(-23*time.Minute - time.Second), "nbf": at(-3 * time.Hour)}), "times", "exp after 2030-01-02T03:04:05Z (now), nbf not after it, with 5 s of leeway", "exp 2030-01-02T02:41:04Z (23 min ago), nbf 2030-01-02T00:04:05Z (3 h ago)"},
		{"times ahead", own, token(members{"exp": at(72 * time.Hour), "nbf": at(90 * time.Second)}), "times", "exp after 2030-01-02T03:04:05Z (now), nbf not after it, with 5 s of leeway", "exp 2030-01-05T03:04:05Z (in 3 days), nbf 2030-01-02T03:05:35Z (in 90 s)"},
		{"no times", own, token(members{"exp": ""}), "times", "exp after 2030-01-02T03:04:05Z (now), nbf not after it, with 5 s of leeway", "no exp"},
		{"aud", own, token(members{"aud": `["abc","def"]`}), "aud", `one of "https://api.example"`, `"abc", "def"`},
		{"a long aud", own, token(members{"aud": `[` + ten + `]`}), "aud", `one of "https://api.example"`, strings.Repeat(`"a", `, 7) + `"a" and 2 more`},
		{"no aud", cognito, pool(`"client_id":"x"`), "aud", `no aud and client_id "abc" or "def"`, `no aud, client_id "x"`},
		{"no aud and no client", cognito, pool(`"client_id":null`), "aud", `no aud and client_id "abc" or "def"`, "no aud, no client_id"},
		{"aud where none is wanted", cognito, pool(`"aud":"a"`), "aud", `no aud and client_id "abc" or "def"`, `"a"`},
		{"required claims", strict, token(members{"typ": `"z"`, "u": "2", "b": `"x"`}), "required_claims", `sub, org, a or b, typ "x" or "y", u "2", v "1"`, `sub, no org, no a, b, typ "z", u of another type, no v`},
		{"no required claims", own, token(nil), "required_claims", "none", ""},
		{"key", own, header(`{"alg":"ES256","kid":"x"}`), "key", `one of the keys "k1"`, `alg "ES256", kid "x"`},
		{"key of a set that tells nothing", []claims.Issuer{goodIssuer()}, header(`{"alg":"EdDSA"}`), "key", "a key of the issuer for this alg and kid", `alg "EdDSA", no kid`},
		{"signature", own, token(nil) + "AAAA", "signature", "the signature of this key over header and payload", "67 bytes"},
		{"cnf", own, token(members{"cnf": `{"jkt":"secret","x":1}`}), "cnf", "no cnf, or a proof of the key that it names", `cnf with "jkt", "x"`},
		{"no cnf", own, token(nil), "cnf", "no cnf, or a proof of the key that it names", "no cnf"},
		{"an empty cnf", own, token(members{"cnf": `{}`}), "cnf", "no cnf, or a proof of the key that it names", "an empty cnf"},
		{"scopes", own, token(nil), "policies", `"read:x", "admin"`, `"read:x", "write:x"`},
		{"no scopes", own, token(members{"scope": ""}), "policies", `"read:x", "admin"`, "no scopes"},
		{"a value with other characters", own, from(`https://\u00fc\n\"`), "iss", `one of "https://issuer.example/"`, `"https://\u00fc\n\""`},
		{"a long value", own, from(strings.Repeat("x", 200)), "iss", `one of "https://issuer.example/"`, `"` + strings.Repeat("x", 128) + `"... (200 bytes)`},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			v := newVerifier(t, keyed(tc.issuers...)...)
			s := stepOf(t, explained(t, v, tc.token, explain.Options{Scopes: []string{"read:x", "admin"}}), tc.check)
			assert.Equal(t, tc.expected, s.Expected)
			assert.Equal(t, tc.received, s.Received)
		})
	}
}
