// Command fiber serves a Timesheets API with the fiber framework (v3), by the adapter
// fiberauth. From the root of the repository:
//
//	ISSUER_URL=https://tenant.eu.auth0.com/ AUDIENCE=https://timesheets.example.com \
//	    go -C examples run ./fiber
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
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/gofiber/fiber/v3"
	recovery "github.com/gofiber/fiber/v3/middleware/recover"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// maxHeaderBytes is what a token and a DPoP proof need. fiber's default is 4096.
const maxHeaderBytes = 16 << 10

// newRouter returns the routes, each with the scopes that it requires.
func newRouter(auth *middleware.Middleware) *fiber.App {
	app := fiber.New(fiber.Config{ReadBufferSize: maxHeaderBytes, ReadTimeout: 5 * time.Second})
	app.Use(recovery.New()) // fasthttp does not recover
	app.Get("/healthz", func(c fiber.Ctx) error { return c.JSON(fiber.Map{"status": "ok"}) })
	app.Get("/", fiberauth.Optional(auth), greet)

	timesheets := app.Group("/timesheets", fiberauth.Handler(auth)) // verified once for both layers
	timesheets.Get("", fiberauth.Require(auth, middleware.AllScopes("read:timesheets")), list)
	timesheets.Post("", fiberauth.Require(auth, middleware.AllScopes("write:timesheets")), create)
	return app
}

func greet(c fiber.Ctx) error {
	name := "stranger"
	if who, ok := fiberauth.Claims(c); ok {
		name = who.Subject()
	}
	return c.JSON(fiber.Map{"hello": name})
}

func list(c fiber.Ctx) error {
	who, _ := fiberauth.Claims(c) // the route requires a token
	return c.JSON(fiber.Map{"sub": who.Subject(), "timesheets": []string{}})
}

func create(c fiber.Ctx) error {
	who, _ := fiberauth.Claims(c)
	return c.Status(http.StatusCreated).JSON(fiber.Map{"sub": who.Subject()})
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
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	return newRouter(auth).Listener(listener, fiber.ListenConfig{GracefulContext: ctx, DisableStartupMessage: true})
}
