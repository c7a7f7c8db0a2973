package requests

import (
	"net/http"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

type claimSet = map[string]any

// routes are requests for each route, with tokens whose claims and keys differ.
var routes = []Row{
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
		Request: "signed with ES256, where RS256 is listed",
		Ours:    "401 Bearer invalid_token",
		Differs: refused.but(answers{JWX: "200 alice"}),
		Why:     "`Algorithms` can exclude a key of the issuer (RFC 8725 section 3.1); jwx takes the `alg` of each key",
		before:  func(w *World) { w.Publish(ecKey()) },
		make: func(w *World) *http.Request {
			return get("/me", w.bearer(nil, jwkstest.SignedBy(ecKey())))
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
}

func expired(ago time.Duration) claimSet {
	return claimSet{"exp": time.Now().Add(-ago).Unix()}
}
