// Package mldsa verifies signatures by ML-DSA (FIPS 204) in the form of RFC 9964.
//
// The standard library has ML-DSA from Go 1.27 on, but not with the FIPS 140-3 module v1.0.0.
// [Missing] says what the program lacks. All other packages ask this one, so that they agree.
package mldsa

import (
	"crypto"
	"errors"
)

// The errors of Missing. Their texts are fixed.
var (
	ErrGo   = errors.New("ML-DSA needs Go 1.27")
	ErrFIPS = errors.New("the program's FIPS 140-3 module has no ML-DSA")
)

// The errors of NewPublicKey, besides those of Missing. Their texts are fixed.
var (
	ErrAlgorithm = errors.New("not an ML-DSA algorithm")
	ErrSize      = errors.New("ML-DSA key is not as long as its alg says")
	ErrWeak      = errors.New("ML-DSA key lets everyone sign")
)

// Algorithms returns the values of alg (RFC 9964 section 5).
func Algorithms() []string { return []string{"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"} }

// IsAlgorithm reports whether alg is a value of Algorithms, whether or not it is missing.
func IsAlgorithm(alg string) bool { return SignatureBytes(alg) != 0 }

// SignatureBytes returns the length of every signature, and 0 for other algorithms (FIPS 204
// section 4, table 2).
func SignatureBytes(alg string) int {
	switch alg {
	case "ML-DSA-44":
		return 2420
	case "ML-DSA-65":
		return 3309
	case "ML-DSA-87":
		return 4627
	}
	return 0
}

// PublicKeyBytes returns the length of every public key, and 0 for other algorithms (FIPS 204
// section 4, table 2).
func PublicKeyBytes(alg string) int {
	switch alg {
	case "ML-DSA-44":
		return 1312
	case "ML-DSA-65":
		return 1952
	case "ML-DSA-87":
		return 2592
	}
	return 0
}

// Missing returns why the program cannot use ML-DSA, or nil if it can. It tries a key, which
// takes a fraction of a millisecond, so it is not for every request.
func Missing() error {
	const alg = "ML-DSA-44"
	_, err := parse(alg, make([]byte, PublicKeyBytes(alg)))
	return err
}

// A PublicKey is a public key of one algorithm. It is immutable, and used by pointer only.
type PublicKey struct {
	algorithm string
	encoded   []byte
	parsed    parsedKey
}

// NewPublicKey reads a public key in the encoding of FIPS 204 section 7.2. It keeps no part of
// encoded. A program that lacks ML-DSA gets the error of Missing, if the key has no other fault.
func NewPublicKey(alg string, encoded []byte) (*PublicKey, error) {
	switch {
	case !IsAlgorithm(alg):
		return nil, ErrAlgorithm
	case len(encoded) != PublicKeyBytes(alg):
		return nil, ErrSize
	case isWeak(encoded):
		return nil, ErrWeak
	}
	own := append([]byte(nil), encoded...)
	parsed, err := parse(alg, own)
	if err != nil {
		return nil, err
	}
	return &PublicKey{algorithm: alg, encoded: own, parsed: parsed}, nil
}

// seedBytes is the length of the seed at the start of a public key. The vector t1 follows.
const seedBytes = 32

// isWeak reports whether t1 is zero, as in a buffer that was never filled. The equation that a
// signature must satisfy then does not depend on the message, so everyone can satisfy it.
func isWeak(encoded []byte) bool {
	for _, b := range encoded[seedBytes:] {
		if b != 0 {
			return false
		}
	}
	return true
}

// FromStandard returns a copy of a *mldsa.PublicKey of package crypto/mldsa. It reports false for
// any other type. It can panic on a key that was put together by hand.
func FromStandard(key crypto.PublicKey) (own *PublicKey, ok bool, err error) {
	alg, encoded, ok := standardKey(key)
	if !ok {
		return nil, false, nil
	}
	own, err = NewPublicKey(alg, encoded)
	return own, true, err
}

// Algorithm returns the only alg that the key serves.
func (k *PublicKey) Algorithm() string { return k.algorithm }

// Bytes returns a copy of the key's encoding.
func (k *PublicKey) Bytes() []byte { return append([]byte(nil), k.encoded...) }

// Verify returns an error unless the key has signed message, with an empty context (RFC 9964
// section 5).
func (k *PublicKey) Verify(message, signature []byte) error {
	return k.parsed.verify(message, signature)
}
