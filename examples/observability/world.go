package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/examples/timesheets"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/promauth"
)

// cacheEntries is small, so that tokens are evicted.
const cacheEntries = 200

// A world is an issuer and an API, each with its own server on loopback, and the server of the
// metrics.
type world struct {
	issuer             *jwkstest.Issuer
	apiURL, metricsURL string
	refresh            time.Duration // the age at which the API refreshes its keys
	registry           *prometheus.Registry
	client             *http.Client
	tally              tally
	servers            []*http.Server
}

func newWorld(refresh time.Duration, metricsAddr string) (*world, error) {
	w := &world{
		refresh: refresh, registry: prometheus.NewRegistry(), tally: tally{byOutcome: make(map[string]int)},
		client: &http.Client{ // a request may wait 3 s for keys
			Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 100},
		},
	}
	if err := w.start(metricsAddr); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *world) start(metricsAddr string) error {
	// The listener comes first, because the issuer's URL contains its address.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.issuer = jwkstest.NewIssuer(jwkstest.Config{URL: "http://" + listener.Addr().String() + "/"})
	w.serve(listener, w.issuer)

	endpoint, err := w.listen("127.0.0.1:0", http.HandlerFunc(introspect))
	if err != nil {
		return err
	}
	auth, err := w.newAuth(endpoint)
	if err != nil {
		return err
	}
	if w.apiURL, err = w.listen("127.0.0.1:0", timesheets.New(auth)); err != nil {
		return err
	}
	w.metricsURL, err = w.listen(metricsAddr, promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	w.apiURL, w.metricsURL = w.apiURL+"/timesheets", w.metricsURL+"/metrics"
	return err
}

// newAuth is the code that a resource server needs, with all periods of the key cache in
// proportion to w.refresh.
func (w *world) newAuth(endpoint string) (*middleware.Middleware, error) {
	metrics := promauth.New()
	silent := slog.New(slog.DiscardHandler)
	keys, err := jwks.New(jwks.Config{
		Issuer: w.issuer.URL(), Logger: silent,
		RefreshAfter: w.refresh, StaleWhileRevalidate: 2 * w.refresh, MaxStale: 8 * w.refresh,
		OnFetch: func(cause, result string, took time.Duration) {
			metrics.ObserveFetch(w.issuer.URL(), cause, result, took)
		},
	})
	if err != nil {
		return nil, err
	}
	sources, err := newSources(endpoint)
	if err != nil {
		return nil, err
	}
	config := middleware.Config{
		Issuers: []claims.Issuer{{
			URL: w.issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys,
		}},
		Realm: "timesheets", CacheEntries: cacheEntries, Logger: silent,
		Observe: metrics.Observe, ObserveDuration: true,
	}
	sources.protect(&config)
	auth, err := middleware.New(config)
	if err != nil {
		return nil, err
	}
	if err := sources.show(metrics, w.issuer.URL(), auth); err != nil {
		return nil, err
	}
	return auth, w.registry.Register(metrics.Collector(auth))
}

func (w *world) listen(addr string, handler http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	w.serve(listener, handler)
	return "http://" + listener.Addr().String(), nil
}

func (w *world) serve(listener net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	}
	w.servers = append(w.servers, server)
	go func() { // ends with close
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			slog.Error("cannot serve", "error", err)
		}
	}()
}

func (w *world) close() {
	w.client.CloseIdleConnections()
	for _, server := range w.servers {
		_ = server.Close()
	}
}

// token returns a good token for both routes, with some claims changed.
func (w *world) token(changes map[string]any, options ...jwkstest.Option) string {
	payload := map[string]any{"scope": "read:timesheets write:timesheets"}
	maps.Copy(payload, changes)
	return w.issuer.Token(payload, options...)
}

// breakDown makes the issuer reset all connections, until it recovers.
func (w *world) breakDown() {
	for _, e := range []jwkstest.Endpoint{jwkstest.Discovery, jwkstest.Metadata, jwkstest.JWKS} {
		w.issuer.Fail(e, jwkstest.Reset())
	}
}

// send returns the status of the answer. An empty token means none. GET ignores the body.
func (w *world) send(ctx context.Context, method, token string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, w.apiURL, strings.NewReader(`{"hours":8}`))
	if err != nil {
		return 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := w.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("no answer: %w", err)
	}
	return response.StatusCode, response.Body.Close()
}
