package middlewaretest

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// A Route is what the adapter under test must declare: its layers around a handler that
// calls Serve.
type Route struct {
	// Name consists of ASCII letters. It is the name of a method if routes are not paths.
	// It is unique among the routes of RunCalls. The routes of Run have each Name once for
	// each Method.
	Name string

	// Method is an HTTP method. net/http may have no constant for it. For RunCalls it is POST.
	Method string

	// Path is the whole path of the route. A router may group routes, but not under a
	// prefix. For RunCalls it is "/middlewaretest.Conformance/" and the Name: a method in the
	// form of gRPC and Connect.
	Path string

	// Layers protect the handler, at least one, the outermost first. All except the last
	// one belong to something that can have several routes, such as a group.
	Layers []Layer

	expects expectations
	bench   *bench
}

// A Layer is one use of the adapter. It corresponds to [middleware.Middleware.Optional] if
// Optional is set, to Require if there are Policies, and to Handler otherwise.
type Layer struct {
	_ [0]func() // written with field names

	Optional bool
	Policies []middleware.Policy
}

// Serve records a call of the route's handler, and returns what the handler must answer,
// with status 200. ctx is the handler's context. c and ok are what the adapter's own
// accessor returns, or [claims.FromContext] if there is none.
//
// It is safe for concurrent use.
func (r Route) Serve(ctx context.Context, c *claims.Claims, ok bool) string {
	fromContext, found := claims.FromContext(ctx)
	return r.bench.log.record(c, ok == found && c == fromContext && ok == (c != nil))
}

// ServeHTTP is the handler of the route, for frameworks whose handlers are those of
// net/http.
func (r Route) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	c, ok := claims.FromContext(request.Context())
	_, _ = io.WriteString(w, r.Serve(request.Context(), c, ok)) // a recorder cannot fail
}

// A callLog records what happens during one request.
type callLog struct {
	mu    sync.Mutex // guards what follows
	calls calls
}

// calls are what has happened.
type calls struct {
	verified   int  // how often a token was found valid
	served     int  // how often a handler ran
	differed   bool // an accessor and the context had different claims
	decisions  []decision
	transports []string // of the decisions
}

// A decision is what must be equal in all transports.
type decision struct {
	Outcome        string
	Reason         claims.Reason
	Issuer, Scheme string
	Nested         bool
}

func (l *callLog) record(c *claims.Claims, agree bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls.served++
	l.calls.differed = l.calls.differed || !agree
	if c == nil {
		return anonymous
	}
	return "subject " + c.Subject()
}

func (l *callLog) verify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls.verified++
}

func (l *callLog) observe(_ context.Context, d middleware.Decision) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls.decisions = append(l.calls.decisions, decision{d.Outcome, d.Reason, d.Issuer, d.Scheme, d.Nested})
	l.calls.transports = append(l.calls.transports, d.Transport)
}

// take returns what has happened since the last take.
func (l *callLog) take() calls {
	l.mu.Lock()
	defer l.mu.Unlock()
	happened := l.calls
	l.calls = calls{}
	return happened
}
