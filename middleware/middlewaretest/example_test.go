package middlewaretest_test

import (
	"net/http"
	"testing"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

// The test of an adapter declares the routes as an application would, one layer at a time.
// Here the framework is net/http, and the adapter is the Middleware itself.
func ExampleRun() {
	var t *testing.T // of the test

	layer := func(auth *middleware.Middleware, l middlewaretest.Layer) func(http.Handler) http.Handler {
		switch {
		case l.Optional:
			return auth.Optional
		case len(l.Policies) == 0:
			return auth.Handler
		}
		return auth.Require(l.Policies...)
	}
	middlewaretest.Run(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) http.Handler {
		mux := http.NewServeMux()
		for _, route := range routes {
			var h http.Handler = route
			for n := len(route.Layers) - 1; n >= 0; n-- {
				h = layer(auth, route.Layers[n])(h)
			}
			mux.Handle(route.Method+" "+route.Path, h)
		}
		return mux
	})
}
