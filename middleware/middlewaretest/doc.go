// Package middlewaretest tests that an adapter of package middleware decides and answers as
// plain net/http does.
//
// The suite makes a Middleware and a list of routes. The test of the adapter declares these
// routes in its framework, and the suite sends requests to them: without a token, with
// malformed, forged, expired and foreign ones, opaque ones, with too few scopes, during an outage. A
// table says what every answer must be. The answer must also equal that of the net/http
// handlers, to the byte of the challenge.
//
// All cases are sent twice: with bearer tokens, and with tokens that are bound to a key, each
// with a new DPoP proof (RFC 9449). The second time has more cases: proofs that are missing,
// were used before, or are for another request, and tokens that do not fit their scheme.
//
// [Run] is for frameworks whose application is an [http.Handler], [RunCalls] for all other
// transports.
//
// # What an adapter must do
//
//   - A handler never runs after a refusal, also if a policy panics and an outer layer
//     recovers.
//   - The handler's context carries the claims, and the framework's own accessor returns
//     the same.
//   - A token is verified once for a request, and its proof is judged once, however many
//     layers there are. There is one decision for a request that is not nested.
//   - The answer is the Middleware's: status, challenge, DPoP-Nonce, Retry-After and, over
//     HTTP, the other header fields and the body, or the answer of Config.ErrorHandler.
//
// Some of these need more than a [middleware.Guard]. An adapter that wraps
// [middleware.Middleware.Require] has them all.
package middlewaretest
