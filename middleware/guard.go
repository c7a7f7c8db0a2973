package middleware

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A Guard is one declared route: what a Middleware demands of a request to it. It is for
// adapters to other routers and transports. Most programs use [Middleware.Require] and
// [Middleware.RequireScopes] instead.
//
// [Middleware.Guard], [Middleware.GuardAuthenticated] and [Middleware.GuardOptional] make a
// Guard, at set-up. It is safe for concurrent use.
type Guard struct {
	m        *Middleware
	policies []Policy
	asks     bool // the policies name scopes, or demand an authentication
	optional bool // requests without a bearer token are let through
}

// Guard declares a route that needs a valid token and the consent of every policy.
// [Middleware.ResourceMetadata] publishes only scopes that a Guard asks for.
//
// Guard panics without policies, because an empty list from a configuration would allow
// every token. [Middleware.GuardAuthenticated] only authenticates.
func (m *Middleware) Guard(policies ...Policy) *Guard {
	if len(policies) == 0 {
		panic("middleware: Guard needs at least one policy; GuardAuthenticated demands a token only")
	}
	g := m.GuardAuthenticated()
	g.policies = flat(policies)
	m.declare(g.policies)
	g.asks = slices.ContainsFunc(g.policies, func(p Policy) bool { return len(p.scopes) > 0 || p.authentication != nil })
	return g
}

// GuardAuthenticated declares a route that needs a valid token, whatever its scopes, as
// [Middleware.Handler] does.
func (m *Middleware) GuardAuthenticated() *Guard {
	if m == nil || m.verifier == nil {
		panic("middleware: a Middleware is made by New, which returned an error or was not called")
	}
	return &Guard{m: m}
}

// GuardOptional declares a route that also lets requests without a bearer token through, as
// [Middleware.Optional] does. They have no claims: those that an outer handler has put into
// the context are masked. A token that is not valid is refused, as on any route.
func (m *Middleware) GuardOptional() *Guard {
	g := m.GuardAuthenticated()
	g.optional = true
	return g
}

// Check decides about a request, and writes nothing. It returns the request for the
// handler, with the claims in its context, or an error that is always an [*Error]. The
// request is nil then, and [Middleware.WriteError] writes the answer.
//
// A request that Check has let through can be checked again, such as in the loop of a
// handler that runs for long. For one second, and until its exp, the token is not verified
// again. After that it is: its keys, its exp and the Validate hook of its issuer decide anew.
//
// Check reads a token only from the Authorization header field, or from Config.TokenField. It does
// not see one in a query, form or cookie (RFC 9700 section 4.3.2).
func (g *Guard) Check(r *http.Request) (*http.Request, error) {
	ctx, fresh, e := g.authenticate(r.Context(), g.m.requestOf(r))
	switch {
	case e != nil:
		return nil, e
	case fresh:
		return r.WithContext(ctx), nil
	}
	return r, nil
}

// Handler returns a handler that calls next for the requests that g lets through. It answers all
// others, as [Middleware.Require] does. It panics if next is nil, and for a Guard that no
// Middleware has made.
func (g *Guard) Handler(next http.Handler) http.Handler {
	if g == nil || g.m == nil {
		panic("middleware: a Guard is made by a Middleware")
	}
	if f, ok := next.(http.HandlerFunc); next == nil || ok && f == nil {
		panic("middleware: nil handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed, err := g.Check(r)
		if err != nil {
			g.m.refuse(w, r, asError(err))
			return
		}
		g.m.renewNonce(w, allowed)
		next.ServeHTTP(w, allowed)
	})
}

// Authenticate is [Guard.Check] for any transport. It returns the context for the handler,
// with the claims, or an error that is always an [*Error]. The context is nil then, and
// [Middleware.Answer] returns what to tell the caller.
//
// If ctx comes from a Guard of the same Middleware, for the same Authorization value, the
// token is not verified again for one second, as for Check. Its proofs are never judged again:
// that request has confirmed its token. This is so only for the DPoP proof, method, target and
// certificate that confirmed it. With others, the request is verified as a new one. The policies
// are asked every time.
//
// Authenticate makes no request itself, but the [Verifier] may. It returns when ctx ends if
// the Verifier and the policies do.
func (g *Guard) Authenticate(ctx context.Context, request Request) (context.Context, error) {
	ctx, _, e := g.authenticate(ctx, request)
	if e != nil {
		return nil, e // a nil *Error is not a nil error
	}
	return ctx, nil
}

