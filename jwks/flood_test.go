package jwks_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// bucketBound is the most forced fetches in d: three at once, and one per 10 s.
func bucketBound(d time.Duration) int { return 3 + int(d/(10*time.Second)) }

func TestFloodOfUnknownKidsStaysWithinTheBucket(t *testing.T) {
	for name, tt := range map[string]struct {
		clients int
		pause   time.Duration
	}{
		"64 at a time":           {64, 0},
		"64 at a time, steadily": {64, time.Second},
		"one by one":             {1, 0},
		"one by one, steadily":   {1, 10 * time.Millisecond},
	} {
		for condition, fault := range map[string]jwkstest.Fault{
			"up": nil, "slow": jwkstest.Delay(time.Second), "down": jwkstest.Refuse(), "hangs": jwkstest.Hang(),
		} {
			t.Run(name+", "+condition, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					issuer := newIssuer()
					cache := newWarmCache(t, issuer)
					if fault != nil {
						issuer.Fail(jwkstest.JWKS, fault)
					}
					discovery, start := issuer.Count(jwkstest.Discovery), time.Now()
					n := keySetRequests(issuer, func() {
						var kid atomic.Int64
						concurrently(tt.clients, func(int) {
							for i := kid.Add(1); i <= 10_000; i = kid.Add(1) {
								_, err := cache.Keys(t.Context(), alg, strconv.FormatInt(i, 10))
								require.Error(t, err)
								time.Sleep(tt.pause)
							}
						})
					})
					assert.LessOrEqual(t, n, bucketBound(time.Since(start))+scheduledBound(time.Since(start)))
					assert.GreaterOrEqual(t, n, 1)
					assert.Equal(t, discovery, issuer.Count(jwkstest.Discovery))
					requireKnown(t, cache, "known")
				})
			})
		}
	}
}

// scheduledBound is the most requests of scheduled fetches in d, with their retries.
func scheduledBound(d time.Duration) int { return 3 * int(d/(13*time.Minute)) }

func TestRotationInAFloodIsSeenWithinTenSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		stop := time.Now().Add(2 * time.Minute)
		rotations := []time.Time{}
		concurrently(65, func(client int) {
			for time.Now().Before(stop) {
				if client > 0 {
					_, _ = cache.Keys(t.Context(), alg, strconv.Itoa(rand.Int()))
					time.Sleep(time.Duration(rand.IntN(1000)) * time.Millisecond)
					continue
				}
				kid := issuer.Rotate().ID
				rotated := time.Now()
				for _, err := cache.Keys(t.Context(), alg, kid); err != nil; _, err = cache.Keys(t.Context(), alg, kid) {
					time.Sleep(100 * time.Millisecond)
				}
				require.LessOrEqual(t, time.Since(rotated), 10*time.Second)
				rotations = append(rotations, rotated)
			}
		})
		assert.GreaterOrEqual(t, len(rotations), 12)
	})
}

// The clock of a bubble stands still, so no forced fetch comes between.
func TestFloodKeepsNoMemory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		for range 3 {
			requireUnknown(t, cache, "junk")
		}
		flood := func(n int) {
			for i := range n {
				_, err := cache.Keys(t.Context(), alg, fmt.Sprintf("%0200d", i))
				require.ErrorIs(t, err, claims.ErrUnknownKey)
			}
		}
		flood(1000)
		before := heapInUse()
		flood(50_000) // 10 MB of kids
		assert.Less(t, heapInUse(), before+1<<20)
	})
}

func heapInUse() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
