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
	Differs  map[Library]string // answers of the libraries that do not answer like Ours
	Why      string             // why Ours differs from them

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
		make:     func(w *World) *http.Request { return get("/hello", w.bearer(expired(time.Hour))) },
	},
	{
		Request: "expired an hour ago",
		Ours:    "401 Bearer invalid_token",
		make:    func(w *World) *http.Request { return get("/me", w.bearer(expired(time.Hour))) },
	},
	{
		Request: "expired two seconds ago",
		Ours:    "200 alice",
		make:    func(w *World) *http.Request { return get("/me", w.bearer(expired(2*time.Second))) },
	},
	{
		Request: "valid in a minute",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"nbf": time.Now().Add(time.Minute).Unix()}))
		},
	},
	{
		Request: "no `exp`",
		Ours:    "401 Bearer invalid_token",
		make:    func(w *World) *http.Request { return get("/me", w.bearer(claimSet{"exp": jwkstest.Absent})) },
	},
	{
		Request: "another audience",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"aud": "https://other.example.test"}))
		},
	},
	{
		Request: "another issuer",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"iss": "https://other.example.test/"}))
		},
	},
	{
		Request: "the issuer without its slash",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"iss": strings.TrimSuffix(w.URL(), "/")}))
		},
	},
	{
		Request: "`alg` is `none`",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.SignedBy(jwkstest.Key{ID: rsaKey().ID, Algorithm: "none"})))
		},
	},
	{
		Request: "HS256 with the public key",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.SignedBy(
				jwkstest.Key{ID: rsaKey().ID, Algorithm: "HS256", Private: w.PublicKey})))
		},
	},
	{
		Request: "a changed signature",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", "Bearer "+jwkstest.TamperSignature(w.token(nil)))
		},
	},
	{
		Request: "an unknown `kid`",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.SignedBy(jwkstest.NewKey("RS256"))))
		},
	},
	{
		Request: "no `kid`",
		Ours:    "200 alice",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.Header("kid", jwkstest.Absent)))
		},
	},
	{
		Request:   "a new key, since a minute",
		Ours:      "200 alice",
		meanwhile: func(w *World) { w.Rotate() },
		make:      func(w *World) *http.Request { return get("/me", w.bearer(nil)) },
	},
	{
		Request: "two `Authorization` fields",
		Ours:    "400 Bearer invalid_request",
		make:    func(w *World) *http.Request { return get("/me", w.bearer(nil), "Bearer other") },
	},
	{
		Request: "the scheme `bearer`",
		Ours:    "200 alice",
		make: func(w *World) *http.Request {
			return get("/me", "bearer "+w.token(nil))
		},
	},
	{
		Request: "the scheme `Basic`",
		Ours:    "401 Bearer",
		make:    func(*World) *http.Request { return get("/me", "Basic YWxpY2U6c2VjcmV0") },
	},
	{
		Request: "a token without a scheme",
		Ours:    "401 Bearer",
		make: func(w *World) *http.Request {
			return get("/me", w.token(nil))
		},
	},
	{
		Request: "the token in the query",
		Ours:    "401 Bearer",
		make: func(w *World) *http.Request {
			return get("/me?access_token=" + w.token(nil))
		},
	},
	{
		Request: "the token in the cookie `jwt`",
		Ours:    "401 Bearer",
		make: func(w *World) *http.Request {
			r := get("/me")
			r.AddCookie(&http.Cookie{Name: "jwt", Value: w.token(nil)})
			return r
		},
	},
	{
		Request: "an ID token for the API's audience",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{
				"scope": jwkstest.Absent, "nonce": "n-0S6_WzA2Mj", "at_hash": "MTIzNDU2Nzg5MDEyMzQ1Ng",
			}, jwkstest.Header("typ", "JWT")))
		},
	},
	{
		Request: "`typ` is `logout+jwt`",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.Header("typ", "logout+jwt")))
		},
	},
	{
		Request: "an unknown extension in `crit`",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil,
				jwkstest.Header("crit", []string{"urn:example:x"}), jwkstest.Header("urn:example:x", true)))
		},
	},
	{
		Request: "`sub` twice: alice, admin",
		Ours:    "401 Bearer invalid_token",
		make:    func(w *World) *http.Request { return get("/me", twoSubjects(w)) },
	},
	{
		Request: "bound to a key (`cnf`), without proof",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"cnf": claimSet{"jkt": jwkstest.NewKey("ES256").Thumbprint()}}))
		},
	},
	{
		Request: "a token of 30 KiB",
		Ours:    "401 Bearer invalid_token",
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(claimSet{"pad": strings.Repeat("x", 22<<10)}))
		},
	},
	{
		Request: "the issuer is down since the start",
		Ours:    "503 Retry-After",
		before:  (*World).goDown,
		make:    func(w *World) *http.Request { return get("/me", w.bearer(nil)) },
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
