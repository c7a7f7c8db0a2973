// Package keyset says what a key is. It reads JWK Sets (RFC 7517), checks every key in
// them, finds the keys that fit a token's header, and verifies signatures.
//
// It is the only package that imports the JOSE library. No type of that library is
// exported, so that a change of the library is a change of this package only.
//
// Its callers are package jwks and its key sets. Error texts start with "jwks:", because
// users of that package read them.
package keyset
