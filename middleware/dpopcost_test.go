package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// proved returns requests with one token and a proof each.
func (b *dpopBench) proved(n int) []*http.Request {
	requests := make([]*http.Request, n)
	for i := range requests {
		requests[i] = b.request("DPoP "+b.token, b.proof(nil))
	}
	return requests
}

func TestAllocationsOfDPoP(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	b := newDPoPBench(t, dpop.Config{})
	h := b.auth.RequireScopes("read:example")(done)
	const runs = 200
	requests, n, w := b.proved(runs+2), 0, sink{http.Header{}}
	h.ServeHTTP(w, requests[runs+1])
	allocations := testing.AllocsPerRun(runs, func() {
		h.ServeHTTP(w, requests[n])
		n++
	})
	limit := testing.AllocsPerRun(runs, signatureCheck(t, b.key, b.proof(nil)))
	t.Logf("%v allocations, %v of them in the signature check", allocations, limit)
	assert.LessOrEqual(t, allocations, limit+30)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, b.request("DPoP "+b.token, b.proof(nil)))
	assert.Equal(t, http.StatusOK, answer.Code)
}

// A proof is new each time, so one signature check is the limit.
func BenchmarkDPoP(b *testing.B) {
	bench := newDPoPBench(b, dpop.Config{})
	b.Run("bare ES256 check", func(b *testing.B) {
		check := signatureCheck(b, bench.key, bench.proof(nil))
		b.ReportAllocs()
		for b.Loop() {
			check()
		}
	})
	b.Run("token seen before, new proof", func(b *testing.B) {
		h, w := bench.auth.RequireScopes("read:example")(done), sink{http.Header{}}
		requests := bench.proved(b.N + 1)
		h.ServeHTTP(w, requests[b.N])
		b.ReportAllocs()
		b.ResetTimer()
		for n := range b.N {
			h.ServeHTTP(w, requests[n])
		}
	})
}
