package jwks

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// Static is a [claims.KeySet] of public keys that never change: for issuers without a
// key endpoint, for tests, and for programs that have to work offline. It makes no
// request. What it cannot do is notice that the issuer has a new key or has withdrawn
// one; use a [Cache] where the issuer publishes its keys.
//
// The zero value holds no keys. Its methods are safe for concurrent use.
type Static struct{ set *keySet }

// A PublicKey is one key of an issuer, for [StaticKeys].
type PublicKey struct {
	// KeyID is the kid that the issuer puts into its tokens' header. If it is empty,
	// the key serves tokens without kid; if no key of the set has one, it serves
	// tokens with any kid.
	KeyID string

	// Algorithm is the only one that the key serves. If it is empty, all that fit the
	// key do: RS256, RS384, RS512, PS256, PS384 and PS512 for RSA, the one of the
	// curve for ECDSA, EdDSA for Ed25519. EdDSA and Ed25519 are one algorithm under
	// two names (RFC 9864).
	Algorithm string

	// Key is an *rsa.PublicKey of 2048 to 8192 bits, an *ecdsa.PublicKey on P-256,
	// P-384 or P-521, or an ed25519.PublicKey. It is copied.
	Key crypto.PublicKey

	// PEM takes the place of Key: one block of type PUBLIC KEY, RSA PUBLIC KEY or
	// CERTIFICATE, and nothing else. Of a certificate only the public key counts;
	// its dates, names, usages and issuer are not checked.
	PEM []byte
}

// NewStatic returns the keys of a JWK Set (RFC 7517 section 5), with the limits and the
// tolerance of a [Cache]: at most 512 KiB and 256 keys, and a key that cannot be used is
// skipped. It is an error if none is left; the text names the reasons.
func NewStatic(document []byte) (*Static, error) {
	set, err := parseKeySet(document, nil)
	if errors.Is(err, errNoUsableKey) {
		return nil, fmt.Errorf("%w%s", err, describe(set.skips))
	}
	if err != nil {
		return nil, err
	}
	return &Static{set: set}, nil
}

// describe lists the first reasons, each behind ": " or "; ".
func describe(skips []SkippedKey) string {
	const most = 8
	var text strings.Builder
	separator := ": "
	for _, skip := range skips[:min(len(skips), most)] {
		fmt.Fprintf(&text, "%skid %q: %s", separator, skip.KeyID, skip.Reason)
		separator = "; "
	}
	if more := len(skips) - most; more > 0 {
		fmt.Fprintf(&text, "; and %d more", more)
	}
	return text.String()
}

// StaticKeys returns a set of these keys. Unlike a key of a document, one that cannot be
// used is an error, and all such errors are reported at once: weak or malformed material,
// a private key, an Algorithm that does not fit. So are more than four keys for one
// Algorithm and KeyID, since tokens for them would be refused.
func StaticKeys(keys ...PublicKey) (*Static, error) {
	if len(keys) == 0 {
		return nil, errors.New("jwks: StaticKeys without a key")
	}
	var entries []*entry
	var problems []error
	for i, key := range keys {
		e, err := guard(key.entry)
		if err != nil {
			problems = append(problems, key.problem(i, err))
			continue
		}
		entries = append(entries, e)
	}
	set := newKeySet(entries)
	problems = append(problems, set.lookup.ambiguous(set.headers())...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &Static{set: set}, nil
}

func (k PublicKey) problem(i int, err error) error {
	return fmt.Errorf("jwks: PublicKey %d (KeyID %q, Algorithm %q): %w", i, k.KeyID, k.Algorithm, err)
}

func (k PublicKey) entry() (*entry, error) {
	if err := checkKeyID(k.KeyID); err != nil {
		return nil, err
	}
	public, err := k.public()
	if err != nil {
		return nil, err
	}
	own, err := checkedCopy(public)
	if err != nil {
		return nil, err
	}
	return newEntry(own, attributes{kid: k.KeyID, alg: k.Algorithm}, nil)
}

func (k PublicKey) public() (crypto.PublicKey, error) {
	switch {
	case k.Key != nil && k.PEM != nil:
		return nil, unusable("both Key and PEM are set")
	case k.PEM != nil:
		return decodePEM(k.PEM)
	case k.Key != nil:
		return k.Key, nil
	}
	return nil, unusable("neither Key nor PEM is set")
}

// Keys implements [claims.KeySet]. Its error matches [claims.ErrUnknownKey]: no key
// fits, or more than four do. ctx is not used, since nothing is waited for.
func (s *Static) Keys(_ context.Context, alg, kid string) ([]claims.Key, error) {
	if s == nil || s.set == nil {
		return nil, errUnknownKey
	}
	return s.set.lookup.find(alg, kid)
}
