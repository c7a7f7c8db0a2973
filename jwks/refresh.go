package jwks

import (
	"context"
	"time"
)

// A wait that only a context or the end of a fetch bounds.
const forever = 100 * 365 * 24 * time.Hour

// runPause is the longest that Run sleeps. A machine's suspension does not count as
// sleep for a timer, but it does for the keys.
const runPause = time.Minute

// Refresh fetches the key set now, whatever its age: from the issuer itself, past every
// HTTP cache on the way, and without regard to backoff. It returns when a fetch that
// began after the call has ended; all callers share it. Call it to have the keys before
// the first request, or after the issuer has withdrawn one.
//
// The error is a [*claims.UnavailableError], also around the error of ctx; the fetch
// goes on then. A set that is in use stays in use.
func (c *Cache) Refresh(ctx context.Context) error {
	arrived := c.view.Load().begun
	for {
		f := c.ask()
		if err := f.wait(ctx, time.Now().Add(forever)); err != nil {
			return c.unavailable(err)
		}
		if f.seq <= arrived || f.cause != causeAsked {
			continue
		}
		if f.err != nil {
			return c.unavailable(f.err)
		}
		return nil
	}
}

// Ready returns nil if a request for a known key would be served now. In doing so it
// does what such a request does: it may make or join a fetch, and waits for at most 3 s.
// The error is a [*claims.UnavailableError], also around the error of ctx.
func (c *Cache) Ready(ctx context.Context) error {
	c.revalidate()
	_, err := c.settle(ctx, newReader("", "", c.view.Load(), time.Now()))
	return err
}

// Run keeps the key set current on a timer until ctx is done, and returns ctx's error.
// It fetches at once if there is no set. A server with traffic does not need it: there
// the requests start each refresh, behind themselves. It spares a server that idles for
// more than an hour one wait of at most 3 s, and has MaxStale count from the beginning
// of an outage, not from the last request before it.
func (c *Cache) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		v, now := c.view.Load(), time.Now()
		if f := c.refresh(v, now); f != nil {
			_ = f.wait(ctx, now.Add(forever))
			continue
		}
		sleep(ctx, min(c.untilDue(v, now), runPause))
	}
	return ctx.Err()
}
