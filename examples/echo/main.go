// Command echo serves a Timesheets API with the echo framework (v5), by the adapter
// echoauth. From the root of the repository:
//
//	ISSUER_URL=https://tenant.eu.auth0.com/ AUDIENCE=https://timesheets.example.com \
//	    go -C examples run ./echo
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
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/labstack/echo/v5"
	echomiddleware "github.com/labstack/echo/v5/middleware"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/echoauth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// newRouter returns the routes, each with the scopes that it requires.
func newRouter(auth *middleware.Middleware) http.Handler {
	e := echo.New()
	e.Use(echomiddleware.Recover())
	e.GET("/healthz", func(c *echo.Context) error { return c.JSON(http.StatusOK, body{"status": "ok"}) })
	e.GET("/", greet, echoauth.Optional(auth))

	timesheets := e.Group("/timesheets", echoauth.Handler(auth)) // verified once for both layers
	timesheets.GET("", list, echoauth.Require(auth, middleware.AllScopes("read:timesheets")))
	timesheets.POST("", create, echoauth.Require(auth, middleware.AllScopes("write:timesheets")))
	return e
}

type body map[string]any

func greet(c *echo.Context) error {
	name := "stranger"
	if who, ok := echoauth.Claims(c); ok {
		name = who.Subject()
	}
	return c.JSON(http.StatusOK, body{"hello": name})
}

func list(c *echo.Context) error {
	who, _ := echoauth.Claims(c) // the route requires a token
	return c.JSON(http.StatusOK, body{"sub": who.Subject(), "timesheets": []string{}})
}

func create(c *echo.Context) error {
	who, _ := echoauth.Claims(c)
	return c.JSON(http.StatusCreated, body{"sub": who.Subject()})
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
	server := &http.Server{Handler: newRouter(auth), ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
