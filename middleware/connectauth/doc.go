// Package connectauth protects Connect procedures with package middleware. It makes the
// same decisions as for net/http, for the protocols Connect, gRPC and gRPC-Web.
//
//	guarded := connectauth.HandlerOption(auth, connectauth.Rules{
//		"/timesheets.v1.Timesheets/List":   connectauth.Require(middleware.AllScopes("read:timesheets")),
//		"/timesheets.v1.Timesheets/Create": connectauth.Require(middleware.AllScopes("write:timesheets")),
//	})
//	mux.Handle(timesheetsv1connect.NewTimesheetsHandler(service, guarded))
//
// A procedure without a rule is always denied. The procedure for which a handler was made
// selects the rule, not the path of a request, so prefixes and proxies cannot confuse it. A
// handler finds the claims with [claims.FromContext], and decides about its request with
// [middleware.Authorize].
//
// # Answers
//
//	HTTP  Connect
//	400   invalid_argument: two Authorization fields, or a malformed one
//	401   unauthenticated: no bearer token, or one that is not valid
//	403   permission_denied: scopes, or another policy
//	503   unavailable: keys, a hook or a policy unavailable
//
// With the Connect protocol, unary calls also have these statuses. The message is the
// Description of the [middleware.Answer]. The metadata of the error has WWW-Authenticate
// and Retry-After: in the header, for a unary Connect call. The gRPC protocol sends
// metadata in HTTP trailers, where RFC 9110 section 6.5.1 does not allow WWW-Authenticate,
// so net/http does not send it.
//
// Calls are refused before their message is read. Interceptors only see admitted calls. A
// net/http handler around the mux sees all calls.
//
// # Certificates
//
// Connect does not tell which certificate a connection has shown. For tokens that are bound to
// one (Config.MTLS with mtls.FromTLS), put [PeerCertificates] around the mux. A field that a proxy
// sets needs nothing.
//
// # Streams
//
// A stream is authenticated when it begins, and ends with its token, as for
// [middleware.Middleware.UntilExpiry]: at exp plus the Leeway of the issuer, or within 30
// seconds after its key was blocked or removed, or the Validate hook refuses it. The policies
// of the rule are asked only once. Then the handler's context is done, no message passes in
// either direction, and the caller gets the code of the table, whatever the handler returns.
// A handler that waits for something else must watch its context, as always. A token without
// an exp, which only a Verifier of the application accepts, sets no time.
//
// An outage of keys or of the hook ends a stream, with unavailable, after 2 minutes in which
// no check found its token valid.
//
// HTTP/1.1 cannot interrupt the body of a request. A caller that sends nothing more is told
// with its next message, or at the server's ReadTimeout.
//
// # What it does not do
//
// Config.ErrorHandler is not called, because only Connect can write an error for the
// protocol of the caller.
package connectauth