// authenticate returns the context for the handler, and whether it differs from ctx. It logs
// and observes what was decided.
func (g *Guard) authenticate(ctx context.Context, request Request) (context.Context, bool, *Error) {
	start, outer := g.m.start(), verifiedIn(ctx)
	if g.m.tokenField != "" {
		request.Authorization = g.m.fromTokenField(request.Fields)
	}
	with, fresh, e := g.decide(ctx, outer, request)
	if e != nil {
		g.m.log(ctx, with, e)
	}
	if g.m.observe != nil {
		g.m.observed(ctx, with, outer, request, start, e)
	}
	if e != nil {
		return nil, false, e
	}
	return with, fresh, nil
}

// decide returns the context for the handler, and whether it differs from ctx, in which outer
// was found. If only a policy refuses the request, it returns the context as well.
func (g *Guard) decide(ctx context.Context, outer *verified, request Request) (context.Context, bool, *Error) {
	if g.optional && !g.m.hasToken(request) {
		with, fresh := g.m.anonymous(ctx, request)
		return with, fresh, nil
	}
	before := g.m.memoryOf(outer, request)
	with, fresh, e := g.identify(ctx, before, request)
	if e == nil && len(g.policies) > 0 {
		e = askAll(with, g.policies)
	}
	if e == nil {
		return with, fresh, nil
	}
	if e.Status == http.StatusUnauthorized {
		e.Scopes = neededScopes(g.policies)
	}
	_, scheme, _ := g.m.tokenIn(request.Authorization)
	g.m.underScheme(e, scheme)
	e.addOuter(before, g)
	return with, fresh, e
}

// identify returns a context that carries the token's claims, and whether it differs from
// ctx. before is what the Middleware has already found out about the request, or nil.
func (g *Guard) identify(ctx context.Context, before *verified, request Request) (context.Context, bool, *Error) {
	if before != nil && before.counts(time.Now()) {
		if seen, _ := claims.FromContext(ctx); seen == before.claims && !before.adds(g) {
			return ctx, false, nil
		}
		return carrying(ctx, before.copy().passing(g, before)), true, nil
	}
	var proofs []claims.Proof
	var certificate claims.Proof
	if before != nil {
		proofs, certificate = before.proofs, before.certificate // a proof is not judged twice
	} else {
		certificate = g.m.certificateOf(request)
		proofs = g.m.proofsOf(request, certificate)
	}
	c, e := g.m.verify(ctx, request.Authorization, proofs)
	if e != nil {
		return nil, false, e
	}
	v := &verified{
		by: g.m, authorization: request.Authorization[0], transport: request.Transport,
		claims: c, at: time.Now(), proofs: asked(proofs), nonce: nonceOf(proofs),
	}
	if haveConfirmed(v.proofs, memberCertificate) {
		v.certificate = certificate
	}
	if g.m.dpop != nil && v.proofs != nil {
		v.proof = proofKeyOf(request)
	}
	return carrying(ctx, v.passing(g, before)), true, nil
}

const errNoResult = detail("the Verifier returned neither claims nor an error")

const errOversized = detail("the token is longer than Config.MaxTokenBytes")

// verify reads the token from the Authorization fields and has it verified.
//
// A token that is no b64token (RFC 6750 section 2.1) makes the request malformed: the
// answer is a 400, not a 401. The grammar check costs a microsecond, so it runs only where
// it can change the answer:
//
//   - before a Verifier of the application, which is promised a b64token;
//   - after a claims.Verifier has refused a token without decoding all of it. A token that
//     it decodes consists of base64url and dots, so it is a b64token. So is a token
//     that it has introspected.
func (m *Middleware) verify(ctx context.Context, authorization []string, proofs []claims.Proof) (*claims.Claims, *Error) {
	token, scheme, found := m.tokenIn(authorization)
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
	c, e := m.ask(ctx, token, proofs)
	switch {
	case e != nil && undecoded[e.Reason] && !isB64Token(token):
		return nil, malformedRequest()
	case e == nil:
		e = m.checkBinding(scheme, proofs)
	}
	if e != nil {
		return nil, e
	}
	return c, nil
}

// undecoded has the reasons for which a claims.Verifier refuses a token that it has not
// decoded completely.
var undecoded = map[claims.Reason]bool{claims.ErrMalformed: true, claims.ErrAlgorithm: true}

// ask returns the claims, or the Error, that the Verifier finds for the token.
func (m *Middleware) ask(ctx context.Context, token string, proofs []claims.Proof) (*claims.Claims, *Error) {
	c, err := m.verifier.Verify(ctx, token, proofs...)
	switch {
	case err != nil && m.dpop != nil:
		return nil, cmp.Or(fromProof(err), fromVerifier(err))
	case err != nil:
		return nil, fromVerifier(err)
	case c == nil:
		return nil, unavailable(claims.ErrUnavailable, errNoResult)
	case !c.Remembered():
		m.unaccepted.accept(c)
	}
	return c, nil
}
