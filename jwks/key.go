package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/bearerguard/bearerguard/claims"
)

// RFC 7518 section 3.3 sets the minimum. The maximum bounds the cost of a check, which
// grows with the square of the length.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

const (
	errShortRSA     unusable = "RSA modulus under 2048 bits"
	errLongRSA      unusable = "RSA modulus over 8192 bits"
	errEvenRSA      unusable = "RSA modulus is even"
	errROCA         unusable = "RSA modulus can be factored (CVE-2017-15361)"
	errRSAExponent  unusable = "RSA exponent is not an odd number from 3 to 2^31-1"
	errCoordinate   unusable = "coordinate is not as wide as the curve"
	errOffCurve     unusable = "point is not on the curve"
	errEd25519Size  unusable = "Ed25519 key is not of 32 bytes"
	errEd25519Weak  unusable = "Ed25519 key is no point of large order"
	errPrivateGiven unusable = "a private key: give the public one"
	errUnsupported  unusable = "want *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey"
	errTrial        unusable = "the key accepts a made-up signature"
)

// thumbprint is the JWK thumbprint of RFC 7638 with SHA-256: the key's material.
type thumbprint [32]byte

// identity is what makes a key the same key in two documents.
type identity struct {
	material thumbprint
	attributes
}

// entry is one usable public key with a claims.Key for each algorithm that it serves.
type entry struct {
	id   identity
	keys []algorithmKey
}

type algorithmKey struct {
	alg string
	key claims.Key
}

// readEntry makes an entry of one JWK, or takes the one with the same identity from
// known. kid is returned for reports, even with an error.
func readEntry(value jsontext.Value, known map[identity]*entry) (kid string, e *entry, err error) {
	e, err = guard(func() (*entry, error) {
		m, err := readMembers(value)
		if err != nil {
			return nil, err
		}
		kid, _, _ = m.text("kid")
		material, err := m.material()
		if err != nil {
			return nil, err
		}
		attrs, err := m.attributes()
		if err != nil {
			return nil, err
		}
		key, err := parsePublicKey(material)
		if err != nil {
			return nil, err
		}
		return newEntry(key, attrs, known)
	})
	return kid, e, err
}

// guard turns a panic of parse into an error. A key comes from another machine and
// goes through a library that is no longer maintained, on a goroutine whose panic
// nobody else would recover.
func guard(parse func() (*entry, error)) (e *entry, err error) {
	defer func() {
		if recover() != nil {
			e, err = nil, errMalformedKey
		}
	}()
	return parse()
}

// parsePublicKey reads a JWK that minimalJWK built.
func parsePublicKey(material []byte) (crypto.PublicKey, error) {
	parsed, err := jwk.ParseKey(material)
	if err != nil {
		return nil, errMalformedKey
	}
	var raw any
	if err := parsed.Raw(&raw); err != nil {
		return nil, errMalformedKey
	}
	return checkedCopy(raw)
}

// newEntry takes a key that checkedCopy returned.
func newEntry(key crypto.PublicKey, attrs attributes, known map[identity]*entry) (*entry, error) {
	algs, err := algorithms(key, attrs.alg)
	if err != nil {
		return nil, err
	}
	material, err := thumbprintOf(key)
	if err != nil {
		return nil, err
	}
	e := &entry{id: identity{material: material, attributes: attrs}}
	if same, ok := known[e.id]; ok {
		return same, nil
	}
	e.keys, err = algorithmKeys(key, algs)
	return e, err
}

func thumbprintOf(key crypto.PublicKey) (t thumbprint, err error) {
	wrapped, err := jwk.FromRaw(key)
	if err != nil {
		return t, errMalformedKey
	}
	sum, err := wrapped.Thumbprint(crypto.SHA256)
	if err != nil || copy(t[:], sum) != len(t) {
		return t, errMalformedKey
	}
	return t, nil
}

// checkedCopy returns a copy of a public key that is fit to verify with, so that its
// owner cannot change it afterwards. It may panic on a key that was put together by
// hand; see guard.
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
	return nil, errUnsupported
}

// checkedRSA asks for more than crypto/rsa, which verifies with 1024 bits.
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

// coordinateSize returns the width of a coordinate in bytes, and 0 for any curve but
// the three of RFC 7518 section 6.2.1.1.
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

// algorithms returns the names of the algorithms that key serves: all that fit its type
// and curve, or the one that it is bound to by alg (RFC 7517 section 4.4). RFC 9864 gives
// EdDSA with Ed25519 a second name, so either name stands for both.
func algorithms(key crypto.PublicKey, alg string) ([]string, error) {
	fit := fittingAlgorithms(key)
	switch {
	case alg == "":
		return fit, nil
	case !slices.Contains(fit, alg) && supported(alg):
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
	}
	return nil
}

func supported(alg string) bool {
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
		"ES256", "ES384", "ES512", "EdDSA", "Ed25519":
		return true
	}
	return false
}
