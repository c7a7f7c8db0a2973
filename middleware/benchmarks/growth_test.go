package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPoolKeepsTheOrder(t *testing.T) {
	count := 2*blockSize + 5
	field := func(i int) string { return "Bearer " + strings.Repeat("x", i%7) + thousands(i) }
	pool := newPool(count, field)
	for i := range count {
		require.Equal(t, field(i), pool.at(i))
	}
}

func TestTokensAreDistinctAndEquallyLong(t *testing.T) {
	maker := tokenMaker{issuer: issuerURL, signer: newSigner(0)}
	first, second := maker.token(1), maker.token(999_999)
	assert.NotEqual(t, first, second)
	assert.Len(t, second, len(first))
	assert.InDelta(t, 400, len(first), 25)
}

func TestWeighedPayloadIsOfItsSize(t *testing.T) {
	maker := tokenMaker{issuer: issuerURL, signer: newSigner(0)}
	maker.extra = padding(len(maker.payload(0)))
	assert.Len(t, maker.payload(0), weighedPayload)
}

func TestOrders(t *testing.T) {
	often := func(order []uint32, i uint32) float64 {
		count := 0
		for _, n := range order {
			if n == i {
				count++
			}
		}
		return float64(count) / float64(len(order))
	}
	even, uneven := uniform(100), zipf(100)
	assert.InDelta(t, 0.01, often(even, 0), 0.001)
	assert.InDelta(t, 0.01, often(even, 99), 0.001)
	assert.Greater(t, often(uneven, 0), 0.2)
	assert.Less(t, often(uneven, 99), 0.005)
	assert.Less(t, slices.Max(even), uint32(100))
	assert.Less(t, slices.Max(uneven), uint32(100))
}

// What the columns of the token table promise about the cache.
func TestTokenColumns(t *testing.T) {
	g := &grower{plan: plan{Tokens: []int{50}, Turns: 1, Turn: time.Millisecond}, rounds: make([]round, 1)}
	require.NoError(t, g.tokens(t.Context()))
	cached := map[string]float64{}
	for _, s := range g.rounds[0] {
		cached[s.Column] = s.Cached
	}
	assert.Equal(t, map[string]float64{noCacheColumn: 0, uniformColumn: 1, zipfColumn: 1, roomyColumn: 1}, cached)
}
