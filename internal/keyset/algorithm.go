package keyset

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"slices"

	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// algorithms returns the algorithms that key serves: all that fit its type and curve, or
// only alg if the JWK names one (RFC 7517 section 4.4). RFC 9864 gives EdDSA with Ed25519 a
// second name, so each of the two names includes the other.
func algorithms(key crypto.PublicKey, alg string) ([]string, error) {
	fit := fittingAlgorithms(key)
	switch {
	case alg == "":
		return fit, nil
	case !slices.Contains(fit, alg) && Supported(alg):
		return nil, errWrongAlg
	case !slices.Contains(fit, alg):
		return nil, errAlgorithm
	case alg == "EdDSA" || alg == "Ed25519":
		return fit, nil
	}
	return []string{alg}, nil
}

func fittingAlgorithms(key crypto.PublicKey) []string {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA", "Ed25519"}
	case *mldsa.PublicKey:
		return []string{key.Algorithm()}
	}
	return nil
}

// Supported reports whether a public key can serve alg at all. In a program that lacks ML-DSA,
// no key does: see mldsa.Missing.
func Supported(alg string) bool {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
		"ES256", "ES384", "ES512", "EdDSA", "Ed25519":
		return true
	}
	return mldsa.IsAlgorithm(alg)
}
