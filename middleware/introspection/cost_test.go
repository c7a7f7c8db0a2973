package introspection_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// A token whose answer is remembered costs its digest, a look-up and one reading of the claims.
func TestAllocationsOfARememberedAnswer(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	i := newIntrospector(t, knowing(goodToken))
	v := newVerifier(t, i)
	_, err := v.Verify(context.Background(), goodToken)
	require.NoError(t, err)
	allocs := testing.AllocsPerRun(200, func() { _, _, _ = i.Introspect(context.Background(), issuerURL, goodToken) })
	assert.Zero(t, allocs, "Introspect")
	allocs = testing.AllocsPerRun(200, func() { _, _ = v.Verify(context.Background(), goodToken) })
	assert.LessOrEqual(t, allocs, 2.0, "Verify")
	refused := strings.Repeat("x", 5)
	allocs = testing.AllocsPerRun(200, func() { _, _ = v.Verify(context.Background(), refused) })
	assert.LessOrEqual(t, allocs, 1.0, "a token of no shape")
}

// Long answers must not fill the memory: entries are bounded in bytes, too.
func TestMemoryIsBoundedInBytes(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	e := always(200, activeAnswer(map[string]any{"x": strings.Repeat("x", 60<<10)}))
	i := newIntrospector(t, e, func(c *introspection.Config) { c.CacheEntries, c.UnknownPerSecond = 1000, 100_000 })
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range 1000 {
		_, err := introspect(t, i, guess(n))
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	assert.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(8<<20))
	assert.Less(t, i.Status().Entries, 100)
	assert.Positive(t, i.Status().Entries)
}

func BenchmarkRemembered(b *testing.B) {
	v := newVerifier(b, newIntrospector(b, knowing(goodToken)))
	_, err := v.Verify(b.Context(), goodToken)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = v.Verify(b.Context(), goodToken)
	}
}

func BenchmarkRememberedParallel(b *testing.B) {
	v := newVerifier(b, newIntrospector(b, knowing(goodToken)))
	_, err := v.Verify(b.Context(), goodToken)
	require.NoError(b, err)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			_, _ = v.Verify(context.Background(), goodToken)
		}
	})
}

func BenchmarkInactive(b *testing.B) {
	v := newVerifier(b, newIntrospector(b, knowing()))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = v.Verify(b.Context(), goodToken)
	}
}
