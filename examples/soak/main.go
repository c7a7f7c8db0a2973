// Command soak keeps a resource server under load for a while, and tells whether it kept
// the library's promises. From the root of the repository:
//
//	go -C examples run ./soak -duration 60s
//
// A Timesheets API and its issuer are served on loopback, in this process; nothing else
// is called. Half of the requests are good, the other half hostile: forged, foreign,
// malformed, expired, oversized and abandoned ones, and any number of unknown keys.
// Meanwhile the issuer rotates and retires its keys, and breaks in a different way each
// time. Every answer is judged:
//
//   - A token whose key the server has used is accepted, outages or not, until that key
//     is retired.
//   - A new key is accepted within 15 s of its publication, or of the end of the outage
//     it was published in; a retired one is refused after the window of
//     stale-while-revalidate at the latest, for good.
//   - No hostile request is accepted, and each is refused with the status that it should
//     be. 503 is for keys that cannot be known, and no other 5xx is for anything.
//   - The issuer has no more requests than the schedule and the bound on forced fetches
//     allow, however many unknown keys there were.
//   - Heap and goroutines at the end are what they were at the start, but for 16 MiB and
//     8 goroutines.
//
// It prints what happened. It exits with 1 if anything was otherwise, with 2 if it could
// not start. It ends with the -duration, the number of -requests, or an interrupt, after
// the step that is under way then, which takes less than half a minute.
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

// A config says how long and how hard.
type config struct {
	duration time.Duration
	requests int64 // at most, beside the conductor's own
	workers  int

	wrap func(http.Handler) http.Handler // around the API, if set: it shows that the judge is awake
}

func main() {
	var c config
	flag.DurationVar(&c.duration, "duration", time.Minute, "for how long")
	flag.Int64Var(&c.requests, "requests", 1_000_000, "at most so many requests")
	flag.IntVar(&c.workers, "workers", 8, "so many at once; each pauses for 2ms after a request")
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

// soak returns when all that it started has ended.
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

// perform has the workers make their requests while the conductor changes the issuer. The
// first to be through ends it.
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
