// Package connectauth protects Connect procedures with package middleware: it takes the
// same decisions as net/http does, for the protocols Connect, gRPC and gRPC-Web.
//
//	guarded := connectauth.HandlerOption(auth, connectauth.Rules{
//		"/timesheets.v1.Timesheets/List":   connectauth.Require(middleware.AllScopes("read:timesheets")),
//		"/timesheets.v1.Timesheets/Create": connectauth.Require(middleware.AllScopes("write:timesheets")),
//	})
//	mux.Handle(timesheetsv1connect.NewTimesheetsHandler(service, guarded))
//
// A procedure without a rule is denied to everybody. A rule goes by the procedure that a
// handler was made for, not by the path of a request, so no prefix and no proxy can
// confuse it. A handler finds the claims with [claims.FromContext], and decides about
// its request with [middleware.Authorize].
//
// # Answers
//
//	HTTP  Connect
//	400   invalid_argument: two Authorization fields, or a malformed one
//	401   unauthenticated: no bearer token, or one that is not valid
//	403   permission_denied: scopes, or another policy
//	503   unavailable: keys, a hook or a policy unavailable
//
// With the Connect protocol, unary calls have these statuses, too. The message is the
// error_description that net/http would send, and the metadata of the error has its
// WWW-Authenticate and Retry-After: for a unary Connect call that is the header. With the
// gRPC protocol, whose metadata is in HTTP trailers, there is no WWW-Authenticate: RFC
// 9110 section 6.5.1 does not allow it there, and net/http does not send it.
//
// Calls are refused before their message is read. Interceptors see admitted calls only;
// what sees all of them is a handler of net/http around the mux.
//
// # Streams
//
// A stream is authenticated when it begins, and ends with its token, at exp plus the
// Leeway of the issuer: see [middleware.Middleware.UntilExpiry]. The handler's context is
// done then, no message passes in either direction, and the caller gets unauthenticated,
// whatever the handler returns. A handler that waits for anything other than its stream
// must watch its context, as always. A token without exp, which only a Verifier of your own
// accepts, sets no end.
//
// HTTP/1.1 has no way to interrupt a request's body: a caller that sends nothing more is
// told with its next message, or once the server's ReadTimeout is over.
//
// # What it does not do
//
// Config.ErrorHandler is not called: only Connect knows how to write an error for the
// protocol that a caller speaks.
package connectauth
