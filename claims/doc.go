// Package claims verifies OAuth 2.0 access tokens in the form of JWTs (RFC 7519, RFC
// 9068) and holds what they claim.
//
// Most programs never call it but for [FromContext] and [As], because package
// middleware does the rest. Use [NewVerifier] directly where there is no HTTP: in a
// queue consumer, a gRPC interceptor, a command.
package claims
