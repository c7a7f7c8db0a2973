// Command mcp serves timesheets over the Model Context Protocol, with the official Go SDK. It has
// the authorization that the MCP specification requires. From the root of the
// repository:
//
//	ISSUER_URL=https://tenant.eu.auth0.com/ go -C examples run ./mcp
//
// It shows:
//
//   - the streamable HTTP endpoint /mcp behind the middleware; a client without a token
//     gets a challenge that names the protected resource metadata;
//   - the metadata (RFC 9728), which need no token and name the authorization server;
//   - tools that read the caller's claims from their context and require a scope each.
//
// It is configured by its environment:
//
//	ISSUER_URL  the exact issuer, such as https://tenant.eu.auth0.com/; required
//	ADDR        the address to listen on; 127.0.0.1:8080 by default
//	RESOURCE    the URL of this server for its clients, which ends in /mcp and is also the
//	            audience of its tokens (RFC 8707); http://ADDR/mcp by default
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

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/bearerguard/bearerguard/middleware"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// newHandler returns a handler for the protected MCP endpoint and the public metadata.
func newHandler(issuer, resource string) (http.Handler, error) {
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer, Audiences: []string{resource}, Resource: resource, Realm: "timesheets",
	})
	if err != nil {
		return nil, err
	}
	server := newServer()
	endpoint := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{
			// With sessions, every call would run with the context, and so with the
			// claims, of the request that began the session, whatever its own token is.
			Stateless:                    true,
			PropagateRequestCancellation: true,
		})
	mux := http.NewServeMux()
	mux.Handle("/mcp", auth.Require(middleware.AnyScope(readScope, writeScope))(endpoint))

	metadata, err := auth.ResourceMetadata(readScope, writeScope)
	if err != nil {
		return nil, err
	}
	mux.Handle("/.well-known/", metadata)
	return mux, nil
}

// run serves until ctx is done.
func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	listener, err := net.Listen("tcp", cmp.Or(getenv("ADDR"), "127.0.0.1:8080"))
	if err != nil {
		return err
	}
	defer listener.Close()
	resource := cmp.Or(getenv("RESOURCE"), "http://"+listener.Addr().String()+"/mcp")
	handler, err := newHandler(getenv("ISSUER_URL"), resource)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	fmt.Fprintf(stdout, "listening on %s\n", resource)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
