package forwardauth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/bearerguard/bearerguard/middleware"
)

// A Route says which Guard decides about the requests of a pattern.
type Route struct {
	_ [0]func() // written with field names

	// Pattern is that of an http.ServeMux, without a host: "GET /timesheets",
	// "/timesheets/{id}", "GET /files/{path...}", "POST /files/". GET matches HEAD as well. If
	// several patterns match, the most specific one counts, whatever its place in the list. A
	// pattern without a method matches all of them but CONNECT.
	//
	// A slash at the end is significant: "/files/" matches all paths below it, but not /files.
	// Unlike a ServeMux, a Handler sends no redirects: it refuses.
	Pattern string

	// Guard decides. Middleware.GuardOptional makes one for a public route.
	Guard *middleware.Guard
}

// A table finds the guarded handler of a request.
type table struct{ mux *http.ServeMux }

// A guarded is a handler behind a Guard. Its type tells it from the handlers that a ServeMux
// has itself: redirects, and those for no match.
type guarded struct{ http.Handler }

// newTable returns the table of routes, whose Guards let requests through to next.
func newTable(routes []Route, next http.Handler, problems *mistakes) table {
	t := table{http.NewServeMux()}
	problems.report(!readsPatterns(), "Routes: GODEBUG has httpmuxgo121=1, with which a ServeMux does not read patterns")
	problems.report(len(routes) == 0, "Routes: at least one is required: what is in no Route is refused")
	known := make(map[string]bool)
	for _, route := range routes {
		problems.report(route.Guard == nil, "Routes: %q has no Guard; Middleware.GuardOptional makes one for a public route", route.Pattern)
		err := checkPattern(route.Pattern)
		switch {
		case err != nil:
		case known[route.Pattern]:
			err = errDuplicate
		case route.Guard != nil:
			err = t.add(route.Pattern, &guarded{route.Guard.Handler(next)})
		}
		known[route.Pattern] = true
		problems.report(err != nil, "Routes: pattern %q: %w", route.Pattern, err)
	}
	return t
}

// readsPatterns reports whether a ServeMux knows methods and wildcards. With the setting of GODEBUG
// that switches them off, requests for a stricter Route would match a weaker one.
func readsPatterns() bool {
	t := table{http.NewServeMux()}
	err := t.add("GET /{x}", &guarded{})
	return err == nil && t.match(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/a"}}) != nil
}

// add adds a route. A ServeMux panics if a pattern is malformed, a duplicate, or if it is not
// clear whether it or another one is more specific.
func (t table) add(pattern string, h *guarded) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			text := strings.Join(strings.Fields(registered.ReplaceAllString(fmt.Sprint(problem), "")), " ")
			err = errors.New(text)
		}
	}()
	t.mux.Handle(pattern, h)
	return nil
}

// registered is what a ServeMux says about the place of a pattern in this file.
var registered = regexp.MustCompile(` \(registered at [^)]*\)`)

var (
	errNoPath    = errors.New("write a path that begins with a slash, and no host: a table is for one API")
	errMethod    = errors.New("a method is in upper case, and followed by one space")
	errLiteral   = errors.New("it matches no path: it must be in normal form, and a segment that is percent-encoded needs a wildcard")
	errDuplicate = errors.New("it is a duplicate: a request has one Guard")
	errForeign   = errors.New("* and :name are no wildcards: write /files/{name} for one segment, and /files/{path...} for all below")
)

// checkPattern reports what a ServeMux accepts in a pattern, and a Handler does not.
func checkPattern(pattern string) error {
	method, path, hasMethod := strings.Cut(pattern, " ")
	if !hasMethod || strings.HasPrefix(pattern, "/") {
		path = pattern
	} else if !isMethod(method) {
		return errMethod
	}
	if !strings.HasPrefix(path, "/") {
		return errNoPath
	}
	segments := strings.Split(path, "/")
	for n, segment := range segments {
		switch {
		case strings.HasPrefix(segment, "{"): // the ServeMux checks the rest of a wildcard
			segments[n] = "x"
		case strings.HasPrefix(segment, ":"), strings.Contains(segment, "*"):
			return errForeign // as a literal, it would match no request
		}
	}
	literal := strings.Join(segments, "/")
	if strings.Contains(literal, "%") || !isNormalPath(literal) {
		return errLiteral
	}
	return nil
}

// find returns the handler for a request with this path, or nil.
//
// A backend compares the segments of a path with its routes either as they were sent, or decoded:
// /a%3Ab is /a:b for the latter only. The table must have the same answer for both.
func (t table) find(r *http.Request, path string) *guarded {
	found := t.match(r)
	if found == nil || !strings.Contains(path, "%") {
		return found
	}
	asSent := &http.Request{Method: r.Method, URL: &url.URL{Path: path}} // whose percent signs are a text
	if t.match(asSent) != found {
		return nil
	}
	return found
}

// match returns the handler of the most specific pattern, or nil. A pattern without a method is not
// for CONNECT: Caddy sends a backend GET for a CONNECT with a path, which begins a websocket over
// HTTP/2 or HTTP/3 (RFC 8441), and a stricter pattern can be that for GET.
func (t table) match(r *http.Request) *guarded {
	h, pattern := t.mux.Handler(r)
	if r.Method == http.MethodConnect && !strings.HasPrefix(pattern, "CONNECT ") {
		return nil
	}
	found, _ := h.(*guarded)
	return found
}
