// Command benchmarks measures what protecting a handler costs: with this library, with
// its peers, and as whole servers on loopback; and how that grows with tokens, issuers,
// keys and scopes. It prints tables in Markdown.
//
//	go -C middleware/benchmarks run .          # about twelve minutes, on a quiet machine
//	go -C middleware/benchmarks run . -quick   # seconds; shows that everything works
//	go -C middleware/benchmarks run . -write   # also rewrites growth.svg and the figures in both READMEs
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
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

	Processes int
	Rounds    int           // in each of them
	Turns     int           // of each row in a round
	Turn      time.Duration // how long one takes
	Load      time.Duration // of a server in a round
	Weighings int           // of a cached token

	// What grows, and how far.
	Tokens, Issuers, Keys, Scopes []int
	CachedTokens                  int // to weigh one
	StoredTokens                  int // in all; a tenth of them have room in a store
}

func fullPlan() plan {
	return plan{
		Processes: 6, Rounds: 5, Turns: 1, Turn: 100 * time.Millisecond, Load: 400 * time.Millisecond, Weighings: 6,
		Tokens:  []int{10, 100, 1000, 10_000, 100_000, 1_000_000},
		Issuers: []int{1, 10, 100, 1000, 10_000}, Keys: []int{1, 10, 100, 1000}, Scopes: []int{1, 10, 50, 200},
		CachedTokens: 5000, StoredTokens: 100_000,
	}
}

// quickPlan takes seconds. Its numbers say that something was measured, not what it costs.
func quickPlan() plan {
	return plan{
		Quick: true, Processes: 1, Rounds: 1, Turns: 1, Turn: time.Millisecond, Load: 30 * time.Millisecond, Weighings: 1,
		Tokens: []int{10, 200}, Issuers: []int{1, 10}, Keys: []int{1, 10}, Scopes: []int{1, 10},
		CachedTokens: 200, StoredTokens: 200,
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, progress io.Writer) error {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	flags.SetOutput(progress)
	quick := flags.Bool("quick", false, "measure everything for a moment, once: a test, not a result")
	write := flags.Bool("write", false, "rewrite growth.svg and the figures in README.md, both in the current directory, and in ../../README.md")
	processes := flags.Int("processes", 0, "`number` of processes for all but growth; (default 6)")
	child := flags.String("child", "", "for the program's own use: the `part` to measure by a plan on standard input")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *processes < 0 {
		return errors.New("it takes no arguments, and no negative number of processes")
	}
	if *child != "" {
		return asChild(ctx, part(*child), stdin, stdout)
	}
	p := fullPlan()
	if *quick {
		p = quickPlan()
	}
	p.Processes = cmp.Or(*processes, p.Processes)
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
		if err := errors.Join(allFigures.write(text), someFigures.write(f.summary(p))); err != nil {
			return err
		}
		if err := os.WriteFile("growth.svg", []byte(f.growthChart(p).SVG()), 0o644); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, text)
	return err
}
