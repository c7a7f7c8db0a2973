package requests

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A Row is a request, and what each program answers.
type Row struct {
	Request  string
	Optional bool // the route lets requests without a token through
	Ours     string
	Differs  answers // of the libraries that do not answer like Ours
	Why      string  // the reason for the difference

	before    func(*World) // what happens before the program starts
	meanwhile func(*World) // what happens after its first good answer
	make      func(*World) *http.Request
}

// Answer returns what the program of a library answers before the move.
func (r Row) Answer(library Library) string {
	if answer, differs := r.Differs[library]; differs {
		return answer
	}
	return r.Ours
}

type claimSet = map[string]any

// Table has the rows in the order of the page.
var Table = []Row{
	{
		Request: "a good token",
		Ours:    "200 alice",
		make:    func(w *World) *http.Request { return get("/me", w.bearer(nil)) },
	},
	{
		Request: "no token",
		Ours:    "401 Bearer",
		Differs: unauthenticated,
		Why:     onlyChallenge,
		make:    func(*World) *http.Request { return get("/me") },
	},
	{
		Request: "the scope of the route",
		Ours:    "200 alice",
		make: func(w *World) *http.Request {
			return get("/timesheets", w.bearer(claimSet{"scope": "openid read:timesheets"}))
		},
	},
	{
		Request: "another scope",
		Ours:    "403 Bearer insufficient_scope",
		Differs: forbidden,
		Why:     "only the challenge differs: it names the scope to ask for (RFC 6750 section 3.1)",
		make: func(w *World) *http.Request {
			return get("/timesheets", w.bearer(claimSet{"scope": "read:timesheets:all"}))
		},
	},
	{
		Request: "the permission of the route",
		Ours:    "200 alice",
		make: func(w *World) *http.Request {
			return get("/reports", w.bearer(claimSet{"permissions": []string{"read:reports"}}))
		},
	},
	{
		Request: "another permission",
		Ours:    "403 Bearer insufficient_scope",
		Differs: forbidden,
		Why:     "only the challenge differs (RFC 6750 section 3.1)",
		make: func(w *World) *http.Request {
			return get("/reports", w.bearer(claimSet{"permissions": []string{"write:reports"}}))
		},
	},
	{
		Request:  "optional route, no token",
		Optional: true,
		Ours:     "200 stranger",
		make:     func(*World) *http.Request { return get("/hello") },
	},
	{
		Request:  "optional route, good token",
		Optional: true,
		Ours:     "200 alice",
		make:     func(w *World) *http.Request { return get("/hello", w.bearer(nil)) },
	},
	{
		Request:  "optional route, expired token",
		Optional: true,
		Ours:     "401 Bearer invalid_token",
		Differs:  answers{Auth0: "401 Bearer invalid_token DPoP", JWTAuth: "200 stranger", EchoJWT: "401"},
		Why:      "a caller whose token has expired must learn it, not become a stranger",
		make:     func(w *World) *http.Request { return get("/hello", w.bearer(expired(time.Hour))) },
	},
	{
		Request: "expired an hour ago",
		Ours:    "401 Bearer invalid_token",
		Differs: refused,
		Why:     onlyChallenge,
		make:    func(w *World) *http.Request { return get("/me", w.bearer(expired(time.Hour))) },
	},
	{
		Request: "expired a second ago",
		Ours:    "200 alice",
		Differs: refused,
		Why:     "clocks differ: `Leeway` is 5 s by default",
		make:    func(w *World) *http.Request { return get("/me", w.bearer(expired(time.Second))) },
	},
	{
		Request: "valid in a minute",
		Ours:    "401 Bearer invalid_token",
		Differs: refused.but(answers{GoOIDC: "200 alice"}),
		Why:     "go-oidc has a leeway of 5 minutes for `nbf`",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"nbf": time.Now().Add(time.Minute).Unix()}))
		},
	},
	{
		Request: "no `exp`",
		Ours:    "401 Bearer invalid_token",
		Differs: refused.but(answers{Auth0: "200 alice"}),
		Why:     "a stolen token must end some day; RFC 9068 section 2.2 requires `exp`",
		make:    func(w *World) *http.Request { return get("/me", w.bearer(claimSet{"exp": jwkstest.Absent})) },
	},
	{
		Request: "another audience",
		Ours:    "401 Bearer invalid_token",
		Differs: refused,
		Why:     onlyChallenge,
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"aud": "https://other.example.test"}))
		},
	},
	{
		Request: "another issuer",
		Ours:    "401 Bearer invalid_token",
		Differs: refused,
		Why:     onlyChallenge,
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"iss": "https://other.example.test/"}))
		},
	},
	{
		Request: "the issuer without its slash",
		Ours:    "401 Bearer invalid_token",
		Differs: refused,
		Why:     onlyChallenge,
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"iss": strings.TrimSuffix(w.URL(), "/")}))
		},
	},
	{
		Request: "`alg` is `none`",
		Ours:    "401 Bearer invalid_token",
		Differs: refused,
		Why:     onlyChallenge,
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.SignedBy(jwkstest.Key{ID: rsaKey().ID, Algorithm: "none"})))
		},
	},
	{
		Request: "HS256 with the public key",
		Ours:    "401 Bearer invalid_token",
		Differs: refused,
		Why:     onlyChallenge,
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.SignedBy(
				jwkstest.Key{ID: rsaKey().ID, Algorithm: "HS256", Private: w.PublicKey})))
		},
	},
	{
		Request: "a changed signature",
		Ours:    "401 Bearer invalid_token",
		Differs: refused.but(answers{Auth0: "401 Bearer invalid_token DPoP invalid_token"}),
		Why:     onlyChallenge,
		make: func(w *World) *http.Request {
			return get("/me", "Bearer "+jwkstest.TamperSignature(w.token(nil)))
		},
	},
	{
		Request: "an unknown `kid`",
		Ours:    "401 Bearer invalid_token",
		Differs: refused,
		Why:     onlyChallenge,
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.SignedBy(jwkstest.NewKey("RS256"))))
		},
	},
	{
		Request: "no `kid`",
		Ours:    "200 alice",
		Differs: answers{JWX: "401 Bearer"},
		Why:     "each key that fits `alg` is tried, at most 4",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.Header("kid", jwkstest.Absent)))
		},
	},
	{
		Request:   "the first token of a new key",
		Ours:      "200 alice",
		Differs:   answers{Auth0: "401 Bearer invalid_token DPoP", JWX: "401 Bearer", JWTAuth: "401"},
		Why:       "an unknown `kid` causes a fetch; the others wait for the next refresh, jwtauth for a restart",
		meanwhile: func(w *World) { w.Rotate() },
		make:      func(w *World) *http.Request { return get("/me", w.bearer(nil)) },
	},
	{
		Request: "two `Authorization` fields",
		Ours:    "400 Bearer invalid_request",
		Differs: accepted.but(answers{Auth0: "400 Bearer invalid_request DPoP invalid_request"}),
		Why:     "a proxy and the server can read different ones (RFC 9110 section 5.3)",
		make:    func(w *World) *http.Request { return get("/me", w.bearer(nil), "Bearer other") },
	},
	{
		Request: "the scheme `bearer`",
		Ours:    "200 alice",
		Differs: answers{GoOIDC: "401 Bearer"},
		Why:     "schemes have no case (RFC 9110 section 11.1); go-oidc leaves the header to its user",
		make: func(w *World) *http.Request {
			return get("/me", "bearer "+w.token(nil))
		},
	},
	{
		Request: "the scheme `Basic`",
		Ours:    "401 Bearer",
		Differs: answers{Auth0: "400 Bearer DPoP", JWTAuth: "401", EchoJWT: "401"},
		Why:     "another scheme is no bearer token",
		make:    func(*World) *http.Request { return get("/me", "Basic YWxpY2U6c2VjcmV0") },
	},
	{
		Request: "a token without a scheme",
		Ours:    "401 Bearer",
		Differs: answers{Auth0: "400 Bearer DPoP", JWX: "200 alice", JWTAuth: "401", EchoJWT: "401"},
		Why:     "RFC 6750 section 2.1 demands the scheme",
		make: func(w *World) *http.Request {
			return get("/me", w.token(nil))
		},
	},
	{
		Request: "the token in the query",
		Ours:    "401 Bearer",
		Differs: answers{Auth0: "401 Bearer DPoP", JWTAuth: "401", EchoJWT: "401"},
		Why:     onlyChallenge,
		make: func(w *World) *http.Request {
			return get("/me?access_token=" + w.token(nil))
		},
	},
	{
		Request: "the token in the cookie `jwt`",
		Ours:    "401 Bearer",
		Differs: answers{Auth0: "401 Bearer DPoP", JWTAuth: "200 alice", EchoJWT: "401"},
		Why:     "a browser sends cookies with forged requests (CSRF)",
		make: func(w *World) *http.Request {
			r := get("/me")
			r.AddCookie(&http.Cookie{Name: "jwt", Value: w.token(nil)})
			return r
		},
	},
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

func expired(ago time.Duration) claimSet {
	return claimSet{"exp": time.Now().Add(-ago).Unix()}
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
