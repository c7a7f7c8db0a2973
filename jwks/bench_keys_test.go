package jwks_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// ed25519Set has n keys with the kids 0 to n-1.
func ed25519Set(t testing.TB, n int) *jwks.Static {
	t.Helper()
	keys := make([]object, n)
	for i := range keys {
		seed := fmt.Appendf(nil, "%032d", i)
		keys[i] = jwkOf(t, ed25519.NewKeyFromSeed(seed).Public(), object{"kid": fmt.Sprint(i)})
	}
	set, err := jwks.NewStatic(documentOf(t, keys...))
	require.NoError(t, err)
	return set
}

func BenchmarkStaticKeys(b *testing.B) {
	for _, n := range []int{1, 10, 256} {
		set := ed25519Set(b, n)
		kid := fmt.Sprint(n - 1)
		b.Run(fmt.Sprintf("%d keys", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := set.Keys(b.Context(), "EdDSA", kid); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNewStatic(b *testing.B) {
	document := documentOf(b, jwkOf(b, rsaKey().Public(), nil), jwkOf(b, p256Key().Public(), nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jwks.NewStatic(document); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify has the bare check of the standard library beside each algorithm: the
// limit of what can be reached.
func BenchmarkVerify(b *testing.B) {
	for _, tt := range algorithmTests {
		set, err := jwks.StaticKeys(jwks.PublicKey{Key: tt.key().Public()})
		require.NoError(b, err)
		signature := signWith(b, tt.alg, tt.key(), signingInput)
		benchmarkKey(b, tt.alg, onlyKey(b, set, tt.alg, ""), signature)
		benchmarkKey(b, tt.alg+" bare", bareKey{tt.alg, tt.key().Public()}, signature)
	}
	for _, tt := range hmacTests {
		secret := randomSecret(64)
		set, err := jwks.NewSecrets(jwks.Secret{Algorithm: tt.alg, Value: secret})
		require.NoError(b, err)
		key := onlyKey(b, set, tt.alg, "")
		benchmarkKey(b, tt.alg, key, hmacOf(tt.hash, secret, signingInput))
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
