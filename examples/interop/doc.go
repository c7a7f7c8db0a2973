// Package interop tests examples/timesheets/api against identity providers of other
// projects. It contains only tests. They start each provider on loopback, build the API,
// run it as a process with its documented environment, and call it with tokens that the
// provider issued for client credentials. The tests of DPoP also run clients of other
// projects, against APIs in the process of the test. The tests of introspection have
// oidc-provider answer for its opaque tokens, and fosite for its JWTs. In that of back-channel
// logout, users log in at the provider, and out again.
//
// Two of the providers, and the clients, need Node.js 20.19 or later. From the root of the repository:
//
//	npm ci --prefix examples/interop/node
//	go -C examples/interop test ./...
//
// The tests take about 30 s, and mostly wait: for tokens to expire, and for an issuer that
// is down. Without Node.js or the installed packages, the tests that need them are skipped
// with a message; if the environment variable CI is set, they fail instead. All tests need
// Unix signals, and so do not run on Windows.
//
// The providers differ as follows, which limits what the tests can show with each:
//
//	                  oidc-provider         oauth2-mock-server     fosite
//	version           9.13.3                8.2.3                  v0.49.0
//	issuer            with a path           localhost, no path     path and trailing slash
//	metadata          OpenID Connect        OpenID Connect         RFC 8414 only
//	API named by      resource (RFC 8707)   aud                    audience
//	aud               string                as requested           array, empty if not requested
//	scopes            scope                 scope                  scp array; scope if configured
//	sub               the client            none                   as the integrator sets it
//	typ               at+jwt                JWT                    JWT; at+jwt if configured
//	RFC 9068          by default            only by its hook       only by its session
//	algorithms        all eleven            all eleven             all but the name Ed25519
//	keys              without alg if many   with alg, without use  as the integrator writes them
//	                  algorithms fit
//	signs with        the configured key    all keys in turn       the configured key
//	removes a key     on reload             only on restart        on reload
//	expiry            any lifetime          only by its hook       any lifetime
//	bound tokens      DPoP and mTLS         none                   none
//	other formats     opaque, JWE, HMAC     none                   opaque
//	introspection     opaque tokens only;   none                   JWTs; answers have a new jti
//	                  RFC 7662, RFC 9701                           unless its session has one
//	logout            back-channel          none                   none
//
// The clients get DPoP-bound tokens from oidc-provider. They differ as follows:
//
//	                  oauth4webapi          openid-client          dpop
//	version           3.8.8                 6.9.0                  2.1.2
//	htu               the URL, no query     the URL, no query      as the program gives it
//	htm               in upper case         in upper case          as the program gives it
//	sends a nonce     if the program tries  by itself              as the program gives it
//	                  again
//	name of Ed25519   Ed25519; EdDSA if     Ed25519; EdDSA if      Ed25519
//	                  renamed               renamed
//	algorithms        all nine              all nine               ES256, Ed25519, PS256, RS256
//	challenges        read                  read                   not read
//
// A client that writes a method in lower case is refused if its library signs it in another
// case than it sends it: fetch sends "patch" as it is, and "get" as "GET".
package interop
