package requests

import "net/http"

// headers are requests that carry their token in another way.
var headers = []Row{
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
}
