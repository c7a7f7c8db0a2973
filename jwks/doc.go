// Package jwks obtains the keys that verify access tokens.
//
// Most programs use package middleware, which makes a [Cache] for each issuer. A Cache finds
// the issuer's JWK Set (RFC 7517) by discovery or at a URL and keeps it current. Make one with
// [New] where a program needs its [Cache.Block], [Cache.Refresh], [Cache.Run] or
// [Cache.Status]:
//
//	keys, err := jwks.New(jwks.Config{Issuer: "https://tenant.eu.auth0.com/"})
//
// The documentation of [Cache] has its states, its numbers, its promises, what to do in an
// emergency, and what to watch. [NewStatic], [StaticKeys] and [NewSecrets] hold keys that never change. All of
// them implement [claims.KeySet].
package jwks
