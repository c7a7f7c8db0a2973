package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// A Status describes a [Middleware] at one moment. It is a copy, and does not change.
type Status struct {
	_ [0]func() // written with field names

	// Issuers has an element for each configured issuer, with its URL as Issuer. The order is that
	// of the Config, or of the latest Replace. An issuer whose Keys are no jwks.Cache has nothing
	// else: its State is "". The Status method of an introspection.Introspector describes its
	// answers. Issuers is empty with a Config.Verifier that is no claims.Verifier.
	Issuers []jwks.Status

	// CacheEntries is how many tokens are remembered. CacheEvictions is how many were dropped to
	// make room, and CacheKeysGone because their key was gone.
	CacheEntries   int
	CacheEvictions uint64
	CacheKeysGone  uint64

	// Replaced counts the calls of Replace that took effect, the latest one at ReplacedAt.
	// ReplaceRefused counts those that returned an error and changed nothing. ReplaceError is the
	// error of the latest call, or nil if it took effect; it is for logs.
	Replaced, ReplaceRefused uint64

	ReplacedAt   time.Time
	ReplaceError error

	// DPoP and MTLS describe what checks the proofs of requests. They are nil without Config.DPoP
	// and Config.MTLS.
	DPoP *dpop.Status
	MTLS *mtls.Status
}

// replacements counts the calls of Replace.
type replacements struct {
	replaced, refused uint64
	at                time.Time
	err               error
}

// noteReplaced counts a call of Replace.
func (m *Middleware) noteReplaced(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.replacements.err = err; err != nil {
		m.replacements.refused++
		return
	}
	m.replacements.replaced++
	m.replacements.at = time.Now()
}

// Status describes the key sets, the cache of verified tokens, the calls of Replace, and the proofs
// of requests. It makes no request. Its cost grows with the number of issuers: it is for dashboards,
// not for requests.
func (m *Middleware) Status() Status {
	s := m.proofStatus()
	v, ok := m.verifier.(*claims.Verifier)
	if !ok {
		return s
	}
	s.CacheEntries, s.CacheEvictions, s.CacheKeysGone = v.CacheStatus()
	for url, keys := range v.Issuers() {
		var issuer jwks.Status
		if known, ok := keys.(interface{ Status() jwks.Status }); ok {
			issuer = known.Status()
		}
		issuer.Issuer = url
		s.Issuers = append(s.Issuers, issuer)
	}
	return s
}

// proofStatus returns what Status says about all but the issuers and their tokens.
func (m *Middleware) proofStatus() (s Status) {
	m.mu.Lock()
	r := m.replacements
	m.mu.Unlock()
	s.Replaced, s.ReplaceRefused, s.ReplacedAt, s.ReplaceError = r.replaced, r.refused, r.at, r.err
	if m.dpop != nil {
		s.DPoP = new(m.dpop.Status())
	}
	if m.mtls != nil {
		s.MTLS = new(m.mtls.Status())
	}
	return s
}

// Run keeps the keys of all issuers current until ctx is done, and returns the error of ctx. It
// uses one goroutine, the caller's, and fetches all keys at once when it begins:
//
//	go auth.Run(ctx)
//
// A server with traffic does not need Run: see [jwks.Cache.Run] for what it spares others. It
// runs key sets of type *jwks.Cache only, those of Config.Tenants not among them. Without any, it
// waits for the end of ctx.
func (m *Middleware) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		present, end := m.begin(ctx)
		_ = jwks.Run(present, m.keyCaches()...) // until ctx or the present issuers end
		end()
	}
	return ctx.Err()
}

func (m *Middleware) keyCaches() []*jwks.Cache {
	v, ok := m.verifier.(*claims.Verifier)
	if !ok {
		return nil
	}
	var caches []*jwks.Cache
	for _, keys := range v.Issuers() {
		if c, ok := keys.(*jwks.Cache); ok {
			caches = append(caches, c)
		}
	}
	return caches
}

// Ready returns nil if tokens of at least one issuer can be verified now. It is for a readiness
// probe: one issuer that fails must not take the API from the users of all others. Status tells
// them apart.
//
// Ready does what requests do: it can start or join fetches, and waits for at most 3 s, or
// until ctx ends. An issuer whose Keys have no Ready method, as static keys, is ready, and so is
// an issuer of opaque tokens only: its endpoint is not asked without a token. The error
// is a 503 [*Error] that wraps what is wrong with each issuer, at most 8 of them. It is for logs.
func (m *Middleware) Ready(ctx context.Context) error {
	v, ok := m.verifier.(*claims.Verifier)
	if !ok {
		return nil
	}
	var probes []probe
	for url, keys := range v.Issuers() {
		p, ok := keys.(readier)
		switch {
		case !ok:
			return nil
		case isUsable(keys) && p.Ready(ctx) == nil: // without a wait
			return nil
		}
		probes = append(probes, probe{url, p})
	}
	if probes == nil { // only tenants, whose issuers are not known yet
		return nil
	}
	return anyReady(ctx, probes)
}

type readier interface {
	Ready(ctx context.Context) error
}

type probe struct {
	issuer string
	readier
}

// ask asks one issuer. It runs on a goroutine that no server recovers: a Ready or ObserveWait
// that panics would end the process.
func (p probe) ask(ctx context.Context) (err error) {
	defer func() {
		if recover() != nil {
			err = errNotReady
		}
		if err != nil {
			err = fmt.Errorf("issuer %q: %w", p.issuer, err)
		}
	}()
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.Ready(ctx)
}

const errNotReady = detail("its Ready or Config.ObserveWait panicked")

func isUsable(keys claims.KeySet) bool {
	known, ok := keys.(interface{ Status() jwks.Status })
	if !ok {
		return false
	}
	state := known.Status().State
	return state == jwks.StateFresh || state == jwks.StateRevalidating
}

const (
	probeTimeout = 3 * time.Second
	maxProbes    = 64 // at a time
)

// anyReady returns nil once one of the probes succeeds. The goroutines end with ctx, which ends
// with anyReady. Only their waits end then, and not the fetches; no other probe begins.
func anyReady(ctx context.Context, probes []probe) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	questions, answers := make(chan probe, len(probes)), make(chan error, len(probes))
	for _, p := range probes {
		questions <- p
	}
	close(questions)
	for range min(len(probes), maxProbes) {
		go func() {
			for p := range questions {
				answers <- p.ask(ctx)
			}
		}()
	}
	var problems []error
	for range probes {
		err := <-answers // each Ready ends with ctx
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	return unavailable(claims.ErrKeysUnavailable, errors.Join(problems[:min(len(problems), maxListed)]...))
}
