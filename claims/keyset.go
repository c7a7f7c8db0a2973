package claims

import "context"

// A KeySet holds the keys of one issuer. Package jwks has the implementations that
// most programs want; another one may keep keys in a database or an HSM.
//
// Its methods are safe for concurrent use.
type KeySet interface {
	// Keys returns the keys that may have made a signature with this alg and kid,
	// best first and at most four. kid is empty if the token has none. The caller
	// does not modify the slice.
	//
	// A Key keeps its identity (==) across refreshes exactly while its material,
	// kid, alg, use and key_ops are unchanged: that is how a verified-token cache
	// notices that a key is gone.
	//
	// The error matches ErrUnknownKey only if the set is known to lack the key: the
	// latest attempt to read it succeeded and is recent (it began at most 10 s ago; a
	// static set is always recent), or no reading could help, as with an alg that no
	// key of the set can have, a withdrawn key, or more than four candidates. It is an
	// *UnavailableError if keys could not be obtained, also when ctx ended first.
	Keys(ctx context.Context, alg, kid string) ([]Key, error)
}

// A Key verifies signatures of one key under one algorithm. Implementations are
// comparable and safe for concurrent use.
type Key interface {
	// Verify returns nil if signature is this key's signature of signingInput. It
	// neither keeps nor changes the slices.
	Verify(signingInput, signature []byte) error
}

// A Proof shows that the caller holds the key that a token is bound to (RFC 7800):
// the door for DPoP (jkt, RFC 9449) and mutual TLS (x5t#S256, RFC 8705).
type Proof interface {
	// Member returns the member of the cnf claim that this Proof can confirm.
	Member() string
	// Confirm returns nil if the proof fits the token and the member's value, which
	// is JSON and must not be modified. An error that matches ErrUnavailable, or a
	// context's error, says that this could not be decided; any other refuses the
	// token.
	Confirm(ctx context.Context, token string, value []byte) error
}
