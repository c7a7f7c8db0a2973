package keyset

import (
	"crypto"
	"crypto/rsa"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// The sender of a proof picks the key, so these bound what a check of its signature costs.
const (
	maxProofRSABits     = 4096
	maxProofRSAExponent = 65537
)

const (
	errProofRSA      Unusable = "RSA modulus over 4096 bits"
	errProofExponent Unusable = "RSA exponent over 65537"
)

// ParseProofKey returns the public key of a DPoP proof for signatures by alg, and its
// thumbprint. jwk is the JWK in the proof's header (RFC 9449 section 4.2).
//
// A stranger has written it, so there is one spelling of each key: no private member even if it
// is null, no padding, no missing or additional zeros. An RSA key has 2048 to 4096 bits.
// Members that name another place for a key (x5u, x5c) are ignored. Every error is an Unusable.
func ParseProofKey(jwk []byte, alg string) (key claims.Key, material Thumbprint, err error) {
	defer func() {
		if recover() != nil {
			key, material, err = nil, Thumbprint{}, errMalformedKey
		}
	}()
	m, err := rules{}.readMembers(jwk)
	if err != nil {
		return nil, Thumbprint{}, err
	}
	public, attrs, err := m.publicKey()
	if err != nil {
		return nil, Thumbprint{}, err
	}
	if err := checkProofKey(public, attrs, alg); err != nil {
		return nil, Thumbprint{}, err
	}
	if material, err = thumbprintOf(public); err != nil {
		return nil, Thumbprint{}, err
	}
	if alg == "Ed25519" {
		alg = "EdDSA" // the only name that the JOSE library knows
	}
	verifying, err := newSignatureKey(public, alg)
	if err != nil {
		return nil, Thumbprint{}, err
	}
	return verifying, material, nil
}

func checkProofKey(public crypto.PublicKey, attrs attributes, alg string) error {
	if key, ok := public.(*rsa.PublicKey); ok {
		switch {
		case key.N.BitLen() > maxProofRSABits:
			return errProofRSA
		case key.E > maxProofRSAExponent:
			return errProofExponent
		}
	}
	served, err := algorithms(public, attrs.alg)
	if err == nil && !slices.Contains(served, alg) {
		err = errWrongAlg
	}
	return err
}
