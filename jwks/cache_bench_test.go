package jwks_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// newBigCache returns a cache with n keys.
func newBigCache(b *testing.B, n int) *jwks.Cache {
	b.Helper()
	issuer := newIssuer()
	issuer.Fail(jwkstest.JWKS, jwkstest.ManyKeys(n-1))
	cache := newCache(b, issuer)
	require.NoError(b, cache.Refresh(b.Context()))
	return cache
}

func BenchmarkKeysHit(b *testing.B) {
	for _, n := range []int{1, 10, 256} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			cache := newBigCache(b, n)
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := cache.Keys(ctx, alg, "known"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkKeysUnknownKid(b *testing.B) {
	cache := newBigCache(b, 10)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cache.Keys(ctx, alg, "junk"); err == nil {
			b.Fatal("want an error")
		}
	}
}

func BenchmarkKeysOfManyIssuers(b *testing.B) {
	issuer := newIssuer()
	caches := make([]*jwks.Cache, 10_000)
	for i := range caches {
		caches[i] = newCache(b, issuer, atURL(issuer))
		require.NoError(b, caches[i].Refresh(b.Context()))
	}
	for _, n := range []int{1, 100, len(caches)} {
		b.Run(fmt.Sprintf("issuers=%d", n), func(b *testing.B) {
			ctx := b.Context()
			var next atomic.Int64
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := int(next.Add(7919)); pb.Next(); i++ {
					if _, err := caches[i%n].Keys(ctx, alg, "known"); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
