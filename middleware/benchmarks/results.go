package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// A plan says what to run, and for how long.
type plan struct {
	program   string // the compiled tests of this module
	rounds    int
	benchtime string
	short     bool
}

// measure runs the benchmarks and copies their output to log. Each round is a process of
// its own, in which contenders follow each other closely. Growth is measured in one
// process, because a million tokens take a while to sign and to verify.
func (p plan) measure(ctx context.Context, log io.Writer) (*results, error) {
	r := &results{plan: p}
	for range p.rounds {
		if err := p.run(ctx, r, log, "Request|Refusal|AllCores|Server", 1); err != nil {
			return nil, err
		}
	}
	return r, p.run(ctx, r, log, "Tokens|Issuers|Keys|Scopes", p.rounds)
}

func (p plan) run(ctx context.Context, r *results, log io.Writer, benchmarks string, count int) error {
	command := exec.CommandContext(ctx, p.program, "-test.run=^$", "-test.bench=^Benchmark("+benchmarks+")$",
		"-test.benchtime="+p.benchtime, fmt.Sprint("-test.short=", p.short), fmt.Sprint("-test.count=", count))
	var output bytes.Buffer
	command.Stdout, command.Stderr = io.MultiWriter(&output, log), log
	if err := command.Run(); err != nil {
		return fmt.Errorf("benchmarks %s: %w", benchmarks, err)
	}
	return r.read(&output)
}

// A cell names one benchmark: Benchmark<table>/<key>=<row>/<key>=<column>.
type cell struct{ table, row, column string }

// results are the measurements of all rounds.
type results struct {
	plan
	machine string
	values  map[cell]map[string][]float64 // by unit, in the order of the rounds
	rows    map[string][]string           // by table
	columns map[string][]string
}

func (r *results) read(output io.Reader) error {
	reader := benchfmt.NewReader(output, "output")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			r.add(record)
		case *benchfmt.SyntaxError:
			return record
		}
	}
	return reader.Err()
}

func (r *results) add(record *benchfmt.Result) {
	if r.values == nil {
		r.values = make(map[cell]map[string][]float64)
		r.rows, r.columns = make(map[string][]string), make(map[string][]string)
	}
	r.machine = fmt.Sprintf("%s/%s, %s", record.GetConfig("goos"), record.GetConfig("goarch"), record.GetConfig("cpu"))
	base, parts := record.Name.Parts()
	var names [2]string
	for n := range min(len(parts), len(names)) {
		_, value, _ := strings.Cut(string(parts[n]), "=") // the last part may be GOMAXPROCS, without a "="
		names[n] = strings.ReplaceAll(value, "_", " ")
	}
	at := cell{string(base), names[0], names[1]}
	if r.values[at] == nil {
		r.values[at] = make(map[string][]float64)
	}
	for _, v := range record.Values {
		r.values[at][v.Unit] = append(r.values[at][v.Unit], v.Value)
	}
	r.rows[at.table] = appendNew(r.rows[at.table], at.row)
	r.columns[at.table] = appendNew(r.columns[at.table], at.column)
}

func appendNew(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

// The units of the benchmarks.
const (
	seconds = "sec/op"
	bytesOp = "B/op"
	allocs  = "allocs/op"
	hits    = "hit-%"
	heap    = "heap-B/token"
)

// median returns the median of all rounds, or 0 if there is none.
func (r *results) median(at cell, unit string) float64 { return median(r.values[at][unit]) }

// ratio returns the median of the ratios of two times in the same round, or 0 if there is
// none.
func (r *results) ratio(at, base cell) float64 {
	times, bases := r.values[at][seconds], r.values[base][seconds]
	ratios := make([]float64, min(len(times), len(bases)))
	for n := range ratios {
		ratios[n] = times[n] / bases[n]
	}
	return median(ratios)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, 0.95).Center
}
