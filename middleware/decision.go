package middleware

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// The transports of decisions that this package makes.
const transportHTTP = "http"

// A Decision is what a [Middleware] has decided about one request. Config.Observe gets it.
//
// All its texts are from small fixed sets or from the configuration, so they can be labels
// of metrics. Claims and Error are not: they are for logs and audits.
type Decision struct {
	_ [0]func() // written with field names

	// Outcome is one of these:
	//
	//	ok           let through; without Claims if the route is optional and there is no token
	//	missing      401, no bearer token
	//	refused      400 or 401, a malformed request or a token that is not accepted; and any
	//	             other status of an Error that the application has made for Refuse
	//	forbidden    403, by a policy or by a hook
	//	unavailable  503, could not be decided
	Outcome string

	// Reason says why, as in Error. It is empty for the outcomes ok and missing, and for a
	// malformed request.
	Reason claims.Reason

	// Issuer is the issuer that the token names, if it is configured, or if Config.Tenants says
	// that it knows it. It is empty if there is none, if the token names an unknown one, or
	// cannot be read, and with a Config.Verifier that is no claims.Verifier. It is never another
	// text. If Claims is nil, the token was not verified: a stranger can name any configured
	// issuer.
	Issuer string

	// Scheme is "Bearer" or "DPoP" if the request has a token, or else empty.
	Scheme string

	// Transport is "http", or what an adapter says in Request.Transport.
	Transport string

	// Remembered reports whether the token was in the cache of verified tokens. It is false if
	// Claims is nil.
	Remembered bool

	// Nested reports whether the Middleware has let the same request through before. It did so in
	// a layer around this one, or before the handler called Authorize or Refuse. To count
	// requests, count the Decisions that are not Nested.
	Nested bool

	// Claims are those of the verified token. They are nil if no token was verified. They are
	// not nil if a policy has refused the request: only Outcome says what was decided.
	Claims *claims.Claims

	// Error is the refusal, or nil for the outcome ok. It must not be changed.
	Error *Error

	// Duration is how long a Guard took to decide, with the wait for keys. It is 0 without
	// Config.ObserveDuration, and for what no Guard has decided.
	Duration time.Duration
}

// outcomeOf returns the Outcome of a refusal, or of none.
func outcomeOf(e *Error) string {
	switch {
	case e == nil:
		return "ok"
	case e.lacksToken():
		return "missing"
	case e.Status == http.StatusForbidden:
		return "forbidden"
	case e.Status == http.StatusServiceUnavailable:
		return "unavailable"
	}
	return "refused"
}

// observed tells Config.Observe about a decision. with carries the claims of the verified
// token, and is nil if there is none; outer is what ctx remembers; e is nil if the request is
// let through.
func (m *Middleware) observed(ctx, with context.Context, outer *verified, request Request, start time.Time, e *Error) {
	d := Decision{
		Outcome: outcomeOf(e), Transport: request.Transport, Error: e,
		Nested: m.own(outer) != nil,
	}
	d.Claims = claimsIn(with)
	d.Issuer, d.Remembered = m.issuerOf(d.Claims, e), d.Claims.Remembered()
	_, d.Scheme, _ = m.tokenIn(request.Authorization)
	if e != nil {
		d.Reason = e.Reason
	}
	if !start.IsZero() {
		d.Duration = time.Since(start)
	}
	m.observe(ctx, d)
}

// claimsIn returns the claims in ctx, which can be nil, or nil.
func claimsIn(ctx context.Context) *claims.Claims {
	if ctx == nil {
		return nil
	}
	c, _ := claims.FromContext(ctx)
	return c
}

// start returns the time at which a decision begins, or the zero time if its Duration is not
// asked for.
func (m *Middleware) start() time.Time {
	if !m.observesDuration {
		return time.Time{}
	}
	return time.Now()
}

// report logs and observes a refusal once. It is for refusals that no Guard decides: by
// Authorize, by Refuse, and of a token that is not valid any more while its request runs.
// request is for a ctx that m has not let through.
func (m *Middleware) report(ctx context.Context, request Request, e *Error) {
	v := m.own(verifiedIn(ctx))
	if v != nil {
		if !v.reported.add(e) {
			return
		}
		request = v.request()
	}
	m.log(ctx, ctx, e)
	if m.observe != nil {
		m.observed(ctx, ctx, v, request, time.Time{}, e)
	}
}

// A reported has the latest refusals of one request that were logged and observed. It is safe
// for concurrent use.
type reported struct{ latest atomic.Pointer[[]*Error] }

// maxReported bounds what a request remembers that runs for long. A handler can ask for several
// decisions at once, and answer with one of them.
const maxReported = 8

// add reports whether e is a new one.
func (r *reported) add(e *Error) bool {
	for {
		old := r.latest.Load()
		var known []*Error
		if old != nil {
			known = *old
		}
		if slices.Contains(known, e) {
			return false
		}
		known = append(slices.Clone(known[max(0, len(known)-maxReported+1):]), e)
		if r.latest.CompareAndSwap(old, &known) {
			return true
		}
	}
}

// authorized tells of what Authorize has decided for a request that m has let through.
func (m *Middleware) authorized(ctx context.Context, v *verified, e *Error) {
	switch {
	case e != nil:
		m.report(ctx, v.request(), e)
	case m.observe != nil:
		m.observed(ctx, ctx, v, v.request(), time.Time{}, nil)
	}
}

// request returns what a Decision says of the request that v was let through with.
func (v *verified) request() Request {
	return Request{Authorization: []string{v.authorization}, Transport: v.transport}
}

// An origin is an error of a claims.Verifier that knows which configured issuer it is about.
type origin interface{ Issuer() string }

// issuerOf returns the configured issuer that a decision is about, or "". The claims can be those
// that the application, or another Middleware, has put into the context, and the error can be
// the application's: they can name any issuer.
func (m *Middleware) issuerOf(c *claims.Claims, e *Error) string {
	issuer := ""
	switch {
	case !m.decodes:
		return ""
	case c != nil:
		issuer = c.Issuer()
	case e == nil:
		return ""
	default:
		if o, ok := e.Err.(origin); ok {
			issuer = o.Issuer()
		}
	}
	if m.unaccepted.of(issuer) == nil && !m.isTenant(issuer) {
		return ""
	}
	return issuer
}
