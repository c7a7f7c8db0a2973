package keyset

import (
	"crypto"
	"encoding/base64"
	"fmt"

	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// akpMaterial reads the members of kty AKP (RFC 9964 section 3). Such a key is of one algorithm,
// so alg belongs to its material. ML-DSA is the only algorithm that is known.
func (m members) akpMaterial() ([]byte, error) {
	alg, err := m.required("alg")
	if err != nil {
		return nil, err
	}
	if !mldsa.IsAlgorithm(alg) {
		return nil, errAlgorithm
	}
	pub, err := m.octets("pub")
	if err != nil {
		return nil, err
	}
	return akpJWK(alg, pub), nil
}

// akpJWK returns the members of the key itself, as RFC 9964 section 6 wants them for the
// thumbprint: with their names in order and without spaces.
func akpJWK(alg string, pub []byte) []byte {
	return fmt.Appendf(nil, `{"alg":%q,"kty":"AKP","pub":%q}`, alg, base64.RawURLEncoding.EncodeToString(pub))
}

// akpKey returns the key of members from which akpMaterial was read. The JOSE library does not
// know it. A program that lacks ML-DSA is the last reason to skip a key, so that the other
// reasons are the same in every program.
func (m members) akpKey() (crypto.PublicKey, error) {
	alg, err := m.required("alg")
	if err != nil {
		return nil, err
	}
	pub, err := m.octets("pub")
	if err != nil {
		return nil, err
	}
	key, err := mldsa.NewPublicKey(alg, pub)
	if err != nil {
		return nil, Unusable(err.Error())
	}
	return key, nil
}
