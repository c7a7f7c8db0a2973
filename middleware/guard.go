package middleware

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/bearerguard/bearerguard/claims"
)

// A Guard is one declared route: what a Middleware demands of a request to it. Most
// programs use [Middleware.Require] and [Middleware.RequireScopes] instead; a Guard is
// for adapters to other routers and other transports.
//
// It is made at set-up by [Middleware.Guard] and is safe for concurrent use.
type Guard struct {
	m        *Middleware
	policies []Policy
	optional bool // a request without a bearer token is let through
}

// Guard declares a route that needs a valid token and the consent of all the policies.
// Without policies any valid token will do. The Middleware remembers which scopes its
// Guards ask for, as [Middleware.ResourceMetadata] publishes no others.
func (m *Middleware) Guard(policies ...Policy) *Guard {
	if m == nil || m.verifier == nil {
		panic("middleware: a Middleware is made by New, which returned an error or was not called")
	}
	m.declare(policies)
	return &Guard{m: m, policies: slices.Clone(policies)}
}

// GuardOptional declares a route that requests without a bearer token may use as well, as
// with [Middleware.Optional]. It lets them through without claims: those that the context
// may already carry are masked. A token that is not valid is refused, as on any route.
func (m *Middleware) GuardOptional() *Guard {
	g := m.Guard()
	g.optional = true
	return g
}

// Check decides about a request and writes nothing. It returns the request to hand on,
// with the claims in its context, or an error that is always an [*Error], for
// [Middleware.WriteError]. On an error the request is nil.
//
// A request that it has let through is not verified again until its token expires, so
// a handler that asks again about a long request learns nothing of a revocation.
//
// It reads the Authorization header field and nothing else: a token in the query, in a
// form or in a cookie is not seen (RFC 9700 section 4.3.2).
func (g *Guard) Check(r *http.Request) (*http.Request, error) {
	ctx, fresh, e := g.authenticate(r.Context(), Request{Authorization: r.Header["Authorization"]})
	switch {
	case e != nil:
		return nil, e
	case fresh:
		return r.WithContext(ctx), nil
	}
	return r, nil
}

// handler returns a handler that calls next for the requests that g lets through.
func (g *Guard) handler(next http.Handler) http.Handler {
	if f, ok := next.(http.HandlerFunc); next == nil || ok && f == nil {
		panic("middleware: nil handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed, err := g.Check(r)
		if err != nil {
			g.m.refuse(w, r, asError(err))
			return
		}
		next.ServeHTTP(w, allowed)
	})
}

// A Request is what a [Guard] needs to know of a request, in any transport.
type Request struct {
	_ [0]func() // written with field names

	// Authorization are the values of the Authorization fields, one for each field.
	Authorization []string

	// Proofs show that the caller holds the key of a bound token (RFC 7800 section 3).
	// Without a proof, a bound token is refused.
	Proofs []claims.Proof
}

// Authenticate is [Guard.Check] for any transport. It returns the context for the handler,
// with the claims, or an error that is always an [*Error]; the context is nil then.
//
// What this Middleware has verified for the same ctx and Authorization value is not
// verified again, unless there are proofs: a proof is for one request only. The policies
// are asked every time.
//
// Authenticate makes no request of its own, but the [Verifier] may. It returns when ctx
// ends, if the Verifier and the policies do.
func (g *Guard) Authenticate(ctx context.Context, request Request) (context.Context, error) {
	ctx, _, e := g.authenticate(ctx, request)
	if e != nil {
		return nil, e // a nil *Error is not a nil error
	}
	return ctx, nil
}

// authenticate returns the context for the handler, and whether it differs from ctx.
func (g *Guard) authenticate(ctx context.Context, request Request) (context.Context, bool, *Error) {
	if g.optional && !g.m.hasBearer(request) {
		with, fresh := anonymous(ctx)
		return with, fresh, nil
	}
	with, fresh, e := g.m.identify(ctx, request)
	if e == nil && len(g.policies) > 0 {
		e = checkAll(with, g.policies)
	}
	if e == nil {
		return with, fresh, nil
	}
	if e.Status == http.StatusUnauthorized {
		e.Scopes = neededScopes(g.policies)
	}
	g.m.log(ctx, e)
	return nil, false, e
}

// identify returns a context that carries the token's claims, and whether it differs from
// ctx.
func (m *Middleware) identify(ctx context.Context, request Request) (context.Context, bool, *Error) {
	if c := m.remembered(ctx, request); c != nil {
		if seen, _ := claims.FromContext(ctx); seen == c {
			return ctx, false, nil
		}
		return carrying(ctx, c, m, request.Authorization[0]), true, nil
	}
	c, e := m.verify(ctx, request)
	switch {
	case e != nil:
		return nil, false, e
	case len(request.Proofs) > 0:
		return carrying(ctx, c, nil, ""), true, nil
	}
	return carrying(ctx, c, m, request.Authorization[0]), true, nil
}

// errNoResult is for a Verifier that breaks its contract.
var errNoResult = errors.New("the Verifier returned neither claims nor an error")

var errOversized = errors.New("the token is longer than Config.MaxTokenBytes")

// verify reads the token from the request and has it verified.
//
// A token outside the grammar of a b64token (RFC 6750 section 2.1) makes the request
// malformed: a 400, not a 401. The grammar check takes a microsecond, so it runs only
// where it can make a difference:
//
//   - before a Verifier of the application's own, which is promised a b64token;
//   - after a claims.Verifier that could not decode the token. What it decodes is
//     base64url and dots, all of which a b64token may have.
func (m *Middleware) verify(ctx context.Context, request Request) (*claims.Claims, *Error) {
	token, found := bearerToken(request.Authorization, m.maxTokenBytes)
	switch {
	case found == noCredential:
		return nil, unauthenticated()
	case found == malformedCredential:
		return nil, malformedRequest()
	case found == oversizedCredential:
		return nil, invalidToken(claims.ErrMalformed, errOversized)
	case !m.decodes && !isB64Token(token):
		return nil, malformedRequest()
	}
	c, e := m.ask(ctx, token, request.Proofs)
	if e != nil && undecoded[e.Reason] && !isB64Token(token) {
		return nil, malformedRequest()
	}
	return c, e
}

// undecoded are the reasons for which a claims.Verifier refuses a token before it has
// decoded all of it.
var undecoded = map[claims.Reason]bool{claims.ErrMalformed: true, claims.ErrAlgorithm: true}

// ask returns the Verifier's claims, or its error as an answer.
func (m *Middleware) ask(ctx context.Context, token string, proofs []claims.Proof) (*claims.Claims, *Error) {
	c, err := m.verifier.Verify(ctx, token, proofs...)
	switch {
	case err != nil:
		return nil, fromVerifier(err)
	case c == nil:
		return nil, unavailable(claims.ErrUnavailable, errNoResult)
	}
	return c, nil
}
