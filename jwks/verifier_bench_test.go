package jwks_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// With -cpu 1,2,4 each operation takes less time, because requests write no shared memory.
func BenchmarkKeysHitInParallel(b *testing.B) {
	for _, n := range []int{1, 10, 256} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			cache := newBigCache(b, n)
			ctx := b.Context()
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := cache.Keys(ctx, alg, "known"); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkVerifyOfManyIssuers uses one Verifier for all issuers, each with a Cache. At first
// sight of a token, nearly all of the time is the signature check.
func BenchmarkVerifyOfManyIssuers(b *testing.B) {
	const most = 10_000
	issuers, tokens := manyIssuers(b, most)
	for _, n := range []int{1, 100, most} {
		for name, entries := range map[string]int{"seen before": 8 * most, "first sight": -1} {
			b.Run(fmt.Sprintf("issuers=%d/%s", n, name), func(b *testing.B) {
				verifier, err := claims.NewVerifier(claims.Config{Issuers: issuers[:n], CacheEntries: entries})
				require.NoError(b, err)
				for _, token := range tokens[:n] {
					_, err := verifier.Verify(b.Context(), token)
					require.NoError(b, err)
				}
				verifyInParallel(b, verifier, tokens[:n])
			})
		}
	}
}

// manyIssuers returns issuers that share one key and one key set endpoint, and a token of each.
func manyIssuers(b *testing.B, n int) (issuers []claims.Issuer, tokens []string) {
	b.Helper()
	server := newIssuer()
	limit := jwks.NewFetchLimit(0)
	for i := range n {
		url := fmt.Sprintf("%s%d", server.URL(), i)
		cache := newCache(b, server, atURL(server), func(c *jwks.Config) { c.FetchLimit = limit })
		require.NoError(b, cache.Refresh(b.Context()))
		issuers = append(issuers, claims.Issuer{URL: url, Audiences: []string{jwkstest.Audience}, Keys: cache})
		tokens = append(tokens, server.Token(map[string]any{"iss": url}))
	}
	return issuers, tokens
}

func verifyInParallel(b *testing.B, verifier *claims.Verifier, tokens []string) {
	b.Helper()
	ctx := b.Context()
	var start atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := int(start.Add(7919)); pb.Next(); i++ {
			if _, err := verifier.Verify(ctx, tokens[i%len(tokens)]); err != nil {
				b.Error(err)
			}
		}
	})
}
