// Command tenants serves the Timesheets API to many tenants, each with an identity provider of its
// own. It shows both ways to trust issuers that change while a program runs:
//
//   - a file has the whole list, and is followed: package issuerfile, and Replace of
//     middleware.Middleware;
//   - a table has one row for each tenant, which is looked up when a token names its issuer:
//     package claims/tenants.
//
// README.md has the file's format and what happens when it is wrong. The program is configured by
// its environment, with ISSUERS_FILE, TENANT_PATTERNS, or both:
//
//	ISSUERS_FILE         the JSON file of issuers
//	RELOAD_EVERY         how often the file is looked at, as a Go duration; 10s by default
//	TENANT_PATTERNS      the issuers that are looked up, separated by commas, such as
//	                     https://login.example.com/realms/*
//	TENANT_TTL           for how long a tenant that was found is used; 30s by default
//	ADDR                 the address of the API; 127.0.0.1:8080 by default
//	ADMIN_ADDR           the address of the status, the metrics and the table of tenants; not
//	                     served by default. With TENANT_PATTERNS it must be on loopback, and so
//	                     must the host that a request names
//	PRIVATE_HOSTS        hosts of issuers that may have private addresses, separated by commas
//	INSECURE_HTTP_HOSTS  hosts of issuers that may be asked over http, separated by commas
//
// SIGHUP makes it look at the file at once. With -check FILE it checks a file, with the same
// PRIVATE_HOSTS and INSECURE_HTTP_HOSTS, and exits with 0 or 1.
package main

import (
	"context"
	"flag"
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
	// Without this, a SIGHUP would end the process. So it is there before the program serves, and
	// until the process ends.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	os.Exit(run(ctx, hangup, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run serves until ctx is done, and looks at the file at once for each signal of hangup. It returns
// the exit code: 2 for an invalid configuration, which a bad file is when the program starts, 1 for
// a server that failed or for a bad file with -check.
func run(
	ctx context.Context, hangup <-chan os.Signal, args []string, getenv func(string) string, stdout, stderr io.Writer,
) int {
	flags := flag.NewFlagSet("tenants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	file := flags.String("check", "", "check this `file`, and exit with 0 or 1")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *file != "" {
		return check(*file, getenv, stdout, stderr)
	}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	config, err := configFrom(getenv)
	if err != nil {
		return misconfigured(stderr, err)
	}
	api, err := newAPI(config, nil, logger)
	if err != nil {
		return misconfigured(stderr, err)
	}
	if err := api.serve(ctx, hangup, config, logger); err != nil {
		logger.Error("cannot serve", "error", err)
		return 1
	}
	return 0
}

func misconfigured(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "the configuration cannot work:\n%v\n", err)
	return 2
}

// check reports whether a program with this environment would start with the file.
func check(file string, getenv func(string) string, stdout, stderr io.Writer) int {
	c := config{
		issuersFile:  file,
		privateHosts: list(getenv("PRIVATE_HOSTS")), insecureHosts: list(getenv("INSECURE_HTTP_HOSTS")),
	}
	api, err := newAPI(c, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		fmt.Fprintf(stderr, "%s cannot be used:\n%v\n", file, err)
		return 1
	}
	fmt.Fprintf(stdout, "%s: %d issuers\n", file, api.watcher.Status().Issuers)
	return 0
}

// serve serves, and follows the file, until ctx is done, or until a server fails.
func (a *api) serve(ctx context.Context, hangup <-chan os.Signal, c config, logger *slog.Logger) error {
	parts, ctx := errgroup.WithContext(ctx)
	if a.watcher != nil {
		parts.Go(func() error { return a.follow(ctx, hangup) })
	}
	parts.Go(func() error { return serve(ctx, "serving the API", c.addr, a.public, logger) })
	if c.adminAddr != "" {
		admin := a.admin
		if a.tenants != nil {
			admin = onLoopbackOnly(admin)
		}
		parts.Go(func() error { return serve(ctx, "serving the administration", c.adminAddr, admin, logger) })
	}
	return parts.Wait()
}

// follow looks at the file until ctx is done, and at once for each signal.
func (a *api) follow(ctx context.Context, hangup <-chan os.Signal) error {
	go func() { // ends with ctx
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				a.watcher.Reload()
			}
		}
	}()
	_ = a.watcher.Run(ctx) // its error is that of ctx, and no failure
	return nil
}

// serve serves until ctx is done. It then waits at most ten seconds for requests to end.
func serve(ctx context.Context, what, addr string, handler http.Handler, logger *slog.Logger) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	logger.Info(what, "url", "http://"+listener.Addr().String())
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
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}
