package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A table names one of the report's tables.
type table string

const (
	requestTable  table = "request"
	refusalTable  table = "refusal"
	parallelTable table = "parallel"
	serverTable   table = "server"
	tokenTable    table = "tokens"
	issuerTable   table = "issuers"
	keyTable      table = "keys"
	scopeTable    table = "scopes"
	memoryTable   table = "memory"
)

// A cell is where in the tables a sample belongs.
type cell struct {
	table       table
	row, column string
}

// figures are the samples of all passes. A cell's n-th sample is of the n-th pass.
type figures struct {
	samples map[cell][]sample
	rows    map[table][]string
	columns map[table][]string
}

func (f *figures) add(passes []pass) {
	if f.samples == nil {
		f.samples = make(map[cell][]sample)
		f.rows, f.columns = make(map[table][]string), make(map[table][]string)
	}
	for _, pass := range passes {
		for _, s := range pass {
			at := cell{s.Table, s.Row, s.Column}
			f.samples[at] = append(f.samples[at], s)
			f.rows[s.Table] = appendNew(f.rows[s.Table], s.Row)
			f.columns[s.Table] = appendNew(f.columns[s.Table], s.Column)
		}
	}
}

func appendNew(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// value returns the median over the passes, and whether there is one.
func (f *figures) value(at cell) (float64, bool) {
	return f.median(at, func(_ int, s sample) float64 { return s.Value })
}

// ratio returns the median of the ratios to another row of the same table, column and
// pass, so that a pass in which the whole machine was slower changes nothing.
func (f *figures) ratio(at cell, base string) (float64, bool) {
	bases := f.samples[cell{at.table, base, at.column}]
	if len(bases) != len(f.samples[at]) {
		return 0, false
	}
	return f.median(at, func(n int, s sample) float64 { return s.Value / bases[n].Value })
}

func (f *figures) allocs(at cell) int64 {
	v, _ := f.median(at, func(_ int, s sample) float64 { return float64(s.Allocs) })
	return int64(math.Round(v))
}

func (f *figures) bytes(at cell) int64 {
	v, _ := f.median(at, func(_ int, s sample) float64 { return float64(s.Bytes) })
	return int64(math.Round(v))
}

func (f *figures) cached(at cell) float64 {
	v, _ := f.median(at, func(_ int, s sample) float64 { return s.Cached })
	return v
}

func (f *figures) median(at cell, of func(n int, s sample) float64) (float64, bool) {
	samples := f.samples[at]
	if len(samples) == 0 {
		return 0, false
	}
	values := make([]float64, len(samples))
	for n, s := range samples {
		values[n] = of(n, s)
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2, true
	}
	return values[middle], true
}

// noise returns by how much the bare signature check differed between passes at most, as
// a share of its median: it does the same each time, so that is the machine's doing.
func (f *figures) noise() float64 {
	worst := 0.0
	for _, column := range f.columns[requestTable] {
		at := cell{requestTable, limitRow, column}
		median, ok := f.value(at)
		if !ok {
			continue
		}
		byValue := func(a, b sample) int { return int(math.Copysign(1, a.Value-b.Value)) }
		spread := slices.MaxFunc(f.samples[at], byValue).Value - slices.MinFunc(f.samples[at], byValue).Value
		worst = max(worst, spread/median)
	}
	return worst
}

// duration writes nanoseconds with three digits that count.
func duration(ns float64) string {
	switch {
	case ns < 100:
		return fmt.Sprintf("%.1f ns", ns)
	case ns < 1000:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 10_000:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	case ns < 100_000:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return thousands(int(math.Round(ns/1e3))) + " µs"
}

// thousands groups digits.
func thousands(n int) string {
	text := fmt.Sprint(n)
	var groups []string
	for len(text) > 3 {
		groups = append(groups, text[len(text)-3:])
		text = text[:len(text)-3]
	}
	groups = append(groups, text)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}
