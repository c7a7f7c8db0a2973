package jwks

import (
	"context"
	"time"
)

const (
	// runTick is how often Run looks at its caches. It is shorter than runGrace, so that no
	// request waits for a refresh that Run is about to start.
	runTick = 500 * time.Millisecond
	// runBusyTick is how often it looks while caches wait for their turn.
	runBusyTick = 50 * time.Millisecond
	// runFetches is how many fetches Run lets be under way before it starts another one. The
	// FetchLimit bounds how many of them make requests.
	runFetches = 256
)

// Run keeps the key sets of several caches current until ctx is done, and returns the error of
// ctx. It does what [Cache.Run] does for one, with one goroutine for all of them: the caller's.
// Caches without a set are fetched at once, at most 256 at a time.
func Run(ctx context.Context, caches ...*Cache) error {
	for _, c := range caches {
		c.running.Add(1)
		defer c.running.Add(-1)
	}
	timer := time.NewTicker(runTick)
	defer timer.Stop()
	for ctx.Err() == nil {
		if startAll(caches) {
			timer.Reset(runTick)
		} else {
			timer.Reset(runBusyTick)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// startAll starts the fetches that are due, and reports whether it could start all of them.
func startAll(caches []*Cache) bool {
	underway, waiting := 0, []*Cache(nil)
	for _, c := range caches {
		switch s, now := c.current.Load(), c.now(); {
		case s.fetch != nil && !s.fetch.older(now, abandonAfter+maxSlotWait):
			underway++
		case s.fetch != nil || s.untilDue(now) == 0:
			waiting = append(waiting, c)
		}
	}
	room := min(max(runFetches-underway, 0), len(waiting))
	for _, c := range waiting[:room] {
		c.startDue(c.current.Load(), c.now())
	}
	return room == len(waiting)
}
