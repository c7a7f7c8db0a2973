package keyset

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	_ "crypto/sha256" // what crypto.Hash.New makes
	_ "crypto/sha512"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// A signatureKey is a public key for one algorithm. It is used by pointer only.
type signatureKey struct {
	size  int // of every signature, in bytes
	check func(signingInput, signature []byte) error
}

// Verify returns claims.ErrSignature for every failure. The cause is dropped, because it can
// hold bytes of the token. The lengths are those of RFC 7518 sections 3.3 to 3.5, RFC 8032
// section 5.1.6 and RFC 9964 section 5.
func (k *signatureKey) Verify(signingInput, signature []byte) (err error) {
	defer func() {
		if recover() != nil {
			err = claims.ErrSignature
		}
	}()
	if len(signature) != k.size || k.check(signingInput, signature) != nil {
		return claims.ErrSignature
	}
	return nil
}

// algorithmKeys returns a key per algorithm. EdDSA and Ed25519 share one, because jwx knows
// only the name EdDSA. It tries a made-up signature on the first key: a key that panics, or
// that accepts anything, is found at load time and not by a request.
func algorithmKeys(key crypto.PublicKey, algs []string) ([]algorithmKey, error) {
	var keys []algorithmKey
	for _, alg := range algs {
		if alg == "Ed25519" {
			keys = append(keys, algorithmKey{alg: alg, key: keys[0].key})
			continue
		}
		k, err := newSignatureKey(key, alg)
		if err == nil && len(keys) == 0 {
			err = k.trial()
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, algorithmKey{alg: alg, key: k})
	}
	return keys, nil
}

// trial can panic; see recovered.
func (k *signatureKey) trial() error {
	if k.check([]byte("trial"), make([]byte, k.size)) == nil {
		return errTrial
	}
	return nil
}

func newSignatureKey(key crypto.PublicKey, alg string) (*signatureKey, error) {
	if hash, ok := hashOfPSS(alg); ok {
		return newPSSKey(key, hash)
	}
	if public, ok := key.(*mldsa.PublicKey); ok {
		return &signatureKey{size: mldsa.SignatureBytes(public.Algorithm()), check: public.Verify}, nil
	}
	verifier, err := jws.NewVerifier(jwa.SignatureAlgorithm(alg))
	if err != nil {
		return nil, errAlgorithm
	}
	return &signatureKey{
		size: signatureSize(key),
		check: func(signingInput, signature []byte) error {
			return verifier.Verify(signingInput, signature, key)
		},
	}, nil
}

// newPSSKey does not use jwx, which accepts a salt of any length. RFC 7518 section 3.5 wants
// a salt as long as the hash.
func newPSSKey(key crypto.PublicKey, hash crypto.Hash) (*signatureKey, error) {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errWrongAlg
	}
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	return &signatureKey{
		size: public.Size(),
		check: func(signingInput, signature []byte) error {
			digest := hash.New()
			digest.Write(signingInput)
			return rsa.VerifyPSS(public, hash, digest.Sum(nil), signature, options)
		},
	}, nil
}

func hashOfPSS(alg string) (crypto.Hash, bool) {
	switch alg {
	case "PS256":
		return crypto.SHA256, true
	case "PS384":
		return crypto.SHA384, true
	case "PS512":
		return crypto.SHA512, true
	}
	return 0, false
}

func signatureSize(key crypto.PublicKey) int {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.Size()
	case *ecdsa.PublicKey:
		return 2 * coordinateSize(key.Curve)
	}
	return ed25519.SignatureSize
}
