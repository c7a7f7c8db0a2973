// Package middleware protects net/http handlers with OAuth 2.0 access tokens (JWT). It takes the
// bearer token from a request (RFC 6750), and has it verified by package claims with the keys of
// package jwks. Then it asks the policies of the route, and puts the claims into the request's
// context. Most programs need [New] and [Middleware.RequireScopes]:
//
//	auth, err := middleware.New(middleware.Config{
//		Issuer:    "https://tenant.eu.auth0.com/",
//		Audiences: []string{"https://timesheets.example.com"},
//	})
//	…
//	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(list))
//
// In the handler, [claims.FromContext] returns the claims. [Authorize] decides about the
// object of a request, and [Middleware.Refuse] answers if it is not allowed. [Policy] lists
// all policies, [Answer] all answers. Layers can be nested, around a router and again on a
// route: a nested layer does not verify the token again within a second.
//
// A caller is iss and sub together ([claims.Claims.Issuer] and [claims.Claims.Subject]): a
// sub is unique only within its issuer. Use both as the key of what belongs to a caller, also
// with a single issuer, because a second one may come. [FromIssuer] keeps a route for the
// tokens of one issuer.
//
// # Bound tokens
//
// With Config.DPoP, tokens that are bound to a key are accepted with a proof for each request (RFC
// 9449), so that a stolen token is useless. Package dpop, below this one, has the rules:
//
//	DPoP: &dpop.Config{Origins: []string{"https://api.example.com"}}
//
// Bearer tokens are accepted beside them, unless dpop.Config.Required is set. Config.MTLS does the
// same for tokens that are bound to the TLS certificate of the client (RFC 8705): see package mtls.
//
// # Opaque tokens
//
// A token that is no JWT is introspected by its issuer (RFC 7662), and its answer passes the checks
// of a JWT. Set an introspection.Introspector as the Opaque of a [claims.Issuer]: package
// introspection, below this one, says which tokens are introspected, and how often.
//
// # Operation
//
// Config.Observe gets each [Decision], from every transport, for metrics and audits. The
// packages promauth and otelauth, below this one, make metrics of it. [Middleware.Ready] and
// [Middleware.Status] are for probes and dashboards, and [Middleware.Run] keeps keys current on a
// server that idles. The command bearerguard, below this package, explains why a token is refused.
//
// # Adapters
//
// Routers like chi take [Middleware.Handler] as it is. The packages ginauth, echoauth, fiberauth,
// grpcauth and connectauth, below this one, are separate modules. Other adapters rest on a
// [Guard]; package middlewaretest tests them.
//
// # What it does not do
//
// It reads no token from a query, form or cookie, because those end up in logs, histories
// and forged requests (RFC 9700 section 4.3.2). It does not answer CORS preflights, which
// carry no token: handle CORS around it. A session must not keep the claims of the request
// that began it, because another sender may continue the session.
package middleware
