package claims

import (
	"context"
	"errors"
)

// A KeySet holds the keys of one issuer. Most programs use an implementation of package
// jwks; others may read keys from a database or an HSM.
//
// Implementations must be safe for concurrent use.
type KeySet interface {
	// Keys returns the keys that may have made a signature with this alg and kid, best
	// first, at most four. kid is empty if the token has none. The caller must not modify
	// the slice.
	//
	// A Key keeps its identity (==) across refreshes as long as its material, kid, alg, use
	// and key_ops are unchanged, and no longer. The cache of verified tokens relies on this
	// to notice that a key is gone.
	//
	// The error matches ErrUnknownKey only if the set is known to lack the key. Either the
	// latest attempt to read the set succeeded and began at most 10 s ago (a static set
	// always counts as such), or no reading could help: no key of the set can have this
	// alg, the key was withdrawn, or there are more than four candidates. The error matches
	// ErrUnusableKey, and so ErrUnknownKey, if the issuer publishes a key of this kid that
	// cannot be used. It is an *UnavailableError if keys could not be obtained, also if ctx
	// ended first.
	Keys(ctx context.Context, alg, kid string) ([]Key, error)
}

// A Key verifies signatures of one key under one algorithm. Implementations must be
// comparable and safe for concurrent use.
type Key interface {
	// Verify returns nil if signature is this key's signature of signingInput. It must
	// neither keep nor change the slices.
	Verify(signingInput, signature []byte) error
}

// maxCandidates bounds the signature checks that one token can cause.
const maxCandidates = 4

// candidates returns the issuer's keys for a header, one to four, or an error with a Reason.
func (i *Issuer) candidates(ctx context.Context, h header) ([]Key, error) {
	return fitting(i.Keys.Keys(ctx, h.alg, h.kid))
}

// fitting enforces the contract of KeySet.
func fitting(keys []Key, err error) ([]Key, error) {
	switch {
	case err != nil:
		return nil, keySetError(err)
	case len(keys) == 0:
		return nil, refuse(ErrUnknownKey, "")
	case len(keys) > maxCandidates:
		return nil, refuse(ErrUnknownKey, "ambiguous: more than four keys fit")
	}
	return keys, nil
}

// keySetError returns err with a Reason. An error outside the contract of KeySet counts as an
// outage, because it says nothing about the token.
func keySetError(err error) error {
	var unavailable *UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return err
	case errors.Is(err, ErrUnusableKey):
		return &refusal{reason: ErrUnusableKey, err: err}
	case errors.Is(err, ErrUnknownKey):
		return &refusal{reason: ErrUnknownKey, err: err}
	}
	return &UnavailableError{Err: err}
}
