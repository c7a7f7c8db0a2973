// Command observability shows what an operator sees of a resource server, on good days and on
// bad ones. From the root of the repository:
//
//	go -C examples run ./observability
//
// The Timesheets API and its issuer run in this process, on loopback, under mixed load: good
// tokens, remembered and new, and expired, foreign, forged, malformed and missing ones.
// Meanwhile the issuer changes its key, a stranger makes up keys, and the issuer is down until
// its keys are too old. All periods of the key cache are scaled to -duration: what takes a day
// in production takes some seconds here.
//
// The figures are on /metrics of the address -metrics. With -prometheus, a Prometheus of this
// machine scrapes them and evaluates alerts.yml, and its address is printed. With -draw, the
// figures are drawn from what that Prometheus has stored.
//
// At the end, the program compares what the metrics count with what the clients got. It exits
// with 1 if the two differ, and with 2 if it could not start.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A config says how the program runs.
type config struct {
	duration    time.Duration
	workers     int
	metricsAddr string
	prometheus  string // the address of a Prometheus to start, or ""
	draw        string // the file to draw, or ""
}

func main() {
	c := config{metricsAddr: "127.0.0.1:9464"}
	flag.DurationVar(&c.duration, "duration", time.Minute, "how long to run; at least 6s")
	flag.IntVar(&c.workers, "workers", 8, "the number of clients; each sends 25 requests a second")
	flag.StringVar(&c.metricsAddr, "metrics", c.metricsAddr, "the address that serves /metrics")
	flag.StringVar(&c.prometheus, "prometheus", "", "the address on which to start a Prometheus, such as 127.0.0.1:9090")
	flag.StringVar(&c.draw, "draw", "", "the SVG to draw of the figures; needs -prometheus")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, c, os.Stdout))
}

func (c *config) check() error {
	var problems []error
	if c.duration < 6*time.Second {
		problems = append(problems, fmt.Errorf("-duration %v: it is less than 6s", c.duration))
	}
	if c.workers < 1 {
		problems = append(problems, fmt.Errorf("-workers %d: it is less than 1", c.workers))
	}
	if c.draw != "" && c.prometheus == "" {
		problems = append(problems, errors.New("-draw: it needs -prometheus"))
	}
	return errors.Join(problems...)
}

// run returns the exit code.
func run(ctx context.Context, c config, out io.Writer) int {
	if err := c.check(); err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	w, err := newWorld(c.duration/60, c.metricsAddr)
	if err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	defer w.close()
	fmt.Fprintln(out, "Prometheus can scrape", w.metricsURL)
	var m *monitor
	if c.prometheus != "" {
		if m, err = startMonitor(ctx, c.prometheus, w.metricsURL); err != nil {
			fmt.Fprintln(out, err)
			return 2
		}
		defer m.stop()
		fmt.Fprintf(out, "Prometheus shows them and their alerts: %[1]s and %[1]s/alerts\n", m.url)
	}
	fmt.Fprintln(out)
	s := perform(ctx, c, w, out)
	agree := w.compare(out)
	if m != nil {
		err = m.report(c, s, out)
	}
	if err != nil {
		fmt.Fprintln(out, err)
	}
	if !agree || err != nil {
		return 1
	}
	return 0
}
