// Package grpcauth protects gRPC methods with package middleware: it takes the same
// decisions as net/http does, from the metadata field authorization.
//
//	server := grpc.NewServer(grpcauth.ServerOptions(auth, grpcauth.Rules{
//		"/timesheets.v1.Timesheets/List":   grpcauth.Require(middleware.AllScopes("read:timesheets")),
//		"/timesheets.v1.Timesheets/Create": grpcauth.Require(middleware.AllScopes("write:timesheets")),
//		"/grpc.health.v1.Health/Check":     grpcauth.Public(),
//	})...)
//
// A method without a rule is denied to everybody. A handler finds the claims with
// [claims.FromContext], and decides about its request with [middleware.Authorize].
//
// # Answers
//
//	HTTP  gRPC
//	400   InvalidArgument: two authorization fields, or a malformed one
//	401   Unauthenticated: no bearer token, or one that is not valid
//	403   PermissionDenied: scopes, or another policy
//	503   Unavailable, with a RetryInfo: keys, a hook or a policy unavailable
//
// These are the codes that gateways translate back into the same statuses. The message
// is the error_description that HTTP would send, and the metadata of the trailer has its
// challenge under www-authenticate, but for Unavailable. Outer interceptors find the
// [*middleware.Error] in the error with errors.As.
//
// # Streams
//
// A stream is authenticated when it begins, and ends with its token, at exp plus the
// Leeway of the issuer: see [middleware.Middleware.UntilExpiry]. The handler's context is
// done then, no message passes in either direction, and the caller gets Unauthenticated,
// without a challenge, whatever the handler returns. A handler that waits for anything
// other than its stream must watch its context, as always. A token without exp, which only
// a Verifier of your own accepts, sets no end.
//
// # What it does not do
//
// gRPC decodes the message of a unary call before any interceptor runs: limit what
// strangers may send with grpc.MaxRecvMsgSize. Config.ErrorHandler is for HTTP and is not
// called.
package grpcauth
