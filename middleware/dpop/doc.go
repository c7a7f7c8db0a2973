// Package dpop checks DPoP proofs for a resource server (RFC 9449). A token that is bound to a
// key is then accepted only with a fresh proof by that key, so a stolen token is of no use.
//
// Most programs set it in the Config of package middleware, and use nothing else of it:
//
//	auth, err := middleware.New(middleware.Config{
//		Issuer:    "https://issuer.example.com/",
//		Audiences: []string{"https://api.example.com"},
//		DPoP:      &dpop.Config{Origins: []string{"https://api.example.com"}},
//	})
//
// Elsewhere, [New] makes a [Checker], and [Checker.Proof] is the [claims.Proof] of one request,
// for Verify of a [claims.Verifier].
//
// # What is checked
//
// The checks of RFC 9449 section 4.3, in the order of their cost:
//
//   - There is one DPoP field, of at most 4,096 bytes, with one JWT in the compact serialization,
//     in strict base64url and JSON. By ML-DSA it can be longer: see Config.Algorithms.
//   - typ is dpop+jwt, alg is one of Config.Algorithms, and jwk is a public key for it.
//   - The key has the thumbprint that the token names.
//   - jti, htm, htu, iat and ath are there. htm is the method, htu the URI of the request in
//     normal form (RFC 3986 sections 6.2.2 and 6.2.3), and ath the hash of the token.
//   - The proof is fresh: by its iat, or by a nonce.
//   - The signature is that of the key.
//   - The proof was not used before, by this key. See [ReplayStore].
//
// All texts of errors are fixed: no byte of a proof reaches a log or an answer.
//
// # What is not
//
//   - The Host field and the X-Forwarded fields are never read, since the sender of a request
//     chooses them. The public URL is configured.
//   - Other claims of a proof are ignored, exp and nbf among them, and so is every other place of
//     a key: jku, x5u, x5c and kid.
//   - A proof says nothing about the query, the other header fields and the body of a request.
//   - There is no part of an authorization server.
//
// # Requests that are sent again
//
// A proof is good for one request. Some clients and proxies send a request again by themselves:
// net/http after a kept connection has died, nginx with proxy_next_upstream, Envoy with its
// retries. If the server has seen the first request, the second one gets a 401, as a replay, and
// the client must make a new proof. Switch such retries off where you can.
//
// # Browsers
//
// A script of another origin does not see a nonce unless the CORS answer has
//
//	Access-Control-Expose-Headers: DPoP-Nonce, WWW-Authenticate
//
// and cannot send a proof unless Access-Control-Allow-Headers has Authorization and DPoP.
//
// # Several servers
//
// Without a shared ReplayStore, each server of an API remembers the proofs that it has seen
// itself: a proof that was stolen in time can be used once at each of the others. With [Shared],
// their clocks must not be further apart than 30 seconds. Nonces need no shared memory, only the
// same [Nonces.Secrets] and the same first origin.
//
// # Testing
//
// Proof of package jwkstest makes proofs, good and hostile ones.
package dpop
