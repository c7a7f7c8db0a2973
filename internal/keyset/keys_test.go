package keyset_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// The keys that the tests share: two of each kind, made once.
var (
	rsaKey, otherRSAKey         = onceKey(newRSA), onceKey(newRSA)
	p256Key, otherP256Key       = onceKey(newEC(elliptic.P256())), onceKey(newEC(elliptic.P256()))
	p384Key, otherP384Key       = onceKey(newEC(elliptic.P384())), onceKey(newEC(elliptic.P384()))
	p521Key, otherP521Key       = onceKey(newEC(elliptic.P521())), onceKey(newEC(elliptic.P521()))
	ed25519Key, otherEd25519Key = onceKey(newEd25519), onceKey(newEd25519)
)

func newRSA() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func newEC(curve elliptic.Curve) func() (*ecdsa.PrivateKey, error) {
	return func() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

func newEd25519() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

func onceKey[K any](generate func() (K, error)) func() K {
	return sync.OnceValue(func() K {
		key, err := generate()
		if err != nil {
			panic(err)
		}
		return key
	})
}

// signWith makes a signature with only the standard library.
func signWith(t testing.TB, alg string, key crypto.Signer, input string) []byte {
	t.Helper()
	var signature []byte
	var err error
	hash := hashOf(alg)
	switch alg[:2] {
	case "RS":
		signature, err = key.Sign(rand.Reader, digest(hash, input), hash)
	case "PS":
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		signature, err = key.Sign(rand.Reader, digest(hash, input), options)
	case "ES":
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), digest(hash, input))
		if err == nil {
			signature = joinRS(key.(*ecdsa.PrivateKey).Curve, r, s)
		}
	default:
		signature, err = key.Sign(nil, []byte(input), crypto.Hash(0))
	}
	require.NoError(t, err)
	return signature
}

func hashOf(alg string) crypto.Hash {
	return map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
}

func digest(hash crypto.Hash, input string) []byte {
	h := hash.New()
	h.Write([]byte(input))
	return h.Sum(nil)
}

// joinRS returns r and s in the format of RFC 7518 section 3.4.
func joinRS(curve elliptic.Curve, r, s *big.Int) []byte {
	size := (curve.Params().BitSize + 7) / 8
	signature := make([]byte, 2*size)
	r.FillBytes(signature[:size])
	s.FillBytes(signature[size:])
	return signature
}

type object = map[string]any

// jwkOf returns the JWK of a public key, with more members or with other values for its members.
func jwkOf(t testing.TB, key crypto.PublicKey, more object) object {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	jwk := object{}
	switch key := key.(type) {
	case *rsa.PublicKey:
		jwk = object{"kty": "RSA", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		require.NoError(t, err)
		size := len(point) / 2
		jwk = object{
			"kty": "EC", "crv": key.Curve.Params().Name,
			"x": encode(point[1 : 1+size]), "y": encode(point[1+size:]),
		}
	case ed25519.PublicKey:
		jwk = object{"kty": "OKP", "crv": "Ed25519", "x": encode(key)}
	default:
		require.Failf(t, "jwkOf", "%T", key)
	}
	maps.Copy(jwk, more)
	return jwk
}

func documentOf(t testing.TB, keys ...object) []byte {
	t.Helper()
	document, err := json.Marshal(object{"keys": keys})
	require.NoError(t, err)
	return document
}

// onlyKey returns the one key that a set has for this header.
func onlyKey(t testing.TB, set *keyset.Set, alg, kid string) claims.Key {
	t.Helper()
	keys, err := set.Find(alg, kid)
	require.NoError(t, err)
	require.Len(t, keys, 1)
	return keys[0]
}
