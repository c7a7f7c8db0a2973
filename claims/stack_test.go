package claims_test

import (
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
)

// An unsigned token of 2.7 KiB must not enlarge the stack of every connection that sends it. The
// decoder recurses once per level, and a stack keeps its size until the garbage collector halves
// it.
func TestC1NestingCostsAConnectionLittle(t *testing.T) {
	if claims.RaceEnabled {
		t.Skip("the race detector enlarges stacks")
	}
	const connections = 1500
	plain := memoryOf(t, connections, `{"x":"`+strings.Repeat("x", 2000)+`"}`)
	for rule, junk := range map[string]string{
		"arrays, as deep as allowed":  `{"x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
		"objects, as deep as allowed": strings.Repeat(`{"a":`, 31) + "{}" + strings.Repeat("}", 31),
		"arrays, deeper":              `{"x":` + strings.Repeat("[", 998) + strings.Repeat("]", 998) + `}`,
		"objects, deeper":             strings.Repeat(`{"a":`, 400),
	} {
		perConnection := (memoryOf(t, connections, junk) - plain) / connections
		t.Logf("%s: %d bytes a connection", rule, perConnection)
		assert.Less(t, perConnection, int64(16<<10), rule)
	}
}

// memoryOf returns the growth of stacks and heap while so many connections are open and each of
// them has sent an unsigned token with this text as header, and one with it as payload.
func memoryOf(t *testing.T, connections int, text string) int64 {
	t.Helper()
	v := verifierWith(t, -1, goodIssuer())
	tokens := []string{b64(text) + "." + b64(text) + ".AAAA", b64(goodHeader) + "." + b64(text) + ".AAAA"}
	var sent, closed sync.WaitGroup
	done := make(chan struct{})
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it would shrink the stacks
	before := stacksAndHeap()
	for range connections {
		sent.Add(1)
		closed.Go(func() {
			for _, token := range tokens {
				if _, err := v.Verify(t.Context(), token); err == nil {
					t.Error("junk was accepted")
				}
			}
			sent.Done()
			<-done
		})
	}
	sent.Wait()
	stacks := stacksAndHeap()
	close(done)
	closed.Wait()
	return stacks - before
}

func stacksAndHeap() int64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.StackInuse + stats.HeapAlloc)
}
