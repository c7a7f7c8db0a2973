package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func recorded(values ...[2]float64) *figures {
	f := &figures{}
	for _, v := range values {
		f.add([]round{{
			{Table: requestTable, Row: limitRow, Column: "RS256", Value: v[0]},
			{Table: requestTable, Row: "peer", Column: "RS256", Value: v[1], Allocs: int64(v[1])},
		}})
	}
	return f
}

var peer = cell{requestTable, "peer", "RS256"}

// Of ten rounds, the second best: the best may have been luck.
func TestGoodRounds(t *testing.T) {
	var rounds [][2]float64
	for n := range 11 {
		rounds = append(rounds, [2]float64{float64(100 - n), float64(200 + 10*n)})
	}
	f := recorded(rounds...)
	value, ok := f.value(peer)
	assert.True(t, ok)
	assert.Equal(t, 210.0, value)
	base := cell{requestTable, limitRow, "RS256"}
	value, _ = f.value(base)
	assert.Equal(t, 91.0, value)
	assert.Equal(t, int64(250), f.allocs(peer), "the median")
	assert.Equal(t, "×2.31", f.ratio(peer, base))
	_, ok = f.value(cell{requestTable, "nobody", "RS256"})
	assert.False(t, ok)
	f = &figures{}
	for n := range 11 {
		f.add([]round{{{Table: serverTable, Row: "peer", Value: float64(n)}}})
	}
	value, _ = f.value(cell{table: serverTable, row: "peer"})
	assert.Equal(t, 9.0, value, "of a server's requests in a second, more is better")
}

func TestRatios(t *testing.T) {
	base := cell{requestTable, limitRow, "RS256"}
	assert.Equal(t, "×2.00", recorded([2]float64{10, 20}).ratio(peer, base))
	assert.Equal(t, "×0.025", recorded([2]float64{1000, 25}).ratio(peer, base))
	assert.Equal(t, "×0.0002", recorded([2]float64{100_000, 20}).ratio(peer, base))
	assert.Equal(t, "–", recorded([2]float64{10, 20}).ratio(peer, cell{requestTable, "nobody", "RS256"}))
}

func TestNoiseIsTheLimitsMedian(t *testing.T) {
	assert.Equal(t, 0.5, recorded([2]float64{10, 1}, [2]float64{15, 5}, [2]float64{100, 9}).noise())
	assert.Zero(t, recorded([2]float64{10, 1}).noise())
	assert.Zero(t, new(figures).noise())
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
