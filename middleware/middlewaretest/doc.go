// Package middlewaretest proves that an adapter of package middleware to another router
// or transport decides and answers as plain net/http does.
//
// The suite makes a Middleware and a list of routes. The adapter's test declares them in
// its framework, with its own functions, and the suite sends requests: without a token,
// with malformed, forged, expired and foreign ones, with too few scopes, during an
// outage. Every answer has to be the one that a table expects, and the same, to the byte
// of the challenge, as that of the net/http handlers.
//
// [Run] is for frameworks whose application is an [http.Handler], [RunCalls] for all
// other transports.
//
// # What an adapter has to do
//
//   - A handler never runs after a refusal, also when a policy panics and something
//     around recovers from that.
//   - The claims are in the context that the handler sees, and what the framework's own
//     accessor returns is the same.
//   - A token is verified once for a request, however many layers ask.
//   - The answer is the Middleware's own: status, challenge, Retry-After, and, where
//     there is HTTP, the other header fields and the body, or Config.ErrorHandler's.
//
// Some of these need more than calling [middleware.Guard]; wrapping
// [middleware.Middleware.Require] has them all.
package middlewaretest
