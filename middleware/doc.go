// Package middleware protects net/http handlers with OAuth 2.0 access tokens in the
// form of JWTs: it takes the bearer token from a request (RFC 6750), has it verified
// (package claims, with the keys of package jwks), asks the route's policies, and hands
// the claims on in the request's context.
//
// Most programs need [New] and [Middleware.RequireScopes]:
//
//	auth, err := middleware.New(middleware.Config{
//		Issuer:    "https://tenant.eu.auth0.com/",
//		Audiences: []string{"https://timesheets.example.com"},
//	})
//	…
//	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(list))
//
// and in the handler [claims.FromContext].
//
// # Routes
//
// [Middleware.Handler] demands a valid token, [Middleware.RequireScopes] and
// [Middleware.Require] also what its scopes and other claims allow, and
// [Middleware.Optional] lets requests without a token through as well. They can be
// nested, around a router and again on a route: the token is verified once.
//
// Decisions that depend on the object of a request are made in its handler, with
// [Authorize]. Adapters to other routers and transports rest on [Guard].
//
// # Policies
//
//	AllScopes, AnyScope      scopes, compared exactly
//	ImpliedScopes            the same, where scopes include others
//	Claim                    permissions, roles, groups, wherever the issuer puts them
//	RequireAuthentication    how, and how long ago, the user was authenticated
//	CustomClaims             claims of your own, decoded into a struct
//	PolicyFunc               anything else
//	Any                      one of several; several arguments are all-of
//
// A policy that has no operands, or operands outside of their grammar, panics when the
// route is declared, not when a request comes. A claim that is missing or mistyped
// denies. Scopes are what the client may do; roles and permissions of the user, which
// issuers send in a claim of their own, are not the same, and neither stands in for the
// other unless a route says so.
//
// # Answers
//
//	no bearer token                                   401, a challenge without an error
//	two Authorization fields, or a malformed one      400 invalid_request
//	token malformed, expired, forged, for others, …   401 invalid_token
//	authentication of the user too weak or too old    401 insufficient_user_authentication
//	scopes, or another policy                         403 insufficient_scope
//	keys, a hook or a policy unavailable              503 and Retry-After, no challenge
//
// The first that applies is the answer. A challenge (WWW-Authenticate) has the realm,
// the error with a description, and for 401 and 403 the scopes that the route needs;
// for a 403 only if scopes decided. For an authentication that will not do it has the
// acr_values and the max_age that the route demands (RFC 9470), and with Config.Resource
// it has resource_metadata. The body is a problem document (RFC 9457). Every text in
// them is fixed: nothing of the request, of a hook's error or of an issuer's answer is
// sent.
//
// With several issuers, all reasons that would tell a trusted issuer from an unknown
// one have the same description; so they do with a Config.Verifier, whose issuers are
// not known. The reason itself is in [Error.Reason] and in the log.
//
// An outage is never reported as a bad token: a client that is told invalid_token throws
// a good one away, and all of them ask a struggling issuer for new ones.
//
// # Metadata
//
// With Config.Resource, a client that knows nothing but the API's address finds its way:
// the challenge names the protected resource metadata (RFC 9728), which name the
// authorization servers. [Middleware.ResourceMetadata] is the handler that publishes
// them. This is what MCP clients look for first. The resource that such a client names
// to the authorization server (RFC 8707) comes back as the aud of its tokens, so it
// belongs into Audiences as well.
//
// # What it does not do
//
// It reads the Authorization header field only. A token in the query, in a form, in a
// cookie or in another field is not seen, because it would end up in logs, histories
// and forged requests (RFC 9700 section 4.3.2). A field of another scheme, such as Basic
// or DPoP, counts as no token.
//
// It does not see to TLS, and it does not treat CORS preflights differently: they carry
// no token, so CORS has to be handled outside of it. It does not watch connections: one
// that was let through, such as a websocket, ends with its token only if the handler
// sees to that. The examples show both.
//
// Claims are those of one request. What keeps a request's context for longer, such as a
// stateful session of an MCP server or a goroutine that outlives its request, goes on
// with the claims of the request that began it, whoever sends the next one.
//
// It does not introspect opaque tokens. A [Verifier] of your own can.
package middleware
