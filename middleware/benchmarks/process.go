package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// A part is what one process measures.
type part string

const (
	requestsPart part = "requests" // one process's rounds of everything but growth
	growthPart   part = "growth"   // all rounds of it: its tokens are dear to make
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

// A round is the samples of one time that everything was measured.
type round []sample

// gather measures everything. Rounds are spread over processes, so that where things
// happen to lie in memory differs.
func gather(ctx context.Context, p plan, progress io.Writer) (*figures, error) {
	f := &figures{}
	for n := range p.Processes {
		fmt.Fprintf(progress, "requests and servers: process %d of %d\n", n+1, p.Processes)
		rounds, err := inChild(ctx, p, requestsPart, progress)
		if err != nil {
			return nil, err
		}
		f.add(rounds)
	}
	fmt.Fprintln(progress, "growth")
	rounds, err := inChild(ctx, p, growthPart, progress)
	if err != nil {
		return nil, err
	}
	f.add(rounds)
	return f, nil
}

// inChild runs this program once more to measure a part. The plan goes in and the rounds
// come out as JSON.
func inChild(ctx context.Context, p plan, what part, progress io.Writer) ([]round, error) {
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
	var rounds []round
	if err := json.Unmarshal(output, &rounds); err != nil {
		return nil, fmt.Errorf("measuring %s: %w", what, err)
	}
	return rounds, nil
}

// asChild is the other end of inChild.
func asChild(ctx context.Context, what part, input io.Reader, output io.Writer) error {
	var p plan
	if err := json.NewDecoder(input).Decode(&p); err != nil {
		return err
	}
	rounds, err := measure(ctx, p, what)
	if err != nil {
		return err
	}
	return json.NewEncoder(output).Encode(rounds)
}

// measure measures a part in this process.
func measure(ctx context.Context, p plan, what part) ([]round, error) {
	switch what {
	case requestsPart:
		return measureRequests(ctx, p)
	case growthPart:
		return measureGrowth(ctx, p)
	}
	return nil, fmt.Errorf("no part %q", what)
}
