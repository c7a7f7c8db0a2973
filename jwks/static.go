package jwks

import (
	"context"
	"crypto"
	"errors"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// Static is a [claims.KeySet] of public keys that never change.
//
// It is for issuers without a key endpoint, for tests, and for programs that must work
// offline. It makes no request, so it cannot notice that the issuer has a new key or has
// removed one. Use a [Cache] where the issuer publishes its keys.
//
// The zero value holds no keys. Its methods are safe for concurrent use.
type Static struct{ set *keyset.Set }

// A PublicKey is one key of an issuer, for [StaticKeys].
type PublicKey struct {
	// KeyID is the kid in the header of the issuer's tokens. If it is empty, the key serves
	// tokens without a kid. If no key of the set has a KeyID, it serves tokens with any kid.
	KeyID string

	// Algorithm is the only algorithm that the key serves. If it is empty, the key serves
	// all that fit it: RS256, RS384, RS512, PS256, PS384 and PS512 for RSA, the algorithm of
	// the curve for ECDSA, EdDSA for Ed25519, that of the key for ML-DSA. EdDSA and Ed25519 are
	// two names of one algorithm (RFC 9864).
	Algorithm string

	// Key is the public key, which is copied. Its type is *rsa.PublicKey with 2048 to 8192 bits,
	// *ecdsa.PublicKey on P-256, P-384 or P-521, ed25519.PublicKey, or with Go 1.27
	// *mldsa.PublicKey.
	Key crypto.PublicKey

	// PEM replaces Key: one block of type PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE, and
	// nothing else. Only the public key of a certificate is used. Its dates, names, usages
	// and issuer are not checked.
	PEM []byte
}

// NewStatic returns the keys of a JWK Set (RFC 7517 section 5).
//
// Limits and tolerance are those of a [Cache]: at most 512 KiB and 256 keys, and a key that
// cannot be used is skipped. A set without a usable key is an error that names the reasons.
func NewStatic(document []byte) (*Static, error) {
	set, err := keyset.Parse(document, nil)
	if err != nil {
		return nil, err
	}
	return &Static{set: set}, nil
}

// StaticSPIFFEBundle returns the keys with the use jwt-svid of a SPIFFE bundle, as
// [Config].SPIFFEBundle has them. It is like [NewStatic] otherwise.
func StaticSPIFFEBundle(document []byte) (*Static, error) {
	set, err := keyset.ParseBundle(document, nil)
	if err == nil {
		err = set.RequireKey()
	}
	if err != nil {
		return nil, err
	}
	return &Static{set: set}, nil
}

// StaticKeys returns a set of these keys, or an error that reports every mistake.
//
// A key that cannot be used is an error: weak or malformed material, a private key, or an
// Algorithm that does not fit the key. More than four keys for one Algorithm and KeyID are
// an error too, since their tokens would be refused.
func StaticKeys(keys ...PublicKey) (*Static, error) {
	if len(keys) == 0 {
		return nil, errors.New("jwks: StaticKeys without a key")
	}
	own := make([]keyset.PublicKey, len(keys))
	for i, key := range keys {
		own[i] = keyset.PublicKey(key)
	}
	set, err := keyset.FromPublicKeys(own...)
	if err != nil {
		return nil, err
	}
	return &Static{set: set}, nil
}

// Keys implements [claims.KeySet]. Its error matches [claims.ErrUnknownKey]: no key fits, or
// more than four do. It also matches [claims.ErrUnusableKey] if only skipped keys have the kid.
// It does not use ctx, since it never waits.
func (s *Static) Keys(_ context.Context, alg, kid string) ([]claims.Key, error) {
	if s == nil {
		return nil, keyset.ErrUnknownKey
	}
	return s.set.Find(alg, kid)
}
