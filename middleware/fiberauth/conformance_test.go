package fiberauth_test

import (
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v3"
	recovery "github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

func layer(auth *middleware.Middleware, l middlewaretest.Layer) fiber.Handler {
	switch {
	case l.Optional:
		return fiberauth.Optional(auth)
	case len(l.Policies) == 0:
		return fiberauth.Handler(auth)
	}
	return fiberauth.Require(auth, l.Policies...)
}

// declare declares all layers except the last on nested groups. A group of fiber is for all
// paths below a prefix, so the routes of one path, which have the same layers, share theirs.
func declare(app *fiber.App, auth *middleware.Middleware, routes []middlewaretest.Route) *fiber.App {
	groups := make(map[string]fiber.Router)
	for _, route := range routes {
		last := len(route.Layers) - 1
		if groups[route.Path] == nil {
			group := app.Group(route.Path)
			for _, l := range route.Layers[:last] {
				group = group.Group("", layer(auth, l))
			}
			groups[route.Path] = group
		}
		groups[route.Path].Add([]string{route.Method}, "", layer(auth, route.Layers[last]), func(c fiber.Ctx) error {
			found, ok := fiberauth.Claims(c)
			return c.SendString(route.Serve(c.Context(), found, ok))
		})
	}
	return app
}

// fasthttp ends the process if a handler panics, so all tests run below a recovery.
func TestConformance(t *testing.T) {
	for name, edit := range map[string]func(*fiber.Config){
		"default":                   func(*fiber.Config) {},
		"names as they were sent":   func(c *fiber.Config) { c.DisableHeaderNormalizing = true },
		"bodies that are streamed":  func(c *fiber.Config) { c.StreamRequestBody = true },
		"texts that fiber protects": func(c *fiber.Config) { c.Immutable = true },
	} {
		t.Run(name, func(t *testing.T) {
			middlewaretest.Run(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) http.Handler {
				return serve(t, func(outer fiber.Handler) *fiber.App {
					app := newApp(edit)
					app.Use(recovery.New(), outer)
					return declare(app, auth, routes)
				})
			})
		})
	}
}
