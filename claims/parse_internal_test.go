package claims

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a stranger sends leaves nothing behind in the pool of readers, however it is nested.
func TestReadersPinNoMemory(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector empties pools")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one pool, whose reader is in use all the time
	for rule, documents := range map[string][]string{
		"a long one":                       {`{"x":"` + strings.Repeat("x", 4<<20) + `"}`},
		"long ones, each with another map": nestedObjects(12_000),
		"short ones, likewise":             nestedObjects(pooledBytes - 300),
	} {
		t.Run(rule, func(t *testing.T) {
			read := func(document string) {
				require.NoError(t, readObject(document, func(member) error { return nil }))
			}
			read(`{}`)
			before := liveHeap()
			for _, document := range documents {
				read(document)
				read(`{"a":{"small":[]}}`)
			}
			runtime.GC() // once: twice would empty the pool, as no busy server does
			read(`{}`)
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			assert.Less(t, int64(stats.HeapAlloc)-before, int64(1<<20))
			runtime.KeepAlive(documents)
		})
	}
}

// nestedObjects returns documents of that length with hundreds of names in the innermost
// object. Each is less deep than the one before, so that nothing of it replaces what the
// decoder has kept of the others.
func nestedObjects(length int) (documents []string) {
	for level := 840; level > 0; level -= 4 {
		var names strings.Builder
		for n := 0; names.Len() < length-5*level-20; n++ {
			fmt.Fprintf(&names, `,"%x":0`, n)
		}
		documents = append(documents,
			strings.Repeat(`{"":`, level)+`{"x":0`+names.String()+"}"+strings.Repeat("}", level))
	}
	return documents
}
