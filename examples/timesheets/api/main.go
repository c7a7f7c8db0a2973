// Command api is a Timesheets API: a resource server that lets clients in by the access
// tokens of one issuer. It is configured by its environment:
//
//	ISSUER_URL     the exact issuer, such as https://tenant.eu.auth0.com/; required
//	AUDIENCE       the identifier of this API; required
//	ADDR           where to listen (127.0.0.1:8080)
//	TOKEN_PROFILE  generic, or rfc9068 for at+jwt tokens only (generic)
//	SCOPE_CLAIM    where scopes are found: a claim's name, a dotted path, or a JSON
//	               Pointer (scope, then scp)
//	JWKS_REFRESH   the age at which keys are refreshed, as a Go duration (15m)
//
// It starts, and stays up, while the issuer is down; requests are answered with 503
// until its keys have come.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Getenv, os.Stderr))
}

// run serves until ctx is done. It returns the exit code: 2 for a configuration that
// cannot work, 1 for a server that could not do its work.
func run(ctx context.Context, getenv func(string) string, stderr io.Writer) int {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	config, err := configFrom(getenv)
	if err != nil {
		return misconfigured(stderr, err)
	}
	handler, err := newHandler(config, nil, logger)
	if err != nil {
		return misconfigured(stderr, err)
	}
	if err := serve(ctx, config.addr, handler, logger); err != nil {
		logger.Error("cannot serve", "error", err)
		return 1
	}
	return 0
}

func misconfigured(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "the configuration cannot work:\n%v\n", err)
	return 2
}

// serve lets requests under way finish when ctx is done, for at most ten seconds.
func serve(ctx context.Context, addr string, handler http.Handler, logger *slog.Logger) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second, // a request may wait some seconds for keys
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	logger.Info("listening", "url", "http://"+listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }() // ends with Shutdown

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	logger.Info("shutting down")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}
