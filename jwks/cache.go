package jwks

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A Cache is the key set of one issuer, kept current. It implements [claims.KeySet].
//
// Make one with [New]. There is nothing to close. Its methods are safe for concurrent use.
//
// The words below are those of RFC 9111 (fresh, age) and RFC 5861 (stale-while-revalidate,
// stale-if-error).
//
// # States
//
//	state                   age                    what requests get
//	cold                    no set yet             join a fetch, or an error during backoff
//	fresh                   under RefreshAfter     the set
//	stale-while-revalidate  then, for              the set; one refresh runs behind
//	                        StaleWhileRevalidate
//	stale-if-error          then, up to MaxStale   one shared refresh, at most 3 s from its
//	                                               beginning; while an outage is presumed,
//	                                               the old set at once
//	exhausted               MaxStale and more      as cold
//
// A set's age counts from the start of the fetch that last delivered or confirmed it. The
// larger of the wall-clock and monotonic ages is used, so a set is not fresh after a
// suspend. If the wall clock was set back by more than 5 s, the set is stale at best.
//
// A scheduled fetch that fails presumes an outage, until the next one has been overdue for
// RefreshAfter: then the server was idle, and nothing is known of the issuer. While an outage
// is presumed, the request that starts a due refresh waits for its first answer, at most 0.5
// seconds, so that a process that runs only while it serves requests completes its fetches.
//
// A token with an unknown alg and kid causes one forced fetch, which all such tokens share,
// and is looked up again. The error is [claims.ErrUnknownKey] only if the latest fetch
// succeeded, began at most 10 s ago and lacks the key, or if no fetch could help. Otherwise it
// is a [*claims.UnavailableError]: an outage is never reported as a bad token.
//
// # Numbers
//
//	RefreshAfter           15 minutes, less up to 10 % at random; at most 1 hour.
//	                       Cache-Control: max-age less Age replaces it, but never below
//	                       5 minutes or above 1 hour, before the 10 % are taken off
//	StaleWhileRevalidate   45 minutes
//	MaxStale               24 hours
//	FetchLimit             16 fetches in flight
//	a request waits        at most 3 seconds in all
//	a fetch takes          at most 5 seconds, with discovery and retries, once it has a
//	                       place in the FetchLimit
//	retries of a fetch     2, after 0.1 to 0.9 seconds, on network errors, 5xx, 408 and 429;
//	                       a Retry-After lengthens the pause; none if it is forced, or if
//	                       it is scheduled and no request can be served
//	forced fetches         3 at once, then 1 per 10 seconds; failures count too. A 429 or
//	                       503 with Retry-After pauses them, for at most 60 seconds
//	backoff                1 second to 5 minutes, doubling, with full jitter; at most 5
//	                       seconds if cold or exhausted. A longer Retry-After replaces it,
//	                       with up to a fifth more at random: at most 5 minutes in all, 72
//	                       seconds if cold or exhausted
//	a document             512 KiB after decompression, 256 keys, kids of 256 bytes; 64 KiB
//	                       of header
//	discovery              is read again after 24 hours, after a failure, and when the
//	                       jwks_uri answers 404 or 410, while the key set is asked for
//	                       where it was; by a forced fetch only if the address is unknown
//
// A RefreshAfter under 15 minutes lowers the bounds of max-age and the default of
// StaleWhileRevalidate in proportion.
//
// Scheduled fetches send Cache-Control: max-age=10, so that a shared HTTP cache cannot hide a
// removal, and are conditional (ETag, Last-Modified) while the document was delivered at
// most 45 minutes ago. Forced fetches and [Cache.Refresh] send no-cache and no condition.
// Where a firewall refuses the field, a scheduled fetch repeats the request without it. A
// forced fetch fails, and the next one asks with less.
//
// # Fleets
//
// Requests to the issuer per second, of replicas that find their key set by discovery and
// started at the same moment. They are busy, or call [Cache.Run]. The issuer answers after 50
// ms, and with 503 in an outage.
//
//	                                1        100    1,000   busiest second of 1,000
//	quiet                           0.0011   0.11   1.1     24
//	rotation, seen within 10 s      0.1      10     100     125
//	restart, all at once            2        200    2,000   2,000
//	outage, warm, first 5 minutes   0.11     11     110     350
//	outage, warm, later             0.026    2.6    26      60
//	outage, cold                    0.33     33     330     370
//
// A rotation costs one request of each replica, and a restart two. Cold replicas see the end of
// an outage within 5 seconds, warm ones within 5 minutes.
//
// # Promises
//
// Each has tests: go test -run P1 ./jwks, and so on.
//
//   - P1: No request waits for a refresh while the set is fresh or stale-while-revalidate
//     and has the request's key.
//   - P2: Concurrent requests with unknown kids share one forced fetch, which is one HTTP
//     request once the address of the key set is known. There are at most 3 at once and 1
//     per 10 s after that.
//   - P3: An outage shorter than MaxStale is invisible to tokens of known keys. It adds at most
//     one wait of 3 s, one more after each rest of more than RefreshAfter beyond the backoff,
//     and a wait of at most 0.5 s for one request per backoff; with [Cache.Run], nothing.
//     MaxStale counts from the last success, and a server without requests makes no fetch.
//   - P4: A published new kid is accepted on its first use if a forced fetch is left and the
//     issuer answers within 3 s. Otherwise it is accepted within 10 s, or after the pause that
//     the issuer asked for. In a set without kids, a new key waits for the next scheduled refresh.
//   - P5: A removed key is refused after one freshness period plus StaleWhileRevalidate, while
//     the issuer answers within 3 s with a usable key: by default 1 h, at most 1 h 45 min with a long
//     max-age. It is refused 20 minutes after the last scheduled fetch that failed, if that is
//     later: 5 of backoff, and RefreshAfter. This holds on servers that idle; on servers that
//     are frozen between requests, if the issuer answers within 0.5 s; behind shared caches
//     that obey request directives. [Cache.Block] refuses a key at once.
//   - P6: New makes no request and starts no goroutine. Nothing must be closed. No goroutine
//     outlives its fetch.
//   - P7: A waiting request leaves when its context ends, or after 3 s. It never cancels the
//     fetch it shares.
//
// Not promised: new material under an old kid, which OpenID Connect Core 10.1.1 forbids, is
// noticed by the next scheduled refresh, as is a skipped key that is mended under its kid. A
// jwks_uri that moves while the old address still answers is noticed within about a day.
//
// # In an emergency
//
// A private key has leaked: call [Cache.Block] with its kid in every process, and in each that
// starts later, unless its Seed was stored after the Block. The issuer
// removed a key and an hour is too long: call [Cache.Refresh] in every process. The issuer
// publishes nothing usable: the last good set serves until MaxStale, and [Cache.Status] says
// why; only processes that start meanwhile need a Seed. A published key is not accepted:
// look at Status().Skipped.
//
// # What to watch
//
// [Cache.Status] makes no request, so a dashboard can ask it often. Look at it when State is
// cold or exhausted, and before UsableUntil: LastError, LastStatus and Failures say what the
// issuer does. UnknownKeysUnfetched grows fast in a flood of tokens with made-up kids, and
// where the issuer signs with a key that it does not publish. Tokens that seem expired, or not
// valid yet, can be a ClockDifference.
//
// Config.Logger gets each change, and a reminder of an outage each hour. Config.OnFetch is for
// metrics, and Config.OnWait for traces.
//
// # Addresses
//
// Keys come over https; http is for a configured address on loopback or in InsecureHTTPHosts.
// Redirects are followed only with AllowRedirects, to the same host and port. A jwks_uri on
// another host than the issuer's is dialled on public addresses only, unless PrivateHosts
// names the host. A proxy resolves names itself, so behind one this rule covers only IP
// addresses in URLs. No issuer and no address is ever taken from a token.
type Cache struct {
	clock
	issuer  string // Config.Issuer
	source  *source
	limit   *FetchLimit
	log     eventLog
	store   store
	onFetch func(cause, result string, took time.Duration)
	onWait  func(context.Context) func(error)
	running atomic.Int32  // calls of Run under way
	wake    chan struct{} // tells Run that a fetch has ended; holds one message

	current atomic.Pointer[snapshot] // loaded without a lock, replaced with mu held

	// mu makes loading the snapshot, deciding and replacing it one step. It also guards
	// bucket and flood. It is never held across I/O or a caller's function.
	mu     sync.Mutex
	bucket bucket
	flood  flood

	misses misses
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
	cache := c.cache(clock{time.Now, rand.Float64})
	if !cache.source.client.Complete() {
		return nil, errors.New("jwks: invalid Config.WrapTransport: it returned nil")
	}
	return cache, nil
}

