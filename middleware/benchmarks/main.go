// Command benchmarks measures the cost of protecting a handler with this library and
// with others: in one process and as servers on loopback, for good tokens and refused
// ones, and with more and more tokens, issuers, keys and scopes. It runs the benchmarks
// of this module and prints their results as Markdown tables.
//
//	go -C middleware/benchmarks run .          # about ten minutes, on an idle machine
//	go -C middleware/benchmarks run . -quick   # seconds; the numbers mean nothing
//	go -C middleware/benchmarks run . -issuers # only issuers at run time, in half a minute
//	go -C middleware/benchmarks run . -write   # also updates growth.svg and the figures in both READMEs
//
// The results themselves, for benchstat, go to standard error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "run each benchmark once: a test, not a measurement")
	write := flags.Bool("write", false, "update growth.svg and the figures in README.md and ../../README.md")
	issuers := flags.Bool("issuers", false, "measure issuers at run time only, in half a minute")
	rounds := flags.Int("rounds", 10, "`number` of rounds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *rounds < 1 {
		return errors.New("arguments are not allowed, and -rounds must be at least 1")
	}
	if *issuers {
		return reportIssuers(ctx, issuersAtRunTime(*quick), *write, stdout)
	}
	p := plan{rounds: *rounds, benchtime: "100ms"}
	if *quick {
		p = plan{rounds: 1, benchtime: "1x", short: true}
	}
	dir, err := os.MkdirTemp("", "benchmarks")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p.program = filepath.Join(dir, "benchmarks.test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-o", p.program, ".")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, output)
	}
	return p.report(ctx, *write, stdout, stderr)
}

// report measures, prints the tables, and writes them to files if asked to.
func (p plan) report(ctx context.Context, write bool, stdout, stderr io.Writer) error {
	r, err := p.measure(ctx, stderr)
	if err != nil {
		return err
	}
	text := r.markdown()
	if write {
		if err := errors.Join(allFigures.write(text), someFigures.write(r.summary()), r.drawGrowth("growth.svg")); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, text)
	return err
}
