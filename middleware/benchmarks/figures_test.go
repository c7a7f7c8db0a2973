package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func recorded(values ...[2]float64) *figures {
	f := &figures{}
	for _, v := range values {
		f.add([]pass{{
			{Table: requestTable, Row: limitRow, Column: "RS256", Value: v[0]},
			{Table: requestTable, Row: "peer", Column: "RS256", Value: v[1], Allocs: int64(v[1])},
		}})
	}
	return f
}

var peer = cell{requestTable, "peer", "RS256"}

func TestMedians(t *testing.T) {
	odd := recorded([2]float64{10, 20}, [2]float64{10, 1000}, [2]float64{10, 30})
	value, ok := odd.value(peer)
	assert.True(t, ok)
	assert.Equal(t, 30.0, value)
	assert.Equal(t, int64(30), odd.allocs(peer))
	value, _ = recorded([2]float64{10, 20}, [2]float64{10, 40}).value(peer)
	assert.Equal(t, 30.0, value, "of an even number: between the middle two")
	_, ok = odd.value(cell{requestTable, "nobody", "RS256"})
	assert.False(t, ok)
}

// In the second pass the machine was ten times slower: that is no difference between rows.
func TestRatiosAreWithinAPass(t *testing.T) {
	ratio, ok := recorded([2]float64{10, 20}, [2]float64{100, 200}, [2]float64{11, 22}).ratio(peer, limitRow)
	assert.True(t, ok)
	assert.Equal(t, 2.0, ratio)
	_, ok = recorded([2]float64{10, 20}).ratio(peer, "nobody")
	assert.False(t, ok)
}

func TestNoiseIsTheSpreadOfTheLimit(t *testing.T) {
	assert.Equal(t, 0.5, recorded([2]float64{10, 1}, [2]float64{9, 5}, [2]float64{14, 9}).noise())
	assert.Zero(t, recorded([2]float64{10, 1}).noise())
}

func TestNumbersAreReadable(t *testing.T) {
	for ns, want := range map[float64]string{
		8.04: "8.0 ns", 853.4: "853 ns", 1234: "1.23 µs", 35_180: "35.2 µs", 411_600: "412 µs", 4_532_800: "4,533 µs",
	} {
		assert.Equal(t, want, duration(ns))
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 10_000: "10,000", 1_234_567: "1,234,567"} {
		assert.Equal(t, want, thousands(n))
	}
}
