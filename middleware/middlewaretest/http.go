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
// newServer for several Middlewares, each time with the routes to declare. It sends nothing
// over a network.
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

func httpResults(newServer application) results {
	return func(yield func(string, error) bool) {
		for _, part := range []func(application) results{tableResults, errorHandlerResults, panicResults} {
			for name, err := range part(newServer) {
				if !yield(name, err) {
					return
				}
			}
		}
	}
}

func tableResults(newServer application) results {
	b := newBench(nil)
	routes := b.httpRoutes()
	return b.httpTable(newServer(b.auth, routes), routes, "", func(route Route, c testCase) bool {
		return route.Name != panicking && (route.Method == http.MethodGet || c.everyMethod)
	})
}

// errorHandlerResults repeats a part of the table with an ErrorHandler.
func errorHandlerResults(newServer application) results {
	b := newBench(func(w http.ResponseWriter, _ *http.Request, e *middleware.Error) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusOK)               // as http.ServeContent does: the status must be that of e
		_, _ = fmt.Fprintf(w, "sorry, %s", e.Code) // a recorder cannot fail
	})
	routes := b.httpRoutes()
	return b.httpTable(newServer(b.auth, routes), routes, "Config.ErrorHandler: ", func(route Route, c testCase) bool {
		return route.Name != panicking && route.Method == http.MethodGet && c.everyMethod
	})
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
			exchange(server, routes[len(routes)-1], []string{"Bearer " + b.token})
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
	plain := exchange(b.plain(route), route, c.authorization)
	expected := b.log.take()
	got := exchange(server, route, c.authorization)
	happened := c.checkCalls(expected, b.log.take())
	answer := answerOf(got)
	if route.Method == http.MethodHead {
		answer.Body = c.body // the body for HEAD is never sent
	}
	return errors.Join(c.check(answer), happened, sameHeader(plain, got), sameBody(plain, got))
}

// exchange sends a request in memory. Its context already has claims, as if an outer layer
// had verified another token: no handler may see them.
func exchange(server http.Handler, route Route, authorization []string) *http.Response {
	var body io.Reader
	if route.Method == http.MethodPost {
		body = strings.NewReader("body")
	}
	r := httptest.NewRequest(route.Method, "https://api.example.test"+route.Path, body)
	if authorization != nil {
		r.Header["Authorization"] = slices.Clone(authorization)
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
	names := []string{"Www-Authenticate", "Retry-After", "Cache-Control", "Vary", "X-Content-Type-Options"}
	if plain.StatusCode != http.StatusOK {
		names = append(names, "Content-Type", "Content-Length")
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
