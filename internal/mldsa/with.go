//go:build go1.27

package mldsa

import (
	"crypto"
	"crypto/mldsa"
)

type parsedKey struct{ key *mldsa.PublicKey }

// parse takes an encoding of the right length. Each one is a key, so that an error says that
// the module lacks ML-DSA.
func parse(alg string, encoded []byte) (parsedKey, error) {
	key, err := mldsa.NewPublicKey(parameters(alg), encoded)
	if err != nil {
		return parsedKey{}, ErrFIPS
	}
	return parsedKey{key}, nil
}

func (p parsedKey) verify(message, signature []byte) error {
	return mldsa.Verify(p.key, message, signature, nil)
}

// parameters returns invalid ones for any other alg.
func parameters(alg string) mldsa.Parameters {
	switch alg {
	case "ML-DSA-44":
		return mldsa.MLDSA44()
	case "ML-DSA-65":
		return mldsa.MLDSA65()
	case "ML-DSA-87":
		return mldsa.MLDSA87()
	}
	return mldsa.Parameters{}
}

func standardKey(key crypto.PublicKey) (alg string, encoded []byte, ok bool) {
	public, ok := key.(*mldsa.PublicKey)
	if !ok {
		return "", nil, false
	}
	return public.Parameters().String(), public.Bytes(), true
}

// Generate returns a new private key, or the error of Missing.
func Generate(alg string) (private any, err error) {
	key, err := mldsa.GenerateKey(parameters(alg))
	if err != nil {
		return nil, ErrFIPS
	}
	return key, nil
}

// Public returns the public key of a private key that Generate made. It reports false for any
// other type.
func Public(private any) (alg string, encoded []byte, ok bool) {
	key, ok := private.(*mldsa.PrivateKey)
	if !ok {
		return "", nil, false
	}
	return standardKey(key.PublicKey())
}

// Sign signs with a private key that Generate made. It reports false for any other type.
func Sign(private any, message []byte) (signature []byte, ok bool, err error) {
	key, ok := private.(*mldsa.PrivateKey)
	if !ok {
		return nil, false, nil
	}
	signature, err = key.Sign(nil, message, nil)
	return signature, true, err
}
