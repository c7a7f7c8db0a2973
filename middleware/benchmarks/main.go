// Command benchmarks measures what protecting a handler costs: with this library, with
// its peers, and as whole servers on loopback; and how that grows with tokens, issuers,
// keys and scopes. It prints tables in Markdown.
//
//	go -C middleware/benchmarks run .          # about seven minutes, on a quiet machine
//	go -C middleware/benchmarks run . -quick   # seconds; shows that everything works
//	go -C middleware/benchmarks run . -write   # also rewrites README.md and growth.svg
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"testing"
	"time"
)

func main() {
	testing.Init() // registers test.benchtime, which testing.Benchmark obeys
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

// A plan is how much to measure.
type plan struct {
	Quick bool

	Passes    int
	BenchTime time.Duration // of a row in a pass
	LoadTime  time.Duration // of a server in a pass

	// What grows, and how far.
	Tokens, Issuers, Keys, Scopes []int
	CachedTokens                  int // to weigh one
}

func fullPlan() plan {
	return plan{
		Passes: 6, BenchTime: 150 * time.Millisecond, LoadTime: 2 * time.Second,
		Tokens:  []int{10, 100, 1000, 10_000, 100_000, 1_000_000},
		Issuers: []int{1, 10, 100, 1000, 10_000}, Keys: []int{1, 10, 100, 1000}, Scopes: []int{1, 10, 50, 200},
		CachedTokens: 5000,
	}
}

// quickPlan takes seconds. Its numbers say that something was measured, not what it costs.
func quickPlan() plan {
	return plan{
		Quick: true, Passes: 1, BenchTime: 2 * time.Millisecond, LoadTime: 30 * time.Millisecond,
		Tokens: []int{10, 200}, Issuers: []int{1, 10}, Keys: []int{1, 10}, Scopes: []int{1, 10},
		CachedTokens: 200,
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, progress io.Writer) error {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(progress)
	quick := flags.Bool("quick", false, "measure everything for a moment, in one pass: a test, not a result")
	write := flags.Bool("write", false, "rewrite the figures in README.md, and growth.svg, in the current directory")
	passes := flags.Int("passes", fullPlan().Passes, "`number` of passes, each in a process of its own; tables show medians")
	child := flags.String("child", "", "for the program's own use: the `part` to measure by a plan on standard input")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *passes < 1 {
		return errors.New("it takes no arguments, and at least one pass")
	}
	if *child != "" {
		return asChild(ctx, part(*child), stdin, stdout)
	}
	p := quickPlan()
	if !*quick {
		p = fullPlan()
		p.Passes = *passes
	}
	return report(ctx, p, *write, stdout, progress)
}

func report(ctx context.Context, p plan, write bool, stdout, progress io.Writer) error {
	f, err := gather(ctx, p, progress)
	if err != nil {
		return err
	}
	text, err := f.markdown(ctx, p)
	if err != nil {
		return err
	}
	if write {
		if err := rewrite("README.md", text); err != nil {
			return err
		}
		if err := os.WriteFile("growth.svg", []byte(f.growthChart(p).SVG()), 0o644); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, text)
	return err
}
