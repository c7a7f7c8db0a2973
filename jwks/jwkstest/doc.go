// Package jwkstest provides an authorization server for tests. It publishes keys, issues
// good and bad tokens, and fails on demand in the ways that real servers fail.
//
// Most tests need three calls:
//
//	issuer := jwkstest.NewIssuer(jwkstest.Config{})
//	cache, err := jwks.New(jwks.Config{Issuer: issuer.URL(), Client: issuer.Client()})
//	token := issuer.Token(map[string]any{"scope": "read:timesheets"})
//
// An [Issuer] is an [http.Handler], and [Issuer.Client] calls it in memory. There is no
// socket, bodies stream, and no goroutine outlives its request. It therefore works in a
// bubble of testing/synctest, where hours of expiry, rotation and outage take no time.
// To use a socket, serve the Issuer with net/http/httptest and set Config.URL to the
// address of that server.
//
// It serves OpenID Connect discovery, RFC 8414 metadata, the JWKS (RFC 7517) and a
// token endpoint for the client credentials grant (RFC 6749 section 4.4).
//
// [Issuer.Token] makes tokens and can change each claim and each header member;
// [RawToken] signs any bytes. [Issuer.Fail] and [Issuer.FailNext] make an endpoint
// answer with a [Fault].
//
// # Not for production
//
// Nothing here protects a secret: private keys are exported fields, the endpoints accept
// plain HTTP, and mistakes of the caller panic. The package does not import testing, so
// that programs for demonstration can use it.
package jwkstest
