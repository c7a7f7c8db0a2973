package keyset

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"slices"

	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// RFC 7518 section 3.3 sets the minimum. The maximum bounds the cost of a check, which
// grows with the square of the length.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

const (
	errShortRSA     Unusable = "RSA modulus under 2048 bits"
	errLongRSA      Unusable = "RSA modulus over 8192 bits"
	errEvenRSA      Unusable = "RSA modulus is even"
	errROCA         Unusable = "RSA modulus can be factored (CVE-2017-15361)"
	errLeadingZero  Unusable = "RSA modulus or exponent begins with zeros"
	errRSAExponent  Unusable = "RSA exponent is not an odd number from 3 to 2^31-1"
	errCoordinate   Unusable = "coordinate is not as wide as the curve"
	errOffCurve     Unusable = "point is not on the curve"
	errEd25519Size  Unusable = "Ed25519 key is not of 32 bytes"
	errEd25519Weak  Unusable = "Ed25519 key is no point of large order"
	errPrivateGiven Unusable = "a private key: give the public one"
	errUnsupported  Unusable = "want *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or, with Go 1.27, *mldsa.PublicKey"
	errTrial        Unusable = "the key accepts a made-up signature"
)

// checkedCopy returns a copy of a public key that is fit to verify with. Its owner cannot
// change the copy. It can panic on a key that was put together by hand; see recovered.
func checkedCopy(key crypto.PublicKey) (crypto.PublicKey, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return checkedRSA(key)
	case *ecdsa.PublicKey:
		return checkedECDSA(key)
	case ed25519.PublicKey:
		return checkedEd25519(key)
	case interface{ Public() crypto.PublicKey }:
		return nil, errPrivateGiven
	}
	return checkedMLDSA(key)
}

func checkedMLDSA(key crypto.PublicKey) (crypto.PublicKey, error) {
	own, ok, err := mldsa.FromStandard(key)
	switch {
	case !ok:
		return nil, errUnsupported
	case err != nil:
		return nil, Unusable(err.Error())
	}
	return own, nil
}

// checkedRSA is stricter than crypto/rsa, which verifies with 1024 bits.
func checkedRSA(key *rsa.PublicKey) (crypto.PublicKey, error) {
	switch {
	case key == nil || key.N == nil:
		return nil, errMalformedKey
	case key.N.Sign() <= 0 || key.N.BitLen() < minRSABits:
		return nil, errShortRSA
	case key.N.BitLen() > maxRSABits:
		return nil, errLongRSA
	case key.N.Bit(0) == 0:
		return nil, errEvenRSA
	case key.E < 3 || key.E&1 == 0 || key.E > 1<<31-1:
		return nil, errRSAExponent
	case isROCA(key.N):
		return nil, errROCA
	}
	return &rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}, nil
}

func checkedECDSA(key *ecdsa.PublicKey) (crypto.PublicKey, error) {
	if key == nil {
		return nil, errMalformedKey
	}
	if coordinateSize(key.Curve) == 0 {
		return nil, errCurve
	}
	point, err := key.Bytes()
	if err != nil {
		return nil, errOffCurve
	}
	own, err := ecdsa.ParseUncompressedPublicKey(key.Curve, point)
	if err != nil {
		return nil, errOffCurve
	}
	return own, nil
}

func checkedEd25519(key ed25519.PublicKey) (crypto.PublicKey, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, errEd25519Size
	}
	if weakEd25519(key) {
		return nil, errEd25519Weak
	}
	return slices.Clone(key), nil
}

func curveByName(crv string) elliptic.Curve {
	switch crv {
	case "P-256":
		return elliptic.P256()
	case "P-384":
		return elliptic.P384()
	case "P-521":
		return elliptic.P521()
	}
	return nil
}

// coordinateSize returns the width of a coordinate in bytes. It returns 0 for any curve
// but the three of RFC 7518 section 6.2.1.1.
func coordinateSize(curve elliptic.Curve) int {
	switch curve {
	case elliptic.P256():
		return 32
	case elliptic.P384():
		return 48
	case elliptic.P521():
		return 66
	}
	return 0
}
