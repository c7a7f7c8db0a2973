package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// A part is what one process measures.
type part string

const (
	requestsPart part = "requests" // one pass of everything but growth
	growthPart   part = "growth"   // all passes of it: its tokens are dear to make
)

// A sample is what was measured of one cell of a table.
type sample struct {
	Table  table
	Row    string
	Column string

	Value  float64 // nanoseconds an operation, requests per second or bytes, as the table says
	Allocs int64   // an operation
	Bytes  int64   // an operation
	Cached float64 // the share of requests that were answered from the verified-token cache
}

// A pass is the samples of one time that everything was measured.
type pass []sample

// gather measures everything. Each pass is a process of its own, so that where things
// happen to lie in memory differs.
func gather(ctx context.Context, p plan, progress io.Writer) (*figures, error) {
	f := &figures{}
	for n := range p.Passes {
		fmt.Fprintf(progress, "requests and servers: pass %d of %d\n", n+1, p.Passes)
		passes, err := inChild(ctx, p, requestsPart, progress)
		if err != nil {
			return nil, err
		}
		f.add(passes)
	}
	fmt.Fprintln(progress, "growth")
	passes, err := inChild(ctx, p, growthPart, progress)
	if err != nil {
		return nil, err
	}
	f.add(passes)
	return f, nil
}

// inChild runs this program once more to measure a part. The plan goes in and the passes
// come out as JSON.
func inChild(ctx context.Context, p plan, what part, progress io.Writer) ([]pass, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	input, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, "-child", string(what))
	command.Stdin, command.Stderr = bytes.NewReader(input), progress
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("measuring %s: %w", what, err)
	}
	var passes []pass
	if err := json.Unmarshal(output, &passes); err != nil {
		return nil, fmt.Errorf("measuring %s: %w", what, err)
	}
	return passes, nil
}

// asChild is the other end of inChild.
func asChild(ctx context.Context, what part, input io.Reader, output io.Writer) error {
	var p plan
	if err := json.NewDecoder(input).Decode(&p); err != nil {
		return err
	}
	passes, err := measure(ctx, p, what)
	if err != nil {
		return err
	}
	return json.NewEncoder(output).Encode(passes)
}

// measure measures a part in this process.
func measure(ctx context.Context, p plan, what part) ([]pass, error) {
	if err := flag.Set("test.benchtime", p.BenchTime.String()); err != nil {
		return nil, err
	}
	switch what {
	case requestsPart:
		samples, err := measureRequests(ctx, p)
		return []pass{samples}, err
	case growthPart:
		return measureGrowth(ctx, p)
	}
	return nil, fmt.Errorf("no part %q", what)
}

// timed runs a benchmark. failure is called after it and says what went wrong, if anything
// did: testing.Benchmark itself tells nobody.
func timed(s sample, benchmark func(b *testing.B), failure func() error) (sample, error) {
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		benchmark(b)
	})
	if err := failure(); err != nil {
		return s, fmt.Errorf("%s, %s, %s: %w", s.Table, s.Row, s.Column, err)
	}
	if result.N == 0 {
		return s, fmt.Errorf("%s, %s, %s: the benchmark did not run", s.Table, s.Row, s.Column)
	}
	s.Value = float64(result.T.Nanoseconds()) / float64(result.N)
	s.Allocs, s.Bytes = result.AllocsPerOp(), result.AllocedBytesPerOp()
	return s, nil
}
