// Package grpcauth protects gRPC methods with package middleware. It makes the same
// decisions as for net/http, from the metadata field authorization.
//
//	server := grpc.NewServer(grpcauth.ServerOptions(auth, grpcauth.Rules{
//		"/timesheets.v1.Timesheets/List":   grpcauth.Require(middleware.AllScopes("read:timesheets")),
//		"/timesheets.v1.Timesheets/Create": grpcauth.Require(middleware.AllScopes("write:timesheets")),
//		"/grpc.health.v1.Health/Check":     grpcauth.Public(),
//	})...)
//
// A method without a rule is always denied. A handler finds the claims with
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
// Gateways translate these codes back into the same statuses. The message is the
// Description of the [middleware.Answer], and the trailer has its Challenges under
// www-authenticate, and its DPoPNonce under dpop-nonce. Outer interceptors find the [*middleware.Error] in the error with
// errors.As.
//
// # Streams
//
// A stream is authenticated when it begins, and ends with its token, as for
// [middleware.Middleware.UntilExpiry]: at exp plus the Leeway of the issuer, or within 30
// seconds after its key was blocked or removed, or the Validate hook refuses it. The policies
// of the rule are asked only once. Then the handler's context is done, no message passes in
// either direction, and the caller gets the code of the table, without a challenge, whatever
// the handler returns. A handler that waits for something else must watch its context, as
// always. A token without an exp, which only a Verifier of the application accepts, sets no
// time.
//
// An outage of keys or of the hook ends a stream, with Unavailable, after 2 minutes in which
// no check found its token valid.
//
// # What it does not do
//
// gRPC decodes the message of a unary call before any interceptor runs. Limit its size with
// grpc.MaxRecvMsgSize. Config.ErrorHandler is for HTTP, and is not called.
package grpcauth
