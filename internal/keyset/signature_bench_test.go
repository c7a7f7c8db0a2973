package keyset_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// BenchmarkVerify compares each algorithm with the bare check of the standard library, which is the
// lower limit.
func BenchmarkVerify(b *testing.B) {
	for _, tt := range algorithmTests {
		set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: tt.key().Public()})
		require.NoError(b, err)
		signature := signWith(b, tt.alg, tt.key(), signingInput)
		benchmarkKey(b, tt.alg, onlyKey(b, set, tt.alg, ""), signature)
		benchmarkKey(b, tt.alg+" bare", bareKey{tt.alg, tt.key().Public()}, signature)
	}
}

func benchmarkKey(b *testing.B, name string, key claims.Key, signature []byte) {
	input := []byte(signingInput)
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := key.Verify(input, signature); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type bareKey struct {
	alg string
	key crypto.PublicKey
}

func (k bareKey) Verify(input, signature []byte) error {
	var ok bool
	hash := hashOf(k.alg)
	switch key := k.key.(type) {
	case *rsa.PublicKey:
		sum := digest(hash, string(input))
		if k.alg[:2] == "PS" {
			return rsa.VerifyPSS(key, hash, sum, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		return rsa.VerifyPKCS1v15(key, hash, sum, signature)
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		ok = ecdsa.Verify(key, digest(hash, string(input)), r, s)
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, input, signature)
	}
	if !ok {
		return claims.ErrSignature
	}
	return nil
}