// A clock is what a cache takes from the world besides documents. Tests have their own.
type clock struct {
	now    func() time.Time
	random func() float64 // in [0, 1)
}

// cache returns the cache for a Config that is valid.
func (c Config) cache(own clock) *Cache {
	cache := &Cache{
		clock: own, issuer: c.Issuer, onFetch: c.OnFetch, onWait: c.OnWait,
		source: &source{client: c.fetchClient(own.random), stores: c.OnDocument != nil, clock: own},
		limit:  c.FetchLimit,
		log:    newEventLog(c, own.now),
	}
	cache.source.parse = c.parser()
	cache.wake = make(chan struct{}, 1)
	cache.store = store{onDocument: c.OnDocument, log: cache.log}
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
		cache.sow(first, c)
	}
	cache.current.Store(first)
	return cache
}

// sow puts the Seed into the first snapshot.
func (c *Cache) sow(first *snapshot, config Config) {
	says, document, err := readStored(bytes.Clone(config.Seed))
	if err != nil {
		c.log.badSeed(err)
		return
	}
	first.block = says.block() // also if no key of the Seed can be used any more
	began, stored := first.schedule.seedTime(c.now(), config.SeedTime, says.fetched())
	seed, err := newSeed(c.source.parse, document, began)
	if err != nil {
		c.log.badSeed(err)
		return
	}
	if c.source.stores {
		seed.document = document
	}
	first.serve(seed)
	c.store.last, c.store.at = storedDigest(document, first.block), stored
}

