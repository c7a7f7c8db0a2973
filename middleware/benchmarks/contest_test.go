package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var someTurns = plan{Turns: 3, Turn: time.Millisecond}

// The first time takes as long as five turns: it must not be taken for the usual.
func TestTurnsAreFilled(t *testing.T) {
	first, done := true, 0
	slowAtFirst := &row{do: func(times int) error {
		if first {
			for began := time.Now(); time.Since(began) < 5*someTurns.Turn; { // works, as a first request does
			}
			first = false
		}
		for range times {
			done++
		}
		return nil
	}}
	_, err := contest{slowAtFirst}.round(t.Context(), someTurns, 0)
	require.NoError(t, err)
	assert.Greater(t, slowAtFirst.perTurn, 1000)
	assert.GreaterOrEqual(t, done, 3*slowAtFirst.perTurn+2*weighed)
}

func TestRowsTakeTurns(t *testing.T) {
	var order []int
	var rows contest
	for n := range 3 {
		rows = append(rows, &row{perTurn: 1, do: func(int) error { order = append(order, n); return nil }})
	}
	for number := range 2 {
		_, err := rows.round(t.Context(), plan{Turns: 2}, number)
		require.NoError(t, err)
	}
	assert.Equal(t, []int{0, 1, 2, 1, 2, 0, 1, 2, 0, 2, 0, 1}, order, "another one first each time")
}

func TestRowsAreWeighed(t *testing.T) {
	var kept []byte
	r := &row{do: func(times int) error {
		for range times {
			kept = make([]byte, 64)
		}
		return nil
	}}
	samples, err := contest{r}.round(t.Context(), someTurns, 0)
	require.NoError(t, err)
	assert.Len(t, kept, 64)
	assert.EqualValues(t, 1, samples[0].Allocs)
	assert.EqualValues(t, 64, samples[0].Bytes)
	assert.Positive(t, samples[0].Value)
}

func TestContestEnds(t *testing.T) {
	broken := errors.New("broken")
	_, err := contest{{do: func(int) error { return broken }}}.round(t.Context(), someTurns, 0)
	require.ErrorIs(t, err, broken)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = contest{{do: func(int) error { return nil }}}.round(ctx, someTurns, 0)
	require.ErrorIs(t, err, errCancelled)
}
