package jwks

import (
	"context"
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// Secrets is a [claims.KeySet] of shared secrets, for HS256, HS384 and HS512 (RFC 7518
// section 3.2).
//
// A program that can verify such a token can also make one. Prefer public keys wherever the
// issuer offers them. Secrets is a separate type, so that a set never holds a secret beside a
// public key: an attacker could then use the public key as a secret (RFC 8725 section 2.1).
// A [Cache] and a [Static] never serve these algorithms.
//
// The zero value holds no keys. Its methods are safe for concurrent use. Nothing that prints a
// Secrets finds a secret in it.
type Secrets struct{ index *keyset.Index }

// A Secret is one shared secret, for [NewSecrets].
//
// The packages fmt, log/slog and encoding/json do not print its Value, with one exception: fmt
// calls no method for the verbs %w and %p, which are for errors and pointers only.
type Secret struct {
	// KeyID is the kid in the header of the issuer's tokens. If it is empty, the secret
	// serves tokens without a kid. If no secret of the set has a KeyID, it serves tokens
	// with any kid.
	KeyID string

	// Algorithm is HS256, HS384 or HS512. It is required.
	Algorithm string

	// Value is at least as long as the hash: 32, 48 or 64 bytes. It should come from a
	// random source: an attacker with one token can guess a pass phrase offline. It is
	// copied. A []byte can be assigned to it; its type prints as a fixed text.
	Value secretBytes `json:"-" yaml:"-"`
}

// secretBytes print as a fixed text, also in a copy of a Secret that a printer takes apart.
type secretBytes []byte

// String is for printers that ask only for a fmt.Stringer.
func (secretBytes) String() string { return redacted }

// GoString is for printers that ask only for a fmt.GoStringer.
func (secretBytes) GoString() string { return redacted }

func (secretBytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText is for encoders that ignore the tags.
func (secretBytes) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const (
	errHMACAlgorithm keyset.Unusable = "Algorithm is none of HS256, HS384 and HS512"
	errShortSecret   keyset.Unusable = "secret is shorter than the hash of its Algorithm: HS256 needs 32 bytes, HS384 48, HS512 64"
)

// NewSecrets returns a set of these secrets, or an error that reports every mistake.
//
// Mistakes are: a Value that is too short; a Value with fewer than 8 different bytes, such as
// only zeros, or with 8 or more zeros at its end; a Value that is a key or a certificate in PEM,
// DER, JWK or SSH form, also as hex, base64 or a list of numbers; an Algorithm that is not one
// of the three; and more than four secrets for one Algorithm and KeyID, since their tokens
// would be refused.
func NewSecrets(secrets ...Secret) (*Secrets, error) {
	if len(secrets) == 0 {
		return nil, errors.New("jwks: NewSecrets without a secret")
	}
	index := &keyset.Index{}
	var headers []keyset.Header
	var problems []error
	for i, s := range secrets {
		key, err := newSecretKey(s)
		if err != nil {
			problems = append(problems, fmt.Errorf("jwks: Secret %d (KeyID %q, Algorithm %q): %w",
				i, s.KeyID, s.Algorithm, err))
			continue
		}
		index.Add(s.Algorithm, s.KeyID, key)
		headers = append(headers, keyset.Header{Algorithm: s.Algorithm, KeyID: s.KeyID})
	}
	problems = append(problems, index.Ambiguous(headers)...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &Secrets{index: index}, nil
}

// Keys implements [claims.KeySet]. Its error matches [claims.ErrUnknownKey]: no secret fits,
// or more than four do. It does not use ctx, since it never waits.
func (s *Secrets) Keys(_ context.Context, alg, kid string) ([]claims.Key, error) {
	if s == nil || s.index == nil {
		return nil, keyset.ErrUnknownKey
	}
	return s.index.Find(alg, kid)
}

// A secretKey holds its secret in a closure, which no printer can read by reflection.
type secretKey struct {
	mac func(signingInput []byte) []byte
}

func newSecretKey(s Secret) (*secretKey, error) {
	hash, ok := hashOfHMAC(s.Algorithm)
	if !ok {
		return nil, errHMACAlgorithm
	}
	if err := keyset.CheckKeyID(s.KeyID); err != nil {
		return nil, err
	}
	if len(s.Value) < hash.Size() {
		return nil, errShortSecret
	}
	if err := keyset.CheckSecret(s.Value); err != nil {
		return nil, err
	}
	value := slices.Clone(s.Value)
	return &secretKey{mac: func(signingInput []byte) []byte {
		mac := hmac.New(hash.New, value)
		mac.Write(signingInput)
		return mac.Sum(nil)
	}}, nil
}

// Verify implements [claims.Key]. Its time does not depend on where the signatures differ.
func (k *secretKey) Verify(signingInput, signature []byte) error {
	if !hmac.Equal(k.mac(signingInput), signature) {
		return claims.ErrSignature
	}
	return nil
}

func hashOfHMAC(alg string) (crypto.Hash, bool) {
	switch alg {
	case "HS256":
		return crypto.SHA256, true
	case "HS384":
		return crypto.SHA384, true
	case "HS512":
		return crypto.SHA512, true
	}
	return 0, false
}

const (
	redacted   = "(redacted)"
	secretText = "jwks.Secret" + redacted
)

// Format prints a fixed text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, secretText) }
