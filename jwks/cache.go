package jwks

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A Cache is the key set of one issuer, kept current. It implements [claims.KeySet].
//
// Make one with [New]. There is nothing to close. Its methods are safe for concurrent use.
type Cache struct {
	source     *source
	limit      *FetchLimit
	log        eventLog
	onDocument func([]byte)

	current atomic.Pointer[snapshot] // loaded without a lock, replaced with mu held

	// mu makes loading the snapshot, deciding and replacing it one step. It also guards
	// bucket. It is never held across I/O or a caller's function.
	mu     sync.Mutex
	bucket bucket
}

var _ claims.KeySet = (*Cache)(nil)

// New returns a cache for one issuer, or an error that reports every mistake in c.
//
// It makes no request and starts no goroutine. The first request for keys fetches them, or
// [Cache.Refresh] or [Cache.Run] do.
func New(c Config) (*Cache, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	cache := &Cache{
		source:     &source{client: c.fetchClient()},
		limit:      c.FetchLimit,
		log:        newEventLog(c),
		onDocument: c.OnDocument,
	}
	if cache.limit == nil {
		cache.limit = NewFetchLimit(defaultFetchLimit)
	}
	plan := newSchedule(c.RefreshAfter, c.StaleWhileRevalidate, c.MaxStale)
	first := &snapshot{schedule: &plan}
	if c.URL != "" {
		first.location.url = c.URL
	} else {
		cache.source.issuer = c.Issuer
	}
	if c.Seed != nil {
		seed, err := newSeed(c.Seed, time.Now())
		if err != nil {
			cache.log.badSeed(err)
		} else {
			first.serve(seed)
		}
	}
	cache.current.Store(first)
	return cache, nil
}

// Keys returns the keys for a token's alg and kid, at most four. The caller must not modify
// the slice. For a known key in a set that is fresh, or is being revalidated, it costs one
// atomic load and a map access.
//
// The error matches [claims.ErrUnknownKey] if the latest fetch succeeded, began at most 10 s
// ago and has no such key. It also matches, without a fetch, where a fetch cannot help: for
// an alg that no public key has, for a kid of more than 256 bytes or one that [Cache.Block]
// blocked, and where more than four keys fit. Every other error is a
// [*claims.UnavailableError], which can wrap the error of ctx. Keys waits for at most 3 s.
func (c *Cache) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	s, now := c.current.Load(), time.Now()
	state := s.state(now)
	if state == StateFresh || state == StateRevalidating {
		if keys, err := s.find(alg, kid); keys != nil || err != nil {
			if state == StateRevalidating {
				c.startDue(s, now)
			}
			return keys, err
		}
	}
	if !keyset.Supported(alg) || len(kid) > keyset.MaxKeyIDBytes {
		return nil, keyset.ErrUnknownKey
	}
	keys, err := c.resolve(ctx, newWaiter(alg, kid, s, now))
	if err != nil {
		// A scheduled fetch retries, asks without no-cache and reads discovery again, so it
		// can find what a forced fetch did not. Requests for unknown kids must start it too.
		c.revalidate()
	}
	return keys, err
}

// Refresh fetches the key set now, whatever its age, past HTTP caches and without backoff.
//
// It returns when a fetch that began after the call has ended. Concurrent callers share
// that fetch. Call it to have the keys before the first request, or after the issuer has
// removed a key.
//
// The error is a [*claims.UnavailableError], which can wrap the error of ctx; the fetch goes
// on then. A set that is in use stays in use.
func (c *Cache) Refresh(ctx context.Context) error {
	arrived := c.current.Load().begun
	for {
		f := c.startAsked()
		if err := f.wait(ctx, time.Now().Add(forever)); err != nil {
			return c.unavailable(err)
		}
		if f.seq <= arrived || f.kind != asked {
			continue
		}
		if f.err != nil {
			return c.unavailable(f.err)
		}
		return nil
	}
}

// forever is the deadline of a wait that only its context or the end of a fetch bounds.
const forever = 100 * 365 * 24 * time.Hour

// Ready returns nil if a request for a known key would be served now.
//
// It does what such a request does: it can start or join a fetch, and waits for at most 3 s.
// The error is a [*claims.UnavailableError], which can wrap the error of ctx.
func (c *Cache) Ready(ctx context.Context) error {
	c.revalidate()
	_, err := c.settle(ctx, newWaiter("", "", c.current.Load(), time.Now()))
	return err
}

// runPause is the longest sleep of Run. A timer does not count the time that a machine is
// suspended, but the age of the keys does.
const runPause = time.Minute

// Run keeps the key set current on a timer until ctx is done, and returns the error of ctx.
// It fetches at once if there is no set.
//
// A server with traffic does not need Run, because its requests start each refresh. On a
// server that idles for more than an hour, Run spares the next request a wait of at most
// 3 s, and MaxStale counts from the beginning of an outage.
func (c *Cache) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		s, now := c.current.Load(), time.Now()
		if f := c.startDue(s, now); f != nil {
			_ = f.wait(ctx, now.Add(forever))
			continue
		}
		sleep(ctx, min(s.untilDue(now), runPause))
	}
	return ctx.Err()
}

// sleep returns after d or when ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
