// Command soak puts a resource server under load, and checks that it keeps the promises
// of the library. From the root of the repository:
//
//	go -C examples run ./soak -duration 60s
//
// A Timesheets API and its issuer run in this process, on loopback; the program calls
// nothing else. Half of the requests are good. The other half are hostile: forged,
// foreign, malformed, expired, oversized and abandoned ones, and ones with unknown keys.
// Meanwhile the issuer rotates and retires its keys, and fails in a different way in each
// outage. The program checks every answer:
//
//   - A token whose key the server has used is accepted until that key is retired, also
//     during an outage.
//   - A new key is accepted within 15 s of its publication, or of the end of the outage
//     in which it was published. A retired key is refused, at the latest after the window
//     of stale-while-revalidate, and never accepted again.
//   - Each hostile request is refused with the expected status. 503 is an answer only to
//     keys that the server cannot know, and no other 5xx occurs.
//   - The issuer receives no more requests than the schedule and the bound on forced
//     fetches allow, however many unknown keys there are.
//   - At the end, the heap has grown by at most 16 MiB and the number of goroutines by at
//     most 8.
//
// It prints a report. It exits with 1 if a check failed, and with 2 if it could not
// start. It ends after -duration, after -requests, or on an interrupt; it first finishes
// the current step, which takes less than half a minute.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// A config bounds the run.
type config struct {
	duration time.Duration
	requests int64 // at most, without those of the conductor
	workers  int

	wrap func(http.Handler) http.Handler // wraps the API; nil except in tests, which break the API
}

func main() {
	var c config
	flag.DurationVar(&c.duration, "duration", time.Minute, "how long to run")
	flag.Int64Var(&c.requests, "requests", 1_000_000, "the maximum number of requests")
	flag.IntVar(&c.workers, "workers", 8, "the number of concurrent clients; each pauses for 2ms between requests")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, c, os.Stdout))
}

// run returns the exit code.
func run(ctx context.Context, c config, out io.Writer) int {
	w, err := newWorld(c)
	if err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	defer w.close()
	r := soak(ctx, c, w)
	r.print(out)
	if len(r.problems()) > 0 {
		return 1
	}
	return 0
}

// soak runs the load and returns the report. It leaves no goroutine running.
func soak(ctx context.Context, c config, w *world) report {
	conductor := &conductor{w: w}
	start := time.Now()
	var before, after usage
	if conductor.begin() {
		before = w.usage(math.MaxInt)
		perform(ctx, c, conductor)
		after = w.usage(before.goroutines)
	}
	r := conductor.report()
	r.elapsed, r.before, r.after = time.Since(start), before, after
	w.tally.copyTo(&r)
	return r
}

// perform runs the workers while the conductor changes the issuer. It ends when ctx is
// done, when the duration is over, or when a worker has no requests left.
func perform(ctx context.Context, c config, conductor *conductor) {
	ctx, stop := context.WithTimeout(ctx, c.duration)
	defer stop()
	l := &load{w: conductor.w, done: make(chan struct{})}
	l.left.Store(c.requests)
	var workers sync.WaitGroup
	for n := range c.workers {
		workers.Go(func() {
			l.work(uint64(n))
			stop()
		})
	}
	conductor.conduct(ctx)
	close(l.done)
	workers.Wait()
}
