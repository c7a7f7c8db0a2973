package middlewaretest_test

import (
	"net/http"
	"testing"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

// newMux declares the routes with net/http. Groups are muxes within the mux.
func newMux(auth *middleware.Middleware, routes []middlewaretest.Route) http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes {
		var h http.Handler = route
		for n := len(route.Layers) - 1; n >= 0; n-- {
			inner := http.NewServeMux()
			inner.Handle(route.Path, protect(auth, route.Layers[n])(h))
			h = inner
		}
		mux.Handle(route.Method+" "+route.Path, h)
	}
	return mux
}

func protect(auth *middleware.Middleware, layer middlewaretest.Layer) func(http.Handler) http.Handler {
	switch {
	case layer.Optional:
		return auth.Optional
	case len(layer.Policies) == 0:
		return auth.Handler
	}
	return auth.Require(layer.Policies...)
}

func TestNetHTTP(t *testing.T) { middlewaretest.Run(t, newMux) }
