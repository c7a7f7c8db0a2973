// Command forwardauth is the auth server of a gateway, and an API behind the gateway. The API
// reads who calls from header fields, and never sees a token. From the root of the repository:
//
//	ISSUER_URL=https://tenant.eu.auth0.com/ AUDIENCE=https://timesheets.example.com FORMAT=nginx \
//	    go -C examples run ./forwardauth
//
// The configurations of the gateways are nginx.conf and Caddyfile, in this directory. The program
// is configured by its environment:
//
//	ISSUER_URL   the exact issuer, such as https://tenant.eu.auth0.com/; required
//	AUDIENCE     the identifier of the API; required
//	FORMAT       the gateway: nginx, caddy, traefik or envoy; required
//	PROXIES      the addresses of the gateways, such as 10.0.3.0/24; 127.0.0.1/32 by default
//	DPOP_ORIGIN  the URL at which clients reach the gateway: tokens that are bound to a DPoP key
//	             are accepted with their proof; off by default
//	DPOP_NONCE_SECRET
//	             base64, 32 bytes and more: clients with a wrong clock are given a nonce
//	ADDR         where the auth server listens; 127.0.0.1:9000 by default
//	API_ADDR     where the API listens; 127.0.0.1:9001 by default. Only the gateway may reach it
package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var formats = map[string]forwardauth.Format{
	"nginx": forwardauth.Nginx, "caddy": forwardauth.XForwarded, "traefik": forwardauth.XForwarded, "envoy": forwardauth.Envoy,
}

// newAuthServer returns the handler that the gateway asks.
func newAuthServer(getenv func(string) string) (http.Handler, error) {
	proofs, err := proofsFrom(getenv)
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Issuer: getenv("ISSUER_URL"), Audiences: []string{getenv("AUDIENCE")}, Realm: "timesheets", DPoP: proofs,
	})
	if err != nil {
		return nil, err
	}
	proxies, err := prefixes(cmp.Or(getenv("PROXIES"), "127.0.0.1/32"))
	if err != nil {
		return nil, err
	}
	read, write := middleware.AllScopes("read:timesheets"), middleware.AllScopes("write:timesheets")
	return forwardauth.New(forwardauth.Config{
		Format:         formats[getenv("FORMAT")],
		TrustedProxies: proxies,
		Routes: []forwardauth.Route{
			{Pattern: "GET /{$}", Guard: auth.GuardOptional()},
			{Pattern: "GET /timesheets", Guard: auth.Guard(read)},
			{Pattern: "GET /timesheets/{id}", Guard: auth.Guard(read)},
			{Pattern: "POST /timesheets", Guard: auth.Guard(write)},
		},
		Headers: map[string]func(*claims.Claims) []string{
			"X-Auth-Subject": forwardauth.Claim("sub"),
			"X-Auth-Scopes":  (*claims.Claims).Scopes,
		},
	})
}

// proofsFrom returns what DPoP proofs must be, or nil if tokens that are bound to a key are refused.
func proofsFrom(getenv func(string) string) (*dpop.Config, error) {
	origin, text := getenv("DPOP_ORIGIN"), getenv("DPOP_NONCE_SECRET")
	if origin == "" {
		return nil, nil
	}
	config := &dpop.Config{Origins: []string{origin}}
	if text != "" {
		secret, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("DPOP_NONCE_SECRET is not base64")
		}
		config.Nonces = &dpop.Nonces{Secrets: [][]byte{secret}}
	}
	return config, nil
}

func prefixes(list string) (all []netip.Prefix, err error) {
	for text := range strings.SplitSeq(list, ",") {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("PROXIES: %w", err)
		}
		all = append(all, prefix)
	}
	return all, nil
}

// run serves until ctx is done.
func run(ctx context.Context, getenv func(string) string, stdout io.Writer) error {
	auth, err := newAuthServer(getenv)
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	for _, s := range []struct {
		name, addr string
		handler    http.Handler
	}{
		{"auth server", cmp.Or(getenv("ADDR"), "127.0.0.1:9000"), auth},
		{"API", cmp.Or(getenv("API_ADDR"), "127.0.0.1:9001"), newAPI()},
	} {
		listener, err := net.Listen("tcp", s.addr)
		if err != nil {
			return err
		}
		server := &http.Server{
			Handler: s.handler, ReadHeaderTimeout: 5 * time.Second,
			// Otherwise net/http answers OPTIONS * with a 200, which Envoy would take for a decision.
			DisableGeneralOptionsHandler: true,
		}
		go func() { ended <- server.Serve(listener) }() // until ctx is done
		defer context.AfterFunc(ctx, func() { _ = server.Close() })()
		defer server.Close()
		fmt.Fprintf(stdout, "%s on http://%s\n", s.name, listener.Addr())
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
