package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// A row is something that is done over and over, and measured beside the other rows of its
// contest.
type row struct {
	sample sample
	do     func(times int) error
	after  func(*sample) // says what else is known of a round; may be nil

	perTurn int // how often it is done in a turn; 0 until that is known
}

// A contest measures rows side by side. They take short turns, so that a change of the
// machine's pace meets all of them. Each turn begins after a collection, and is long enough
// for some more: a row pays for its own garbage, and for no other's.
type contest []*row

var errCancelled = errors.New("interrupted")

// round lets all rows take their turns, another one first each time, and returns a sample
// of each.
func (c contest) round(ctx context.Context, p plan, number int) (round, error) {
	spent, done := make([]time.Duration, len(c)), make([]int, len(c))
	for turn := range p.Turns {
		for i := range c {
			n := (i + turn + number) % len(c)
			if ctx.Err() != nil {
				return nil, errCancelled
			}
			took, err := c[n].turn(p.Turn)
			if err != nil {
				return nil, err
			}
			spent[n] += took
			done[n] += c[n].perTurn
		}
	}
	samples := make(round, len(c))
	for n, r := range c {
		samples[n] = r.sample
		samples[n].Value = float64(spent[n].Nanoseconds()) / float64(done[n])
		if r.after != nil {
			r.after(&samples[n])
		}
	}
	return samples, nil
}

// turn does it for about so long, and returns how long it took.
func (r *row) turn(length time.Duration) (time.Duration, error) {
	if r.perTurn == 0 {
		if err := r.prepare(length); err != nil {
			return 0, err
		}
	}
	runtime.GC()
	began := time.Now()
	err := r.do(r.perTurn)
	took := time.Since(began)
	if err != nil {
		return 0, r.failed(err)
	}
	return took, nil
}

// weighed is how many operations are done to see what one allocates.
const weighed = 100

// prepare finds out how often it can be done in a turn, and what it allocates. The first few
// times count for nothing: keys are fetched, pools are filled, tokens are remembered.
func (r *row) prepare(length time.Duration) error {
	if err := r.do(weighed); err != nil {
		return r.failed(err)
	}
	for times := 1; ; times *= 2 {
		began := time.Now()
		if err := r.do(times); err != nil {
			return r.failed(err)
		}
		if took := time.Since(began); took >= length/4 {
			r.perTurn = max(1, int(float64(times)*float64(length)/float64(took)))
			break
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := r.do(weighed); err != nil {
		return r.failed(err)
	}
	runtime.ReadMemStats(&after)
	r.sample.Allocs = int64(after.Mallocs-before.Mallocs) / weighed
	r.sample.Bytes = int64(after.TotalAlloc-before.TotalAlloc) / weighed
	return nil
}

func (r *row) failed(err error) error {
	return fmt.Errorf("%s, %s, %s: %w", r.sample.Table, r.sample.Row, r.sample.Column, err)
}
