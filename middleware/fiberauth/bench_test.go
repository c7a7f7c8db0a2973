package fiberauth_test

import (
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
)

// newCall returns a function that serves one request, whose token is in the cache.
func newCall(t testing.TB, protected bool) func() {
	t.Helper()
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	app := newApp()
	if protected {
		app.Use(fiberauth.Require(newAuth(t, issuer), middleware.AllScopes("read:example")))
	}
	app.Get("/", func(c fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) })
	handler, ctx := app.Handler(), new(fasthttp.RequestCtx)
	ctx.Request.SetRequestURI("/")
	for name, value := range map[string]string{
		"Host": "api.example.test", "User-Agent": "a client", "Accept": "application/json",
		"Accept-Encoding": "gzip", "Authorization": "Bearer " + issuer.Token(nil),
	} {
		ctx.Request.Header.Set(name, value)
	}
	call := func() {
		ctx.Response.Reset()
		ctx.ResetUserValues()
		handler(ctx)
	}
	call()
	require.Equal(t, fiber.StatusNoContent, ctx.Response.StatusCode())
	return call
}

// The copies of a request with five fields cost some twenty of these.
func TestAllocationsOfAProtectedRoute(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	assert.LessOrEqual(t, testing.AllocsPerRun(100, newCall(t, true)), 30.0)
}

// BenchmarkRequire has the cost of a protected route beside that of an open one.
func BenchmarkRequire(b *testing.B) {
	for name, protected := range map[string]bool{"open": false, "protected": true} {
		b.Run(name, func(b *testing.B) {
			call := newCall(b, protected)
			b.ReportAllocs()
			for b.Loop() {
				call()
			}
		})
	}
}
