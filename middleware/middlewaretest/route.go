package middlewaretest

import (
	"context"
	"io"
	"net/http"
	"sync"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// A Route is one that the adapter under test declares: with its layers around a handler
// that calls Serve.
type Route struct {
	// Name consists of ASCII letters. It names a method where routes are not paths. It
	// is unique among the routes of [RunCalls]; those of [Run] have it once for each
	// Method.
	Name string

	// Method is an HTTP method, not necessarily one that net/http has a constant for.
	Method string

	// Path is where the route is found. It is used as it stands: a router may group
	// routes, but not under a prefix.
	Path string

	// Layers are what protects the handler, at least one, the outermost first. If there
	// are several, all but the last one belong on something that can hold several
	// routes, such as a group or a sub-router.
	Layers []Layer

	expects expectations
	bench   *bench
}

// A Layer is one use of the adapter. It stands for [middleware.Middleware.Optional] if
// Optional is set, for Require with the policies if there are any, and for Handler
// otherwise.
type Layer struct {
	_ [0]func() // written with field names

	Optional bool
	Policies []middleware.Policy
}

// Serve is what the handler of the route does: it records the call and returns what the
// handler answers, with status 200. ctx is the handler's context, and c and ok are what
// the adapter's own accessor returns, or [claims.FromContext] if it has none.
//
// It is safe for concurrent use.
func (r Route) Serve(ctx context.Context, c *claims.Claims, ok bool) string {
	fromContext, found := claims.FromContext(ctx)
	return r.bench.log.record(c, ok == found && c == fromContext && ok == (c != nil))
}

// ServeHTTP makes the route its own handler, for frameworks whose handlers are those of
// net/http.
func (r Route) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	c, ok := claims.FromContext(request.Context())
	_, _ = io.WriteString(w, r.Serve(request.Context(), c, ok)) // a recorder cannot fail
}

// A callLog says what happened in one request.
type callLog struct {
	mu       sync.Mutex // guards what follows
	verified int        // how often a token was found valid
	served   int        // how often a handler ran
	differed bool       // an accessor and the context did not agree
}

func (l *callLog) record(c *claims.Claims, agree bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.served++
	l.differed = l.differed || !agree
	if c == nil {
		return anonymous
	}
	return "subject " + c.Subject()
}

func (l *callLog) verify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.verified++
}

// take returns what has happened since the last call.
func (l *callLog) take() (verified, served int, differed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	verified, served, differed = l.verified, l.served, l.differed
	l.verified, l.served, l.differed = 0, 0, false
	return verified, served, differed
}
