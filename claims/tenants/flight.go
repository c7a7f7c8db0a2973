package tenants

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

const (
	maxLookups    = 64   // at once
	maxFlights    = 1024 // look-ups that are under way or wait for their turn
	lookupTimeout = 5 * time.Second
	warnInterval  = 10 * time.Second
)

// A flight is one look-up, which all requests for its issuer share.
type flight struct {
	iss string
	old *tenant // what is remembered, but not current; nil if nothing is
	// forgotten says that Forget was called meanwhile. It is set before done is closed, with
	// Resolver.mu held.
	forgotten bool

	done  chan struct{} // closed when the fields below are set
	found *tenant
	err   error
}

// run looks an issuer up. It runs on a goroutine that no server recovers.
func (r *Resolver) run(ctx context.Context, f *flight) {
	found, err := r.look(ctx, f)
	r.mu.Lock()
	defer r.mu.Unlock()
	f.found, f.err = found, err
	if !f.forgotten {
		delete(r.flights, f.iss)
		if err == nil {
			r.store.put(found)
		}
	}
	if err == nil && found.verifier == nil {
		r.bucket.take(time.Now())
	}
	close(f.done)
}

// look waits for its turn and calls Lookup.
func (r *Resolver) look(ctx context.Context, f *flight) (found *tenant, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return nil, errSlow
	}
	defer func() {
		if recover() != nil {
			r.failed.Add(1)
			found, err = nil, errPanicked
		}
	}()
	r.lookups.Add(1)
	at := time.Now() // what is found can be as old as this
	issuer, ok, err := r.lookup(ctx, f.iss)
	switch {
	case err != nil:
		r.failed.Add(1)
		return nil, err
	case !ok:
		r.absent.Add(1)
		return &tenant{iss: f.iss, at: at, ttl: r.negativeTTL}, nil
	}
	found, err = r.admit(f, issuer)
	if err != nil {
		r.invalid.Add(1)
		r.warn(f.iss, err)
		return nil, err
	}
	found.at, found.ttl = at, r.ttl
	return found, nil
}

// admit returns the tenant with this issuer. It keeps the Verifier if the settings are the same,
// so that remembered tokens stay, and the keys if their address is.
func (r *Resolver) admit(f *flight, issuer claims.Issuer) (*tenant, error) {
	if issuer.URL != f.iss {
		return nil, errOther
	}
	t := &tenant{iss: f.iss, settings: issuer, proven: new(atomic.Bool)}
	if old := f.old; old != nil && old.verifier != nil {
		t.proven, t.cache = old.proven, old.cache
		if isSame(old.settings, issuer) {
			t.verifier = old.verifier
			return t, nil
		}
		if issuer.Keys != nil || old.settings.JWKSURL != issuer.JWKSURL {
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
	complete.Validate = proving(t.proven, r.validate, issuer.Validate)
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{complete}, CacheEntries: -1})
	t.verifier = v
	return t, err
}

func (t *tenant) makeCache(keys jwks.Config) (err error) {
	if t.cache == nil {
		keys.Issuer, keys.URL = t.iss, t.settings.JWKSURL
		t.cache, err = jwks.New(keys)
	}
	return err
}

// proving returns a hook that notes that a token was verified, and then calls those that are not
// nil. Hooks are called for nothing else.
func proving(proven *atomic.Bool, hooks ...func(context.Context, *claims.Claims) error) func(context.Context, *claims.Claims) error {
	return func(ctx context.Context, c *claims.Claims) error {
		if !proven.Load() {
			proven.Store(true)
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

// isSame reports whether two issuers decide alike about every token. Functions cannot be
// compared, so issuers with a Validate hook never do.
func isSame(a, b claims.Issuer) bool {
	if !isSameValue(a.Keys, b.Keys) || !isSameValue(a.Opaque, b.Opaque) {
		return false
	}
	a.Keys, b.Keys, a.Opaque, b.Opaque = nil, nil, nil, nil // others may be changing what is in them
	return reflect.DeepEqual(a, b)
}

func isSameValue(a, b any) bool {
	return a == nil && b == nil || a != nil && b != nil &&
		reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// warn logs that the settings of a tenant are not valid. Lookup has found the issuer, so it is
// not a stranger's text.
func (r *Resolver) warn(iss string, err error) {
	r.mu.Lock()
	now := time.Now()
	due := r.warned.IsZero() || now.Sub(r.warned) >= warnInterval
	if due {
		r.warned = now
	}
	r.mu.Unlock()
	if !due {
		return
	}
	logger := r.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.Warn("tenants: the settings of a tenant are not valid", "issuer", iss, "error", fmt.Sprint(err))
}
