// Package gorillamux protects routes of gorilla/mux, whose middleware is that of net/http. A
// subrouter authenticates, so a route that is added to it without scopes still needs a token. The
// mux runs middleware only for a route that matches: a 404 or 405 needs no token.
package gorillamux

import (
	"io"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// New returns the API.
func New(auth *middleware.Middleware) http.Handler {
	r := mux.NewRouter()
	r.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	timesheets := r.PathPrefix("/timesheets").Subrouter()
	timesheets.Use(auth.Handler) // verified once for both layers
	timesheets.Handle("", auth.RequireScopes("read:timesheets")(http.HandlerFunc(hello))).Methods(http.MethodGet)
	timesheets.Handle("", auth.RequireScopes("write:timesheets")(http.HandlerFunc(hello))).Methods(http.MethodPost)
	return r
}

func hello(w http.ResponseWriter, r *http.Request) {
	who, _ := claims.FromContext(r.Context()) // every route with hello requires a token
	_, _ = io.WriteString(w, "hello "+who.Subject())
}
