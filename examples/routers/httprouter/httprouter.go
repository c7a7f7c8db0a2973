// Package httprouter protects routes of julienschmidt/httprouter. The router has no middleware,
// so each route is declared by a function that demands scopes: none can be forgotten. Handler of
// the router takes a handler of net/http, and puts the parameters of the path into the context,
// next to the claims. The router answers OPTIONS, a 404 and a 405 itself, without a token.
package httprouter

import (
	"io"
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// New returns the API.
func New(auth *middleware.Middleware) http.Handler {
	r := httprouter.New()
	protected := func(method, path string, h http.HandlerFunc, scopes ...string) {
		r.Handler(method, path, auth.RequireScopes(scopes...)(h)) // panics without scopes
	}
	r.HandlerFunc(http.MethodGet, "/healthz", func(http.ResponseWriter, *http.Request) {})
	protected(http.MethodGet, "/timesheets", hello, "read:timesheets")
	protected(http.MethodGet, "/timesheets/:owner", owned, "read:timesheets")
	protected(http.MethodPost, "/timesheets", hello, "write:timesheets")
	return r
}

func hello(w http.ResponseWriter, r *http.Request) {
	who, _ := claims.FromContext(r.Context()) // every protected route requires a token
	_, _ = io.WriteString(w, "hello "+who.Subject())
}

func owned(w http.ResponseWriter, r *http.Request) {
	who, _ := claims.FromContext(r.Context())
	if owner := httprouter.ParamsFromContext(r.Context()).ByName("owner"); owner != who.Subject() {
		http.NotFound(w, r)
		return
	}
	hello(w, r)
}
