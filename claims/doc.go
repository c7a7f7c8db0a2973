// Package claims verifies OAuth 2.0 access tokens that are JWTs, and gives access to their claims
// (RFC 7519, RFC 9068). It makes no network request of its own.
//
// Most programs use only [FromContext] and [As], because package middleware does the rest.
// Without HTTP, for example in a queue consumer, use a [Verifier]:
//
//	verifier, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{
//		URL: "https://issuer.example/", Audiences: []string{"https://api.example"},
//		Keys: keys, // for example a *jwks.Cache
//	}}})
//	…
//	c, err := verifier.Verify(ctx, token)
//
// Verify makes these checks in this order. The first one that fails gives the [Reason]:
//
//	length: 16 KiB at most                         malformed
//	three segments, base64url  RFC 7515 2, 7.1     malformed
//	header: no crit, no b64    RFC 7515 4          malformed
//	alg: listed, never none    RFC 8725 3.1        algorithm
//	claims: of the right types RFC 7519 4, 7.2     malformed
//	iss: a configured issuer   RFC 8725 3.8        issuer, missing_claim
//	typ, other kinds of token  RFC 8725 3.11, 3.12 type
//	exp, nbf; 5 s of leeway    RFC 7519 4.1        expired, not_yet_valid, missing_claim
//	aud: this API              RFC 7519 4.1.3      audience, missing_claim
//	required claims, values    RFC 9068 2.2        missing_claim
//	a current key of that kid  RFC 7517 4          unknown_key, unusable_key, keys_unavailable
//	signature as received      RFC 7515 5.2        signature
//	cnf: proof of a bound key  RFC 7800 3.1        confirmation
//	Validate hook              revoked, rejected, forbidden, unavailable
//
// An opaque token is recognised by its shape. Its issuer is asked about it, and the answer must
// pass the checks of claims and after: see Issuer.Opaque.
//
// [Verifier.Explain] says of each check what is expected, and what a token has instead.
//
// Header and claims must be strict JSON, with members nested at most 32 deep. A registered
// claim that is null is absent, except cnf. Not checked are revocation (the hook can), replay
// and scopes (see [Claims.HasScope]). With several issuers, iss and sub are the principal.
package claims
