// Package huma protects operations of huma v2. The scopes of an operation are written once, in
// its Security, which is also in the OpenAPI document. OnAddOperation reads it when an operation is
// registered, so a mistake is found at set-up. An operation that it was not told of, such as a
// hidden one, is denied, and so none is open by mistake. What needs no token is beside huma, on the
// mux; so are the document and its page.
package huma

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// New returns the API.
func New(auth *middleware.Middleware) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	config := huma.DefaultConfig("Timesheets", "1")
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	operations := make(map[*huma.Operation]func(http.Handler) http.Handler)
	config.OnAddOperation = append(config.OnAddOperation, func(_ *huma.OpenAPI, o *huma.Operation) { operations[o] = demand(auth, o) })
	denied := auth.Require(middleware.Policy{}) // the zero Policy denies
	api := humago.New(mux, config)
	api.UseMiddleware(func(c huma.Context, next func(huma.Context)) {
		protect, found := operations[c.Operation()]
		if !found {
			protect = denied
		}
		r, w := humago.Unwrap(c)
		protect(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { next(huma.WithContext(c, r.Context())) })).ServeHTTP(w, r)
	})
	register(api)
	return mux
}

// demand returns what the Security of an operation demands, which is one list of scopes.
func demand(auth *middleware.Middleware, o *huma.Operation) func(http.Handler) http.Handler {
	if len(o.Security) != 1 || len(o.Security[0]) != 1 || len(o.Security[0]["bearer"]) == 0 {
		panic("huma: Security of " + o.OperationID + " is not one list of scopes of bearer")
	}
	return auth.RequireScopes(o.Security[0]["bearer"]...)
}

func register(api huma.API) {
	huma.Register(api, operation("list", http.MethodGet, "read:timesheets"), hello)
	huma.Register(api, operation("create", http.MethodPost, "write:timesheets"), hello)
	hidden := operation("purge", http.MethodDelete, "write:timesheets")
	hidden.Hidden = true
	huma.Register(api, hidden, hello)
}

func operation(id, method string, scopes ...string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/timesheets", DefaultStatus: http.StatusOK,
		Security: []map[string][]string{{"bearer": scopes}},
	}
}

type greeting struct{ Body string }

func hello(ctx context.Context, _ *struct{}) (*greeting, error) {
	who, _ := claims.FromContext(ctx) // every operation requires a token
	return &greeting{Body: "hello " + who.Subject()}, nil
}
