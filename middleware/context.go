package middleware

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/contextkey"
)

// rememberedFor is how long a request does not ask the Verifier again. It covers the layers
// around a handler. A key that is blocked or removed, and a revocation, count after it.
const rememberedFor = time.Second

// A verified is the context of a request that a Middleware let through. It carries the
// claims, and remembers which Middleware verified which Authorization value. So
// auth.Handler around a router and auth.RequireScopes on a route verify a token once.
//
// It is a context type, because two context values would cost more allocations for every
// request.
type verified struct {
	context.Context

	by            *Middleware
	authorization string // the whole field value
	transport     string
	proof         proofKey       // of the DPoP proof
	certificate   claims.Proof   // that has confirmed the token, or nil
	nonce         string         // for the answer; see Middleware.renewNonce
	claims        *claims.Claims // nil for a request without a token, on an optional route
	at            time.Time      // when by last found the token valid
	proofs        []claims.Proof // confirmations; nil if the request had no proofs

	guard  *Guard    // the innermost one that asked for scopes or an authentication, or nil
	outer  *verified // has the next guard outwards
	layers int       // guards, this one included

	reported reported // while the request runs; it is not copied
}

// copy returns a copy for another context of the same request.
func (v *verified) copy() *verified {
	return &verified{
		by: v.by, authorization: v.authorization, transport: v.transport, proof: v.proof, certificate: v.certificate,
		nonce: v.nonce, claims: v.claims, at: v.at, proofs: v.proofs,
		guard: v.guard, outer: v.outer, layers: v.layers,
	}
}

type verifiedKey struct{}

// verifiedIn returns what ctx remembers of its request, or nil.
func verifiedIn(ctx context.Context) *verified {
	v, _ := ctx.Value(verifiedKey{}).(*verified)
	return v
}

// own returns v, or the nearest one around it, that m has made; or nil. Between them are those
// of other Middlewares.
func (m *Middleware) own(v *verified) *verified {
	for v != nil && v.by != m {
		v = verifiedIn(v.Context)
	}
	return v
}

// Value returns v itself for the key of this package, and the claims for the key of package
// claims. An inner verified hides the outer ones.
func (v *verified) Value(key any) any {
	switch {
	case key == verifiedKey{}:
		return v
	case key == askingKey{}: // a policy that calls a protected handler
		return nil
	case key == contextkey.Claims{}:
		return v.claims
	}
	return v.Context.Value(key)
}

// An asking is the context for a function of the application that decides: see askAll. It is a
// verified under another type, so that it costs no memory.
type asking verified

type askingKey struct{}

// forPolicy returns ctx with a value for askingKey.
func forPolicy(ctx context.Context) context.Context {
	if v, ok := ctx.(*verified); ok {
		return (*asking)(v)
	}
	return context.WithValue(ctx, askingKey{}, true)
}

// Value returns true for askingKey, and for other keys what v returns.
func (a *asking) Value(key any) any {
	if key == (askingKey{}) {
		return true
	}
	return (*verified)(a).Value(key)
}

// Format is that of a verified.
func (a *asking) Format(f fmt.State, verb rune) { (*verified)(a).Format(f, verb) }

// Format prints a fixed text for every verb, because v holds the token and contexts are
// easily logged.
func (v *verified) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "middleware.verified") }

// memoryOf returns v if it is what m has already found out about the request, or else nil. The
// token, and what confirmed it, must be the same (see isSame): a handler may pass its context on
// with another token, or to the Middleware of another API.
//
// A request that was let through without proofs says nothing about one with proofs.
func (m *Middleware) memoryOf(v *verified, request Request) *verified {
	if v == nil || v.by != m || v.claims == nil || !m.isSame(v, request) {
		return nil
	}
	if len(request.Proofs) > 0 && v.proofs == nil {
		return nil
	}
	return v
}

// counts reports whether the token need not be verified again at that time. From its exp
// on, it must be.
func (v *verified) counts(now time.Time) bool {
	if exp := v.claims.ExpiresAt(); !exp.IsZero() && !now.Before(exp) {
		return false
	}
	// By both clocks: one can stop while the machine sleeps, the other can be set.
	age, wallAge := now.Sub(v.at), now.Round(0).Sub(v.at.Round(0))
	return age < rememberedFor && wallAge >= 0 && wallAge < rememberedFor
}

// carrying returns ctx with what v remembers. It replaces an equal memory instead of adding
// to it: a handler may check a request again for hours.
func carrying(ctx context.Context, v *verified) context.Context {
	if old, ok := ctx.(*verified); ok && old.by == v.by && old.authorization == v.authorization {
		ctx = old.Context
	}
	v.Context = ctx
	return v
}

// anonymous returns ctx without claims, and whether the result is another context. Claims
// that an outer handler has put into ctx are masked. An observer must know that the request was
// let through. A memory of just this is not repeated: see carrying.
func (m *Middleware) anonymous(ctx context.Context, request Request) (context.Context, bool) {
	if old, ok := ctx.(*verified); ok && old.claims == nil && (old.by == m || m.observe == nil) {
		return ctx, false
	}
	if m.observe != nil {
		return &verified{Context: ctx, by: m, transport: request.Transport}, true
	}
	if _, ok := claims.FromContext(ctx); !ok && verifiedIn(ctx) == nil {
		return ctx, false
	}
	return &verified{Context: ctx}, true
}
