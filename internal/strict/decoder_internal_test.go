package strict

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Hostile documents must not enlarge the pooled decoders.
func TestPooledDecodersStaySmall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one pool, so that all reads use the same decoder
	for rule, documents := range map[string][]string{
		"one long document":                          {`{"x":"` + strings.Repeat("x", 4<<20) + `"}`},
		"long documents that grow different levels":  nestedObjects(12_000),
		"short documents that grow different levels": nestedObjects(pooledBytes - 300),
	} {
		t.Run(rule, func(t *testing.T) {
			read := func(document string) {
				require.NoError(t, Members(document, func(Member) error { return nil }))
			}
			read(`{}`)
			before := liveHeap()
			for _, document := range documents {
				read(document)
				read(`{"a":{"small":[]}}`)
			}
			runtime.GC() // once: a second run would empty the pool, which a busy server never sees
			read(`{}`)
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			assert.Less(t, int64(stats.HeapAlloc)-before, int64(1<<20))
			runtime.KeepAlive(documents)
		})
	}
}

// nestedObjects returns documents of the given length with many names in the innermost
// object. Each document is less deep than the one before, so that the decoder keeps the memory
// of all of them.
func nestedObjects(length int) (documents []string) {
	for level := maxDepth - 1; level > 0; level-- {
		var names strings.Builder
		for n := 0; names.Len() < length-5*level-20; n++ {
			fmt.Fprintf(&names, `,"%x":0`, n)
		}
		documents = append(documents,
			strings.Repeat(`{"":`, level)+`{"x":0`+names.String()+"}"+strings.Repeat("}", level))
	}
	return documents
}

// liveHeap returns the size of the heap after two garbage collections. The second one empties
// the pools.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
