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
	storeTable    table = "stores"

	refusalLimitTable table = "refusals' limit" // not shown by itself
	tokenTable        table = "tokens"
	issuerTable       table = "issuers"
	keyTable          table = "keys"
	scopeTable        table = "scopes"
	memoryTable       table = "memory"
)

// A cell is where in the tables a sample belongs.
type cell struct {
	table       table
	row, column string
}

// figures are the samples of all rounds.
type figures struct {
	samples map[cell][]sample
	rows    map[table][]string
	columns map[table][]string
}

func (f *figures) add(rounds []round) {
	if f.samples == nil {
		f.samples = make(map[cell][]sample)
		f.rows, f.columns = make(map[table][]string), make(map[table][]string)
	}
	for _, round := range rounds {
		for _, s := range round {
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

// value returns what is measured in a good round, and whether there is one: at the decile
// next to the best. Whoever else uses the machine makes most rounds slower, and not all rows
// alike, so medians would measure them, too.
func (f *figures) value(at cell) (float64, bool) {
	good := 0.1
	if at.table == serverTable {
		good = 0.9 // more is better
	}
	return f.quantile(at, good, func(s sample) float64 { return s.Value })
}

// relation returns how a cell's value relates to another's. ok is false if there is
// nothing to compare with.
func (f *figures) relation(at, base cell) (ratio float64, ok bool) {
	value, ok := f.value(at)
	other, compares := f.value(base)
	return value / other, ok && compares
}

// ratio writes a relation with two digits that count.
func (f *figures) ratio(at, base cell) string {
	ratio, ok := f.relation(at, base)
	switch {
	case !ok:
		return "–"
	case ratio >= 0.1:
		return fmt.Sprintf("×%.2f", ratio)
	case ratio >= 0.01:
		return fmt.Sprintf("×%.3f", ratio)
	}
	return fmt.Sprintf("×%.4f", ratio)
}

func (f *figures) allocs(at cell) int64 {
	v, _ := f.quantile(at, 0.5, func(s sample) float64 { return float64(s.Allocs) })
	return int64(v)
}

func (f *figures) bytes(at cell) int64 {
	v, _ := f.quantile(at, 0.5, func(s sample) float64 { return float64(s.Bytes) })
	return int64(v)
}

func (f *figures) cached(at cell) float64 {
	v, _ := f.quantile(at, 0.5, func(s sample) float64 { return s.Cached })
	return v
}

// quantile returns the sample that is larger than so large a share of the others.
func (f *figures) quantile(at cell, share float64, of func(sample) float64) (float64, bool) {
	samples := f.samples[at]
	if len(samples) == 0 {
		return 0, false
	}
	values := make([]float64, len(samples))
	for n, s := range samples {
		values[n] = of(s)
	}
	slices.Sort(values)
	return values[int(math.Round(share*float64(len(values)-1)))], true
}

// noise returns how much longer the bare signature check took in the median round than in a
// good one: it does the same each time, so that is the machine's doing.
func (f *figures) noise() float64 {
	worst := 0.0
	for _, column := range f.columns[requestTable] {
		at := cell{requestTable, limitRow, column}
		good, _ := f.value(at)
		if median, ok := f.quantile(at, 0.5, func(s sample) float64 { return s.Value }); ok {
			worst = max(worst, median/good-1)
		}
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
