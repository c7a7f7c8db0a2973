// Command chi serves a Timesheets API with the chi router, which needs no adapter. From
// the root of the repository:
//
//	ISSUER_URL=https://tenant.eu.auth0.com/ AUDIENCE=https://timesheets.example.com \
//	    go -C examples run ./chi
//
// It is configured by its environment:
//
//	ISSUER_URL  the exact issuer, such as https://tenant.eu.auth0.com/; required
//	AUDIENCE    the identifier of this API; required
//	ADDR        the address to listen on; 127.0.0.1:8080 by default
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// newRouter returns the routes, each with the scopes that it requires.
func newRouter(auth *middleware.Middleware) http.Handler {
	r := chi.NewRouter()
	r.Use(chimiddleware.Recoverer)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, body{"status": "ok"}) })
	r.With(auth.Optional).Get("/", greet)

	r.Route("/timesheets", func(r chi.Router) {
		r.Use(auth.Handler) // verified once for both layers
		r.With(auth.RequireScopes("read:timesheets")).Get("/", list)
		r.With(auth.RequireScopes("write:timesheets")).Post("/", create)
	})
	return r
}

func greet(w http.ResponseWriter, r *http.Request) {
	name := "stranger"
	if who, ok := claims.FromContext(r.Context()); ok {
		name = who.Subject()
	}
	answer(w, http.StatusOK, body{"hello": name})
}

func list(w http.ResponseWriter, r *http.Request) {
	who, _ := claims.FromContext(r.Context()) // the route requires a token
	answer(w, http.StatusOK, body{"sub": who.Subject(), "timesheets": []string{}})
}

func create(w http.ResponseWriter, r *http.Request) {
	who, _ := claims.FromContext(r.Context())
	answer(w, http.StatusCreated, body{"sub": who.Subject()})
}

type body map[string]any

func answer(w http.ResponseWriter, status int, b body) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(b) // fails only if the caller has gone
}

// run serves until ctx is done.
func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	auth, err := middleware.New(middleware.Config{
		Issuer: getenv("ISSUER_URL"), Audiences: []string{getenv("AUDIENCE")}, Realm: "timesheets",
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cmp.Or(getenv("ADDR"), "127.0.0.1:8080"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newRouter(auth), ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
