package requests

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// hostile are tokens that are meant for something else or read in two ways, and issuers that
// are down.
var hostile = []Row{
	{
		Request: "an ID token for the API's audience",
		Ours:    "401 Bearer invalid_token",
		Differs: accepted,
		Why:     "an ID token is for the client, not for the API (RFC 8725 section 3.12)",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{
				"scope": jwkstest.Absent, "nonce": "n-0S6_WzA2Mj", "at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng",
			}, jwkstest.Header("typ", "JWT")))
		},
	},
	{
		Request: "`typ` is `logout+jwt`",
		Ours:    "401 Bearer invalid_token",
		Differs: accepted,
		Why:     "a logout token gives no access (RFC 8725 section 3.11)",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.Header("typ", "logout+jwt")))
		},
	},
	{
		Request: "an unknown extension in `crit`",
		Ours:    "401 Bearer invalid_token",
		Differs: accepted.but(answers{GoOIDC: "401 Bearer"}),
		Why:     "RFC 7515 section 4.1.11 demands a refusal",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil,
				jwkstest.Header("crit", []string{"urn:example:x"}), jwkstest.Header("urn:example:x", true)))
		},
	},
	{
		Request: "`sub` twice: alice, admin",
		Ours:    "401 Bearer invalid_token",
		Differs: answers{
			Auth0: "200 admin", GolangJWT: "200 admin", GoOIDC: "200 admin",
			JWX: "200 admin", JWTAuth: "200 admin", EchoJWT: "200 admin",
		},
		Why:  "two parsers can read two callers; RFC 7519 section 4 allows to refuse, or to take the last",
		make: func(w *World) *http.Request { return get("/me", twoSubjects(w)) },
	},
	{
		Request: "bound to a key (`cnf`), without proof",
		Ours:    "401 Bearer invalid_token",
		Differs: accepted.but(answers{Auth0: "401 Bearer invalid_token DPoP"}),
		Why:     "a stolen token must be useless without its key (RFC 9449 section 7.2)",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"cnf": claimSet{"jkt": jwkstest.NewKey("ES256").Thumbprint()}}))
		},
	},
	{
		Request: "a token of 30 KiB",
		Ours:    "401 Bearer invalid_token",
		Differs: accepted,
		Why:     "longer than `MaxTokenBytes`, 16 KiB by default: refused unread",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"pad": strings.Repeat("x", 22<<10)}))
		},
	},
	{
		Request: "the issuer is down since the start",
		Ours:    "503 Retry-After",
		Differs: answers{
			Auth0: "401 Bearer invalid_token DPoP", GolangJWT: "401 Bearer", GoOIDC: NoStart,
			JWX: NoStart, JWTAuth: "200 alice", EchoJWT: "401",
		},
		Why:    "an outage is not a bad token; jwtauth has its key from a file",
		before: (*World).goDown,
		make:   func(w *World) *http.Request { return get("/me", w.bearer(nil)) },
	},
	{
		Request:   "the issuer goes down",
		Ours:      "200 alice",
		meanwhile: (*World).goDown,
		make:      func(w *World) *http.Request { return get("/me", w.bearer(nil)) },
	},
}

func twoSubjects(w *World) string {
	header, rest, _ := strings.Cut(w.token(nil), ".")
	payload, _, _ := strings.Cut(rest, ".")
	return "Bearer " + jwkstest.RawToken(decoded(header), append(
		[]byte(strings.TrimSuffix(string(decoded(payload)), "}")), `,"sub":"admin"}`...), w.SigningKey())
}

// decoded panics if the segment is not base64url: the issuer has just made it.
func decoded(segment string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(segment)
	if err != nil {
		panic(err)
	}
	return b
}
