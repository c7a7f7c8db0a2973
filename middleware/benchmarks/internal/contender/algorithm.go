package contender

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// An Algorithm is a value of alg together with a key size.
type Algorithm string

// The measured algorithms.
const (
	RS256     Algorithm = "RS256"
	RS256Long Algorithm = "RS256 4096"
	PS256     Algorithm = "PS256"
	ES256     Algorithm = "ES256"
	EdDSA     Algorithm = "EdDSA"
)

// Algorithms returns all algorithms in the order of the tables.
func Algorithms() []Algorithm { return []Algorithm{RS256, RS256Long, PS256, ES256, EdDSA} }

// JWA returns the value of alg.
func (a Algorithm) JWA() string {
	if a == RS256Long {
		return "RS256"
	}
	return string(a)
}

func (a Algorithm) newKey() (key jwkstest.Key, err error) {
	if a == RS256Long {
		key.Algorithm = a.JWA()
		key.Private, err = rsa.GenerateKey(rand.Reader, 4096)
	} else {
		key = jwkstest.NewKey(a.JWA())
	}
	key.ID = keyID
	return key, err
}

// check returns the bare signature check. It hashes and verifies with the standard
// library, and its arguments are parsed already.
func (a Algorithm) check(key crypto.PublicKey, input, signature []byte) func() bool {
	switch a {
	case EdDSA:
		return func() bool { return ed25519.Verify(key.(ed25519.PublicKey), input, signature) }
	case ES256:
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return func() bool {
			sum := sha256.Sum256(input)
			return ecdsa.Verify(key.(*ecdsa.PublicKey), sum[:], r, s)
		}
	case PS256:
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return func() bool {
			sum := sha256.Sum256(input)
			return rsa.VerifyPSS(key.(*rsa.PublicKey), crypto.SHA256, sum[:], signature, options) == nil
		}
	}
	return func() bool {
		sum := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(key.(*rsa.PublicKey), crypto.SHA256, sum[:], signature) == nil
	}
}
