// Package oapicodegen protects a server of oapi-codegen. The scopes of an operation are written
// once, in its security in openapi.yaml. They are read from the document at set-up, so a
// requirement that this package does not understand is an error, and metadata names all scopes.
// The code of oapi-codegen puts no scopes into the context any more, unless a deprecated option is
// set: code that takes their absence for a public operation would open every route. So a route
// that is not in the document is denied, and a public operation must say so.
package oapicodegen

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/examples/routers/oapicodegen/timesheetsapi"
	"github.com/bearerguard/bearerguard/middleware"
)

// New returns the API, or an error about its document.
func New(auth *middleware.Middleware, document []byte) (http.Handler, error) {
	routes, err := demands(auth, document)
	if err != nil {
		return nil, err
	}
	m := protectedMux{http.NewServeMux(), routes, auth.Require(middleware.Policy{})} // the zero Policy denies
	return timesheetsapi.HandlerFromMux(server{}, m), nil
}

// A protectedMux protects each route that the generated code declares. StdHTTPServerOptions has
// Middlewares, too, but they run after the parameters are parsed: a caller without a token would
// get a 400 that says what a parameter must be.
type protectedMux struct {
	*http.ServeMux
	routes map[string]layer // by pattern
	denied layer
}

func (m protectedMux) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	demand, found := m.routes[pattern]
	if !found {
		demand = m.denied
	}
	m.Handle(pattern, demand(http.HandlerFunc(handler)))
}

type layer = func(http.Handler) http.Handler

// demands returns what each operation demands, by its pattern. The document must have a security
// of its own, so that an operation without one needs a token.
func demands(auth *middleware.Middleware, document []byte) (map[string]layer, error) {
	api, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		return nil, err
	}
	if len(api.Security) == 0 {
		return nil, errors.New("the document has no security")
	}
	routes := make(map[string]layer)
	for path, item := range api.Paths.Map() {
		for method, operation := range item.Operations() {
			pattern := method + " " + path
			if routes[pattern], err = demand(auth, *cmp.Or(operation.Security, &api.Security)); err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			}
		}
	}
	return routes, nil
}

func demand(auth *middleware.Middleware, security openapi3.SecurityRequirements) (layer, error) {
	switch {
	case len(security) == 0: // the operation says "security: []"
		return func(next http.Handler) http.Handler { return next }, nil
	case len(security) != 1, len(security[0]) != 1, security[0]["bearer"] == nil:
		return nil, errors.New("security is not one list of scopes of bearer")
	case len(security[0]["bearer"]) == 0:
		return auth.Handler, nil
	}
	return auth.RequireScopes(security[0]["bearer"]...), nil
}

// A server has the operations.
type server struct{}

func (server) Health(http.ResponseWriter, *http.Request)          {}
func (server) List(w http.ResponseWriter, r *http.Request)        { hello(w, r) }
func (server) Create(w http.ResponseWriter, r *http.Request)      { hello(w, r) }
func (server) Read(w http.ResponseWriter, r *http.Request, _ int) { hello(w, r) }

func hello(w http.ResponseWriter, r *http.Request) {
	who, _ := claims.FromContext(r.Context()) // its operations require a token
	_, _ = io.WriteString(w, "hello "+who.Subject())
}
