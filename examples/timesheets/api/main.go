// Command api serves a Timesheets API: a resource server that accepts the access tokens of
// one issuer. From the root of the repository:
//
//	ISSUER_URL=https://tenant.eu.auth0.com/ AUDIENCE=https://timesheets.example.com \
//	    go -C examples run ./timesheets/api
//
// It is configured by its environment:
//
//	ISSUER_URL     the exact issuer, such as https://tenant.eu.auth0.com/; required
//	AUDIENCE       the identifier of this API; required
//	ADDR           the address to listen on; 127.0.0.1:8080 by default
//	TOKEN_PROFILE  generic (the default), or rfc9068 for at+jwt tokens only
//	SCOPE_CLAIM    the claim that has the scopes: a name, a dotted path, or a JSON Pointer;
//	               scope, then scp, by default
//	JWKS_REFRESH   the age at which keys are refreshed, as a Go duration; 15m by default
//	METRICS_ADDR   the address where Prometheus can scrape /metrics; not served by default
//	DPOP           1 for the origin http://ADDR, or the public origins, separated by commas:
//	               tokens that are bound to a key are accepted with a DPoP proof
//	DPOP_NONCE_SECRET
//	               base64 of at least 32 random bytes: a nonce is demanded of every proof
//	MAX_LIFETIME   the longest time from iat to exp that a token may have, as a Go duration
//	REDIS_URL      redis://host:port/db of a Redis or Valkey server in which all processes
//	               remember the used proofs, and the tokens that were cut off; in memory, and
//	               none, by default
//
// GET /timesheets requires the scope read:timesheets, POST /timesheets requires
// write:timesheets. With REDIS_URL, POST /revocations requires write:revocations, and cuts off
// tokens: {"kind": "subject", "id": "alice"}. The other kinds are session, client, issuer and
// token, which has expires_at; all but token need MAX_LIFETIME.
//
// GET /healthz and GET /readyz require no token: the first answers 200 while the process serves,
// the second while it also has keys and, with REDIS_URL, a current list of revoked tokens. The
// API starts and keeps running while the issuer or the server is down, and answers 503 until it
// has the issuer's keys and the list.
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

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Getenv, os.Stderr))
}

// run serves until ctx is done. It returns the exit code: 2 for an invalid configuration,
// 1 for a server that failed.
func run(ctx context.Context, getenv func(string) string, stderr io.Writer) int {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	config, err := configFrom(getenv)
	if err != nil {
		return misconfigured(stderr, err)
	}
	api, err := newAPI(config, nil, logger)
	if err != nil {
		return misconfigured(stderr, err)
	}
	if err := api.serve(ctx, config, logger); err != nil {
		logger.Error("cannot serve", "error", err)
		return 1
	}
	return 0
}

func misconfigured(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "the configuration cannot work:\n%v\n", err)
	return 2
}

// serve serves until ctx is done, or until one of the two servers fails.
func (a api) serve(ctx context.Context, c config, logger *slog.Logger) error {
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err
	}
	servers, ctx := errgroup.WithContext(ctx)
	logger.Info("listening", "url", "http://"+listener.Addr().String())
	servers.Go(func() error { return serve(ctx, listener, a.timesheets, logger) })
	if a.revocations != nil {
		go func() { _ = a.revocations.Run(ctx) }() // ends with ctx
	}
	if c.metricsAddr != "" {
		servers.Go(func() error {
			listener, err := net.Listen("tcp", c.metricsAddr)
			if err != nil {
				return err
			}
			logger.Info("serving metrics", "url", "http://"+listener.Addr().String()+"/metrics")
			return serve(ctx, listener, a.metrics, logger)
		})
	}
	return servers.Wait()
}

// serve serves until ctx is done. It then waits at most ten seconds for requests to end.
func serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second, // a request may wait 3 s for keys
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }() // ends with Shutdown

	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	logger.Info("shutting down", "address", listener.Addr().String())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}
