package jwkstest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.Hash.New
	_ "crypto/sha512"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"

	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// A Key is a private key with its kid and its alg. To use a key under another kid, copy
// it and set ID.
type Key struct {
	// ID is the kid. If it is empty, the JWK and the tokens have no kid.
	ID string

	// Algorithm is the alg of the JWK and of the tokens, and the algorithm that signs.
	// With "none" the signature is empty.
	Algorithm string

	// Private is the private key, or a []byte, which is an HMAC secret. The key is a
	// *rsa.PrivateKey, an *ecdsa.PrivateKey, an ed25519.PrivateKey, or with Go 1.27 a
	// *mldsa.PrivateKey. A func([]byte) []byte returns any signature for a signing input,
	// including an invalid one.
	Private any
}

// NewKey generates a key for this algorithm, with a random ID. The algorithm is one of RS256,
// RS384, RS512, PS256, PS384, PS512 (2048 bits), ES256, ES384, ES512, EdDSA and Ed25519 (both with
// curve Ed25519). In a program that has crypto/mldsa it can also be ML-DSA-44, ML-DSA-65 or
// ML-DSA-87. NewKey panics on any other. An RSA key takes about 50 ms to make, the others less
// than 1 ms.
func NewKey(algorithm string) Key {
	id := strings.ToLower(algorithm + "-" + rand.Text()[:8])
	return Key{ID: id, Algorithm: algorithm, Private: generate(algorithm)}
}

func generate(algorithm string) any {
	var private any
	var err error
	switch algorithm {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case "ML-DSA-44", "ML-DSA-65", "ML-DSA-87":
		private, err = mldsa.Generate(algorithm)
	default:
		panic(fmt.Sprintf("jwkstest: no key for algorithm %q", algorithm))
	}
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err))
	}
	return private
}

// JWK returns a new map with the members of the key's public JWK (RFC 7517 section 4).
// The JWK of an HMAC secret contains the secret. It panics if Private is a function.
func (k Key) JWK() map[string]any {
	jwk := map[string]any{"use": "sig"}
	if k.Algorithm != "" {
		jwk["alg"] = k.Algorithm
	}
	if k.ID != "" {
		jwk["kid"] = k.ID
	}
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		jwk["kty"], jwk["n"] = "RSA", segment(private.N.Bytes())
		jwk["e"] = segment(big.NewInt(int64(private.E)).Bytes())
	case *ecdsa.PrivateKey:
		x, y := coordinates(&private.PublicKey)
		jwk["kty"], jwk["crv"] = "EC", private.Curve.Params().Name
		jwk["x"], jwk["y"] = segment(x), segment(y)
	case ed25519.PrivateKey:
		jwk["kty"], jwk["crv"] = "OKP", "Ed25519"
		jwk["x"] = segment(private.Public().(ed25519.PublicKey))
	case []byte:
		jwk["kty"], jwk["k"] = "oct", segment(private)
	default:
		algorithm, public, ok := mldsa.Public(private)
		if !ok {
			panic(fmt.Sprintf("jwkstest: no JWK for a %T", k.Private))
		}
		jwk["kty"], jwk["pub"] = "AKP", segment(public)
		jwk["alg"] = cmp.Or(k.Algorithm, algorithm) // RFC 9964 section 3: required
	}
	return jwk
}

// coordinates returns x and y, padded to the width of the field (RFC 7518 section
// 6.2.1.2).
func coordinates(key *ecdsa.PublicKey) (x, y []byte) {
	point, err := key.Bytes() // uncompressed: 4, x, y
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err))
	}
	width := len(point) / 2
	return point[1 : 1+width], point[1+width:]
}

// Sign returns the signature of the input by this key and its Algorithm (RFC 7518
// section 3.1). It panics if the type of Private does not fit Algorithm.
func (k Key) Sign(signingInput []byte) []byte {
	if k.Algorithm == "none" {
		return nil
	}
	switch private := k.Private.(type) {
	case *rsa.PrivateKey:
		return signRSA(private, k.Algorithm, signingInput)
	case *ecdsa.PrivateKey:
		return signECDSA(private, k.Algorithm, signingInput)
	case ed25519.PrivateKey:
		return ed25519.Sign(private, signingInput)
	case []byte:
		mac := hmac.New(hashOf(k.Algorithm).New, private)
		mac.Write(signingInput)
		return mac.Sum(nil)
	case func([]byte) []byte:
		return private(signingInput)
	}
	signature, ok, err := mldsa.Sign(k.Private, signingInput)
	if !ok || err != nil {
		panic(fmt.Sprintf("jwkstest: cannot sign with a %T", k.Private))
	}
	return signature
}

func signRSA(key *rsa.PrivateKey, algorithm string, input []byte) []byte {
	hash := hashOf(algorithm)
	var signature []byte
	var err error
	if strings.HasPrefix(algorithm, "PS") {
		salt := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		signature, err = rsa.SignPSS(rand.Reader, key, hash, digest(hash, input), salt)
	} else {
		signature, err = rsa.SignPKCS1v15(nil, key, hash, digest(hash, input))
	}
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err))
	}
	return signature
}

// signECDSA returns R followed by S, each padded to the width of the curve's order (RFC
// 7518 section 3.4).
func signECDSA(key *ecdsa.PrivateKey, algorithm string, input []byte) []byte {
	r, s, err := ecdsa.Sign(rand.Reader, key, digest(hashOf(algorithm), input))
	if err != nil {
		panic(fmt.Sprintf("jwkstest: %v", err))
	}
	width := (key.Curve.Params().N.BitLen() + 7) / 8
	signature := make([]byte, 2*width)
	r.FillBytes(signature[:width])
	s.FillBytes(signature[width:])
	return signature
}

func hashOf(algorithm string) crypto.Hash {
	switch {
	case strings.HasSuffix(algorithm, "256"):
		return crypto.SHA256
	case strings.HasSuffix(algorithm, "384"):
		return crypto.SHA384
	case strings.HasSuffix(algorithm, "512"):
		return crypto.SHA512
	}
	panic(fmt.Sprintf("jwkstest: no hash for algorithm %q", algorithm))
}

func digest(hash crypto.Hash, input []byte) []byte {
	h := hash.New()
	h.Write(input)
	return h.Sum(nil)
}

func segment(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
