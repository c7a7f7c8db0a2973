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
	switch len(caches) {
	case 0:
		<-ctx.Done()
		return ctx.Err()
	case 1:
		return caches[0].Run(ctx) // which wakes up less often
	}
	for _, c := range caches {
		c.running.Add(1)
		defer c.running.Add(-1)
	}
	r := runner{caches: caches}
	tick := time.NewTicker(runTick)
	defer tick.Stop()
	for ctx.Err() == nil {
		if r.startDue() {
			tick.Reset(runTick)
		} else {
			tick.Reset(runBusyTick)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// A runner starts the fetches of caches in turn. So those that fail again and again do not keep the
// others from their first one.
type runner struct {
	caches []*Cache
	next   int // the one to begin with
}

// startDue starts the fetches that are due, and reports whether it could start all of them.
func (r *runner) startDue() bool {
	room := runFetches
	for _, c := range r.caches {
		if c.isFetching() {
			room--
		}
	}
	n := len(r.caches)
	for i := range n {
		at := (r.next + i) % n
		if c := r.caches[at]; !c.isFetching() && c.current.Load().untilDue(c.now()) == 0 {
			if room <= 0 {
				r.next = at
				return false
			}
			c.startDue(c.current.Load(), c.now())
			room--
		}
	}
	return true
}

// isFetching reports whether a fetch is under way that was not cut off by a freeze.
func (c *Cache) isFetching() bool {
	f := c.current.Load().fetch
	return f != nil && !f.older(c.now(), abandonAfter+maxSlotWait)
}