// Keys returns the keys for a token's alg and kid, at most four. The caller must not modify
// the slice. For a known key in a set that is fresh, or is being revalidated, it costs one
// atomic load and a map access.
//
// The error matches [claims.ErrUnknownKey] if the latest fetch succeeded, began at most 10 s
// ago and has no such key. It also matches, without a fetch, where a fetch cannot help: for
// an alg that no public key has, for a kid of more than 256 bytes or one that [Cache.Block]
// blocked, and where more than four keys fit. For a kid that only skipped keys have, the error
// also matches [claims.ErrUnusableKey], and says why the first of them is not used. Every other
// error is a [*claims.UnavailableError], which can wrap the error of ctx. Keys waits for at
// most 3 s.
func (c *Cache) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	s, now := c.current.Load(), c.now()
	state := s.state(now)
	if state == StateFresh || state == StateRevalidating {
		if keys, err := s.find(alg, kid); keys != nil || err != nil {
			if state == StateRevalidating {
				c.startDue(s, now)
			}
			if err != nil {
				c.misses.count(true)
			}
			return keys, err
		}
	}
	if !keyset.Supported(alg) || len(kid) > keyset.MaxKeyIDBytes {
		c.misses.count(true)
		return nil, keyset.ErrUnknownKey
	}
	w := newWaiter(alg, kid, s, now)
	keys, err := c.resolve(ctx, &w)
	if err != nil {
		// A scheduled fetch retries, asks without no-cache and reads discovery again, so it
		// can find what a forced fetch did not. Requests for unknown kids must start it too.
		c.revalidate()
	}
	w.leave(err)
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
		if err := f.wait(ctx, forever); err != nil {
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

// forever is the length of a wait that only its context or the end of a fetch bounds.
const forever = 100 * 365 * 24 * time.Hour

// Ready returns nil if a request for a known key would be served now.
//
// It does what such a request does: it can start or join a fetch, and waits for at most 3 s.
// The error is a [*claims.UnavailableError], which can wrap the error of ctx.
func (c *Cache) Ready(ctx context.Context) error {
	c.revalidate()
	w := newWaiter("", "", c.current.Load(), c.now())
	_, err := c.settle(ctx, &w)
	w.leave(err)
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
	c.running.Add(1)
	defer c.running.Add(-1)
	for ctx.Err() == nil {
		s, now := c.current.Load(), c.now()
		if f, _ := c.startDue(s, now); f != nil {
			_ = f.wait(ctx, forever)
			continue
		}
		c.sleep(ctx, min(s.untilDue(now), runPause))
	}
	return ctx.Err()
}

// sleep returns after d, when ctx ends, or when a fetch ends: the next one can be due earlier
// then.
func (c *Cache) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.wake:
	case <-ctx.Done():
	}
}
