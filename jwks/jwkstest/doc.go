// Package jwkstest is an authorization server for tests: it publishes keys, issues
// tokens, and breaks in every way in which a real one does.
//
// Most tests need three calls:
//
//	issuer := jwkstest.NewIssuer(jwkstest.Config{})
//	cache, err := jwks.New(jwks.Config{Issuer: issuer.URL(), Client: issuer.Client()})
//	token := issuer.Token(map[string]any{"scope": "read:timesheets"})
//
// An [Issuer] is an [http.Handler], and [Issuer.Client] calls it in memory. No socket
// is involved, bodies stream, and nothing outlives its request, so it works inside a
// bubble of testing/synctest, where two hours of expiry, rotation and outage pass in
// no time. Over a socket, serve it with net/http/httptest and give Config.URL the
// server's address.
//
// It serves OpenID Connect discovery, RFC 8414 metadata, the JWKS (RFC 7517) and a
// token endpoint for the client credentials grant (RFC 6749 section 4.4).
//
// [Issuer.Token] makes good tokens and bad ones, claim by claim and header by header;
// [RawToken] signs any bytes as they stand. [Issuer.Fail] and [Issuer.FailNext] break
// an endpoint with a [Fault].
//
// # Not for production
//
// Nothing here keeps a secret: keys are fields, endpoints want no TLS, and mistakes of
// the caller panic. It does not import package testing, so a demonstration may run on
// it.
package jwkstest
