package middlewaretest

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// Run tests an adapter for a framework whose application is an [http.Handler]. It calls
// newServer for several Middlewares, some of which have a Config.DPoP, each time with the
// routes to declare. It sends nothing over a network.
func Run(t *testing.T, newServer func(auth *middleware.Middleware, routes []Route) http.Handler) {
	t.Helper()
	report(t, httpResults(newServer))
}

// results has what is wrong with each case, or nil, under its name.
type results = iter.Seq2[string, error]

func report(t *testing.T, all results) {
	t.Helper()
	for name, err := range all {
		t.Run(name, func(t *testing.T) {
			if err != nil {
				t.Error(err)
			}
		})
	}
}

type application = func(auth *middleware.Middleware, routes []Route) http.Handler

// forms are the two kinds of tokens with which the cases are sent.
var forms = []struct {
	prefix   string // of the names of the results
	newBench func(errorHandler) *bench
}{{"", newBench}, {"DPoP: ", newDPoPBench}}

func httpResults(newServer application) results {
	return func(yield func(string, error) bool) {
		for _, part := range httpParts(newServer) {
			for name, err := range part {
				if !yield(name, err) {
					return
				}
			}
		}
	}
}

func httpParts(newServer application) []results {
	parts := []results{panicResults(newServer)}
	for _, f := range forms {
		parts = append(parts, tableResults(newServer, f.newBench(nil), f.prefix),
			errorHandlerResults(newServer, f.newBench(apologise), f.prefix))
	}
	return parts
}

func tableResults(newServer application, b *bench, prefix string) results {
	routes := b.httpRoutes()
	return b.httpTable(newServer(b.auth, routes), routes, prefix, func(route Route, c testCase) bool {
		return route.Name != panicking && (route.Method == http.MethodGet || c.everyMethod)
	})
}

// errorHandlerResults repeats a part of the table with an ErrorHandler.
func errorHandlerResults(newServer application, b *bench, prefix string) results {
	routes := b.httpRoutes()
	return b.httpTable(newServer(b.auth, routes), routes, prefix+"Config.ErrorHandler: ", func(route Route, c testCase) bool {
		return route.Name != panicking && route.Method == http.MethodGet && c.everyMethod
	})
}

func apologise(w http.ResponseWriter, _ *http.Request, e *middleware.Error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusOK)               // as http.ServeContent does: the status must be that of e
	_, _ = fmt.Fprintf(w, "sorry, %s", e.Code) // a recorder cannot fail
}

// httpTable sends the chosen cases of the table to the server.
func (b *bench) httpTable(server http.Handler, routes []Route, prefix string, chosen func(Route, testCase) bool) results {
	return func(yield func(string, error) bool) {
		for _, route := range routes {
			for _, c := range b.cases(route) {
				name := prefix + route.Method + " " + route.Name + ": " + c.rule
				if chosen(route, c) && !yield(name, b.compare(server, route, c)) {
					return
				}
			}
		}
	}
}

// panicResults checks that a panic lets no request through. The framework decides what else
// happens.
func panicResults(newServer application) results {
	b := newBench(nil)
	routes := b.httpRoutes()
	server := newServer(b.auth, routes)
	return func(yield func(string, error) bool) {
		func() {
			defer func() { _ = recover() }()
			send(server, routes[len(routes)-1], fields{authorization: []string{"Bearer " + b.tokens.token(nil)}})
		}()
		var err error
		if b.log.take().served != 0 {
			err = errors.New("the handler ran although the policy did not return")
		}
		yield("policy that panics", err)
	}
}

// compare sends the request of c to net/http and to the server. It returns what is wrong
// with the answer of the server.
func (b *bench) compare(server http.Handler, route Route, c testCase) error {
	plain := b.exchange(b.plain(route), route, c)
	expected := b.log.take()
	got := b.exchange(server, route, c)
	happened := c.checkCalls(expected, b.log.take())
	answer := answerOf(got)
	if route.Method == http.MethodHead {
		answer.Body = c.body // the body for HEAD is never sent
	}
	return errors.Join(c.check(answer), happened, sameHeader(plain, got), sameBody(plain, got))
}

// fields are the values of the fields of one request.
type fields struct{ authorization, dpop []string }

// exchange sends the request of c, and returns the answer.
func (b *bench) exchange(server http.Handler, route Route, c testCase) *http.Response {
	f := b.fields(route, c)
	if c.replayed {
		send(server, route, f)
		b.log.take()
	}
	return send(server, route, f)
}

// send sends a request in memory. Its context already has claims, as if an outer layer had
// verified another token: no handler may see them.
func send(server http.Handler, route Route, f fields) *http.Response {
	var body io.Reader
	if route.Method == http.MethodPost {
		body = strings.NewReader("body")
	}
	r := httptest.NewRequest(route.Method, origin+route.Path, body)
	if f.authorization != nil {
		r.Header["Authorization"] = slices.Clone(f.authorization)
	}
	if f.dpop != nil {
		r.Header["Dpop"] = slices.Clone(f.dpop)
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r.WithContext(claims.NewContext(r.Context(), new(claims.Claims))))
	return w.Result()
}

// answerOf returns the answer in a response, whose body can be read once more.
func answerOf(response *http.Response) Answer {
	seconds, _ := strconv.Atoi(response.Header.Get("Retry-After")) // 0 without one
	return Answer{
		Status:     response.StatusCode,
		Body:       bodyOf(response),
		Challenge:  strings.Join(response.Header["Www-Authenticate"], "\n"),
		DPoPNonce:  response.Header.Get("DPoP-Nonce"),
		RetryAfter: time.Duration(seconds) * time.Second,
	}
}

func bodyOf(response *http.Response) string {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error() // cannot happen: it is in memory
	}
	response.Body = io.NopCloser(strings.NewReader(string(body)))
	return string(body)
}

// sameHeader compares the fields that the Middleware sets. If a handler answers, the
// framework sets Content-Type and Content-Length.
func sameHeader(plain, got *http.Response) error {
	var problems []error
	names := []string{"Www-Authenticate", "Dpop-Nonce", "Retry-After", "Cache-Control", "Vary", "X-Content-Type-Options"}
	if plain.StatusCode != http.StatusOK {
		names = append(names, "Content-Type")
		if plain.Header["Content-Length"] != nil { // a server adds it to other answers
			names = append(names, "Content-Length")
		}
	}
	for _, name := range names {
		if p, g := plain.Header[name], got.Header[name]; !slices.Equal(p, g) {
			problems = append(problems, fmt.Errorf("%s is %q; with net/http it is %q", name, g, p))
		}
	}
	return errors.Join(problems...)
}

func sameBody(plain, got *http.Response) error {
	want, body := bodyOf(plain), bodyOf(got)
	if plain.StatusCode != http.StatusOK && body != want {
		return fmt.Errorf("body is\n\t%s\nwith net/http it is\n\t%s", body, want)
	}
	return nil
}
