package contender

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/big"
)

// An Algorithm is a way to sign that is measured: the value of alg and a size of key.
type Algorithm string

// The measured algorithms.
const (
	RS256     Algorithm = "RS256"
	RS256Long Algorithm = "RS256-4096"
	PS256     Algorithm = "PS256"
	ES256     Algorithm = "ES256"
	EdDSA     Algorithm = "EdDSA"
)

// Algorithms returns all of them, in the order of the tables.
func Algorithms() []Algorithm { return []Algorithm{RS256, RS256Long, PS256, ES256, EdDSA} }

// JWA returns the value of alg.
func (a Algorithm) JWA() string {
	if a == RS256Long {
		return "RS256"
	}
	return string(a)
}

func (a Algorithm) newKey() (crypto.Signer, error) {
	switch a {
	case RS256, PS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RS256Long:
		return rsa.GenerateKey(rand.Reader, 4096)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("contender: no algorithm %q", a)
}

func (a Algorithm) sign(key crypto.Signer, input []byte) ([]byte, error) {
	sum := sha256.Sum256(input)
	switch a {
	case EdDSA:
		return key.Sign(rand.Reader, input, crypto.Hash(0))
	case PS256:
		return key.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case ES256:
		r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
		if err != nil {
			return nil, err
		}
		// RFC 7518 section 3.4: two numbers of 32 bytes.
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	}
	return key.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// check returns the bare signature check: the hash and the arithmetic, all from the
// standard library, with its arguments ready.
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

// publicJWK returns the public key's members for a JWK Set (RFC 7518 section 6, RFC 8037).
func publicJWK(key crypto.PublicKey) map[string]string {
	encode := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *rsa.PublicKey:
		return map[string]string{"kty": "RSA", "n": encode(k.N.Bytes()), "e": encode(big.NewInt(int64(k.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, _ := k.Bytes() // of a key that was just generated
		return map[string]string{"kty": "EC", "crv": "P-256", "x": encode(point[1:33]), "y": encode(point[33:])}
	case ed25519.PublicKey:
		return map[string]string{"kty": "OKP", "crv": "Ed25519", "x": encode(k)}
	}
	return nil
}
