package jwks_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// ed25519Set returns a set of n keys with the kids 0 to n-1.
func ed25519Set(t testing.TB, n int) *jwks.Static {
	t.Helper()
	keys := make([]jwks.PublicKey, n)
	for i := range keys {
		seed := fmt.Appendf(nil, "%032d", i)
		keys[i] = jwks.PublicKey{KeyID: fmt.Sprint(i), Key: ed25519.NewKeyFromSeed(seed).Public()}
	}
	set, err := jwks.StaticKeys(keys...)
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
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("RS256")})
	issuer.Publish(jwkstest.NewKey("ES256"))
	document := issuer.Document()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jwks.NewStatic(document); err != nil {
			b.Fatal(err)
		}
	}
}
