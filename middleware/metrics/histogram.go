package metrics

import (
	"sync/atomic"
	"time"
)

const us, ms = time.Microsecond, time.Millisecond

// The upper bounds of the buckets. A remembered token takes some microseconds, a signature
// some tens of them, and a wait for keys up to 3 s. A fetch takes at most 5 s.
var (
	decisionBounds = [...]time.Duration{
		us, 2500 * time.Nanosecond, 5 * us, 10 * us, 25 * us, 50 * us, 100 * us, 250 * us,
		ms, 10 * ms, 100 * ms, time.Second, 5 * time.Second,
	}
	fetchBounds = [...]time.Duration{10 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms, time.Second, 2500 * ms, 5 * time.Second}
)

// A histogram counts durations. Its buckets are not cumulative; the last one used is for
// those above all bounds.
type histogram struct {
	buckets [len(decisionBounds) + 1]atomic.Uint64
	sum     atomic.Int64 // nanoseconds
}

func (h *histogram) observe(bounds []time.Duration, d time.Duration) {
	n := 0
	for n < len(bounds) && d > bounds[n] {
		n++
	}
	h.buckets[n].Add(1)
	h.sum.Add(int64(d))
}

// series returns what h has counted. Count is the sum of the buckets that were read, so the
// two agree although others go on counting.
func (h *histogram) series(bounds []time.Duration, values ...string) Series {
	s := Series{Values: values, Buckets: make([]uint64, len(bounds))}
	for n := range bounds {
		s.Count += h.buckets[n].Load()
		s.Buckets[n] = s.Count
	}
	s.Count += h.buckets[len(bounds)].Load()
	s.Sum = time.Duration(h.sum.Load()).Seconds()
	return s
}

func seconds(bounds []time.Duration) []float64 {
	list := make([]float64, len(bounds))
	for n, d := range bounds {
		list[n] = d.Seconds()
	}
	return list
}
