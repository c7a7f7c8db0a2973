// Command gin serves a Timesheets API with the gin framework, by the adapter ginauth. From
// the root of the repository:
//
//	ISSUER_URL=https://tenant.eu.auth0.com/ AUDIENCE=https://timesheets.example.com \
//	    go -C examples run ./gin
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

	"github.com/gin-gonic/gin"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/ginauth"
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
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/healthz", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	r.GET("/", ginauth.Optional(auth), greet)

	timesheets := r.Group("/timesheets", ginauth.Handler(auth)) // verified once for both layers
	timesheets.GET("", ginauth.Require(auth, middleware.AllScopes("read:timesheets")), list)
	timesheets.POST("", ginauth.Require(auth, middleware.AllScopes("write:timesheets")), create)
	return r
}

func greet(c *gin.Context) {
	name := "stranger"
	if who, ok := ginauth.Claims(c); ok {
		name = who.Subject()
	}
	c.JSON(http.StatusOK, gin.H{"hello": name})
}

func list(c *gin.Context) {
	who, _ := ginauth.Claims(c) // the route requires a token
	c.JSON(http.StatusOK, gin.H{"sub": who.Subject(), "timesheets": []string{}})
}

func create(c *gin.Context) {
	who, _ := ginauth.Claims(c)
	c.JSON(http.StatusCreated, gin.H{"sub": who.Subject()})
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
