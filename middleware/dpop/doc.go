// Package dpop checks DPoP proofs for a resource server (RFC 9449): a token that is bound to
// a key opens the door only together with a fresh proof by that key.
package dpop
