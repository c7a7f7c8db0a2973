package main

import (
	"net/http"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

func layer(auth *middleware.Middleware, l middlewaretest.Layer) func(http.Handler) http.Handler {
	switch {
	case l.Optional:
		return auth.Optional
	case len(l.Policies) == 0:
		return auth.Handler
	}
	return auth.Require(l.Policies...)
}

// All layers but the last are on nested groups.
func TestConformance(t *testing.T) {
	middlewaretest.Run(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) http.Handler {
		router := chi.NewRouter()
		for _, route := range routes {
			chi.RegisterMethod(route.Method)
			group, last := chi.Router(router), len(route.Layers)-1
			for _, l := range route.Layers[:last] {
				group = group.Group(func(r chi.Router) { r.Use(layer(auth, l)) })
			}
			group.With(layer(auth, route.Layers[last])).Method(route.Method, route.Path, route)
		}
		return router
	})
}
