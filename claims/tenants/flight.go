package tenants

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

const (
	maxLookups    = 64   // at once
	maxFlights    = 1024 // look-ups that are under way or wait for their turn
	lookupTimeout = 5 * time.Second
)

// A flight is one look-up, which all requests for its issuer share.
type flight struct {
	iss string
	old *tenant // what is remembered, but not current; nil if nothing is
	// isRenewal says that old is a tenant.
	isRenewal bool
	forgets   uint64 // Resolver.forgets when it began
	// forgotten says that Forget was called meanwhile. It is set before done is closed, with
	// Resolver.mu held.
	forgotten bool

	done  chan struct{} // closed when the fields below are set
	found *tenant
	err   error
}

// run looks an issuer up. It runs on a goroutine that no server recovers.
func (r *Resolver) run(ctx context.Context, f *flight) {
	found, err := (*tenant)(nil), errPanicked
	defer func() { r.land(f, found, err) }() // also if Lookup ends the goroutine
	found, err = r.look(ctx, f)
}

// land tells the requests that wait for f, and remembers what was found.
func (r *Resolver) land(f *flight, found *tenant, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.found, f.err = found, err
	if !f.forgotten {
		delete(r.flights, f.iss)
		if err == nil {
			r.store.put(found)
		}
	}
	close(f.done)
}

// take waits for a slot, and returns a function that gives it back. Renewals of tenants have slots
// of their own, so that strangers cannot cause them to wait. Whether look-ups of other issuers are
// still allowed is asked again, because many can have waited.
func (r *Resolver) take(ctx context.Context, f *flight) (release func(found bool), err error) {
	slots := r.slots
	if f.isRenewal {
		slots = r.renewals
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, errSlow
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !f.isRenewal && !r.bucket.keep(time.Now()) {
		<-slots
		return nil, errTooMany
	}
	return func(found bool) {
		if !f.isRenewal {
			r.settle(found)
		}
		<-slots // last: the next look-up must find the place in the bucket that this one kept
	}, nil
}

func (r *Resolver) settle(found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bucket.settle(found)
}

// look waits for its turn and calls Lookup.
func (r *Resolver) look(ctx context.Context, f *flight) (found *tenant, err error) {
	release, err := r.take(ctx, f)
	if err != nil {
		return nil, err
	}
	isTenant := false
	defer func() { release(isTenant) }()
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			r.fail(errPanicked)
			found, err = nil, errPanicked
			r.logPanic(v)
		}
	}()
	r.lookups.Add(1)
	at := time.Now() // what is found can be as old as this
	defer func() { r.took.Add(int64(time.Since(at))) }()
	issuer, ok, err := r.lookup(ctx, f.iss)
	switch {
	case err != nil:
		r.fail(err)
		return nil, err // which counts like an issuer that is none: strangers can cause both
	case !ok:
		r.absent.Add(1)
		return &tenant{iss: f.iss, at: at, ttl: r.negativeTTL}, nil
	}
	// An application that compares more loosely than byte by byte has a tenant for each spelling
	// of its iss, and a stranger can write any number of them.
	isTenant = issuer.URL == f.iss
	found, err = r.admit(f, issuer)
	if err != nil {
		r.invalid.Add(1)
		r.warn(issuer.URL, err)
		return nil, err
	}
	r.found.Add(1)
	found.at, found.ttl = at, r.ttl
	return found, nil
}

// fail counts a look-up that has failed.
func (r *Resolver) fail(err error) {
	r.failed.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastError, r.lastErrorAt = err, time.Now()
}

// admit returns the tenant with this issuer. It keeps the Verifier if the settings are the same,
// so that remembered tokens stay, and the keys if their address is.
func (r *Resolver) admit(f *flight, issuer claims.Issuer) (*tenant, error) {
	if issuer.URL != f.iss {
		return nil, errOther
	}
	t := &tenant{iss: f.iss, settings: settingsOf(issuer), proven: new(atomic.Bool), forgets: f.forgets}
	if old := f.old; f.isRenewal {
		t.proven, t.cache = old.proven, old.cache
		if issuer.Err == nil && old.settings.isSame(t.settings) {
			t.verifier = old.verifier
			return t, nil
		}
		if issuer.Keys != nil || old.settings.jwksURL != issuer.JWKSURL {
			t.cache = nil
		}
	}
	complete := issuer
	if complete.Keys == nil {
		if err := t.makeCache(r.keys); err != nil {
			return nil, err
		}
		complete.Keys, complete.JWKSURL = t.cache, ""
	}
	complete.Validate = proving(func() { r.prove(t) }, t.proven, r.validate, issuer.Validate)
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{complete}, CacheEntries: -1})
	t.verifier = v
	return t, err
}

func (t *tenant) makeCache(keys jwks.Config) (err error) {
	if t.cache == nil {
		keys.Issuer, keys.URL = t.iss, t.settings.jwksURL
		t.cache, err = jwks.New(keys)
	}
	return err
}

// proving returns a hook that notes that a token was verified, and then calls those that are not
// nil. Hooks are called for nothing else.
func proving(prove func(), proven *atomic.Bool, hooks ...func(context.Context, *claims.Claims) error) func(context.Context, *claims.Claims) error {
	return func(ctx context.Context, c *claims.Claims) error {
		if !proven.Load() && proven.CompareAndSwap(false, true) {
			prove()
		}
		for _, hook := range hooks {
			if hook == nil {
				continue
			}
			if err := hook(ctx, c); err != nil {
				return err
			}
		}
		return nil
	}
}
