package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// weighedPayload is the size of a claims payload in bytes whose entry is weighed.
const weighedPayload = 600

// memory weighs an entry of the verified-token cache.
func (g *grower) memory(ctx context.Context) error {
	signer := newSigner(0)
	policy, err := issuerOf(issuerURL, signer)
	if err != nil {
		return err
	}
	maker := tokenMaker{issuer: issuerURL, signer: signer}
	maker.extra = padding(len(maker.payload(0)))
	pool := newPool(g.plan.CachedTokens, maker.token)
	for n := range min(g.plan.Weighings, len(g.rounds)) {
		weight, err := weigh(ctx, policy, pool)
		if err != nil {
			return err
		}
		g.rounds[n] = append(g.rounds[n], sample{
			Table: memoryTable, Row: fmt.Sprintf("claims of %d bytes", weighedPayload), Value: weight,
		})
	}
	return nil
}

// padding returns a member that brings a payload to weighedPayload.
func padding(others int) string {
	const member = `,"org":""`
	return `,"org":"` + strings.Repeat("x", weighedPayload-others-len(member)) + `"`
}

// weigh returns the heap that an entry takes, in bytes.
func weigh(ctx context.Context, policy claims.Issuer, pool *pool) (float64, error) {
	handler, err := protect(claims.Config{Issuers: []claims.Issuer{policy}, CacheEntries: room(pool.count)}, readScope)
	if err != nil {
		return 0, err
	}
	w := newWalk(ctx, handler, pool, []uint32{0})
	before := liveHeap()
	if err := w.visit(ctx); err != nil {
		return 0, err
	}
	after := liveHeap()
	runtime.KeepAlive(handler)
	runtime.KeepAlive(pool)
	return float64(after-before) / float64(pool.count), nil
}

// liveHeap returns what the garbage collector leaves; the second run is for what pools
// give up late.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
