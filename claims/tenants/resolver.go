package tenants

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// A Resolver finds the issuers of tenants. [New] makes it. It is safe for concurrent use, and a
// tenant that is remembered is found without a lock or an allocation.
type Resolver struct {
	lookup           func(ctx context.Context, iss string) (claims.Issuer, bool, error)
	validate         func(ctx context.Context, c *claims.Claims) error // nil for none
	patterns         []pattern
	keys             jwks.Config // without an address
	ttl, negativeTTL time.Duration
	logger           *slog.Logger
	slots, renewals  chan struct{} // look-ups under way: of issuers that are not remembered, and of tenants

	mu               sync.Mutex // guards the fields below, and changes of store
	store            store
	flights          map[string]*flight
	bucket           bucket
	warned, panicked time.Time // when a line of this kind was logged
	forgets          uint64    // calls of Forget
	lastError        error     // of Lookup
	lastErrorAt      time.Time

	lookups, found, absent, failed, invalid, refused, slow atomic.Uint64

	took atomic.Int64 // nanoseconds, of all look-ups that have ended
}

// Resolve returns a Verifier with the issuer of the tenant that has this iss. It is for Tenants
// of middleware.Config, and for Resolve of [claims.Config].
//
// The error matches [claims.ErrIssuer] if there is no such tenant. Any other error means that it
// is not known: Lookup failed or took more than 3 seconds, ctx ended, the tenant's settings are
// not valid, or there are too many look-ups. errors.As finds a [*claims.UnavailableError] then.
func (r *Resolver) Resolve(ctx context.Context, iss string) (*claims.Verifier, error) {
	if t := r.store.find(iss); t != nil && t.isCurrent(time.Now()) {
		if !t.touched.Load() {
			t.touched.Store(true)
		}
		return t.answer()
	}
	if !slices.ContainsFunc(r.patterns, func(p pattern) bool { return p.matches(iss) }) {
		return nil, claims.ErrIssuer
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, errSlow)
	defer cancel()
	iss = strings.Clone(iss) // a part of the token would keep all of it
	for {
		t, f, err := r.findOrStart(ctx, iss)
		switch {
		case err != nil:
			return nil, r.unanswered(err)
		case t != nil:
			return t.answer()
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, r.unanswered(context.Cause(ctx))
		}
		switch {
		case f.forgotten: // what it found can be older than the call of Forget
		case f.err != nil:
			return nil, r.unanswered(f.err)
		default:
			return f.found.answer()
		}
	}
}

func (t *tenant) answer() (*claims.Verifier, error) {
	if t.verifier == nil {
		return nil, claims.ErrIssuer
	}
	return t.verifier, nil
}

// unanswered returns the error of a request that gets a 503, and counts why if Lookup did not fail.
func (r *Resolver) unanswered(err error) error {
	switch {
	case errors.Is(err, errTooMany):
		r.refused.Add(1)
	case errors.Is(err, errSlow):
		r.slow.Add(1)
	}
	return unavailable(err)
}

// unavailable hides what the application's error matches: it must not count as ErrIssuer.
func unavailable(err error) error { return failure(err.Error()) }

// A failure is the error of a look-up. It matches no other one.
type failure string

func (f failure) Error() string { return string(f) }

// As says when to try again. The failure itself is no UnavailableError, whose text is about keys.
func (f failure) As(target any) bool {
	unavailable, ok := target.(**claims.UnavailableError)
	if ok {
		*unavailable = &claims.UnavailableError{RetryAfter: retryAfter, Err: errors.New(string(f))}
	}
	return ok
}

const (
	maxWait    = 3 * time.Second
	retryAfter = time.Second
)

var (
	errSlow     = errors.New("tenants: the look-up took too long")
	errTooMany  = errors.New("tenants: too many look-ups")
	errPanicked = errors.New("tenants: Lookup panicked")
	errOther    = errors.New("tenants: Lookup returned an issuer with another URL")
)

// findOrStart returns the tenant if it is remembered by now. Otherwise it returns the look-up that
// is under way, or starts one.
func (r *Resolver) findOrStart(ctx context.Context, iss string) (*tenant, *flight, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flights[iss]; f != nil {
		return nil, f, nil
	}
	t, now := r.store.find(iss), time.Now()
	isTenant := t != nil && t.verifier != nil
	switch {
	case t != nil && t.isCurrent(now): // of a look-up that has just ended
		return t, nil, nil
	case !isTenant && (len(r.flights) >= maxFlights || r.bucket.isEmpty(now)):
		return nil, nil, errTooMany
	}
	f := &flight{iss: iss, old: t, isRenewal: isTenant, forgets: r.forgets, done: make(chan struct{})}
	r.flights[iss] = f
	go r.run(context.WithoutCancel(ctx), f) // ends with Lookup
	return nil, f, nil
}

// prove gives a tenant a place among those in use: a token of it was verified. One that was pushed
// out meanwhile comes back, unless Forget was called for any tenant since its look-up.
func (r *Resolver) prove(t *tenant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch found := r.store.find(t.iss); {
	case found == nil && t.forgets == r.forgets:
		r.store.put(t)
	case found != nil && found.proven == t.proven && found.in == &r.store.unproven:
		r.store.put(found)
	}
}

// Forget removes what is remembered of an issuer, except its keys. A request that begins after Forget
// has returned looks it up again: a look-up that began before does not count for it. Call it in
// every process when a tenant is removed or changed and TTL is too long.
func (r *Resolver) Forget(iss string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgets++
	if t := r.store.find(iss); t != nil {
		t.void.Store(true)
	}
	if f := r.flights[iss]; f != nil {
		f.forgotten = true
		delete(r.flights, iss)
	}
}

// Knows reports whether iss is a tenant that is remembered. It looks nothing up. It is for
// labels of logs and metrics, and says nothing about a token.
func (r *Resolver) Knows(iss string) bool {
	t := r.store.find(iss)
	return t != nil && t.verifier != nil
}
