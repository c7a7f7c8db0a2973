package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/examples/timesheets"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/promauth"
)

// An api has a handler for each of its addresses.
type api struct {
	timesheets  http.Handler     // ADDR
	metrics     http.Handler     // METRICS_ADDR
	revocations *revocation.List // nil without REDIS_URL
}

// newAPI makes no request, because the first token causes the first fetch of the keys. The
// client is for these fetches; nil means the library's.
func newAPI(c config, client *http.Client, logger *slog.Logger) (api, error) {
	metrics := promauth.New()
	keys, err := jwks.New(jwks.Config{
		Issuer: c.issuer.URL, RefreshAfter: c.refreshAfter, Client: client, Logger: logger,
		OnFetch: func(cause, result string, took time.Duration) {
			metrics.ObserveFetch(c.issuer.URL, cause, result, took)
		},
	})
	if err != nil {
		return api{}, err
	}
	c.issuer.Keys = keys
	unprotected := c.issuer
	var list *revocation.List
	if c.store != nil {
		if list, err = revocation.New(revocation.Config{Do: c.store, Logger: logger}); err != nil {
			return api{}, err
		}
		c.issuer = list.Protect(c.issuer)
	}
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{c.issuer}, Realm: "timesheets", Logger: logger,
		Observe: metrics.Observe, ObserveDuration: true, DPoP: c.dpop, MTLS: c.mtls,
	})
	if err != nil {
		return api{}, err
	}
	metrics.ShowRevocation("redis", list) // no figures without REDIS_URL
	registry := prometheus.NewRegistry()
	if err := registry.Register(metrics.Collector(auth)); err != nil {
		return api{}, err
	}
	if list == nil {
		return api{timesheets.New(auth), scraped(registry), nil}, nil
	}
	mux := http.NewServeMux()
	mux.Handle("/", timesheets.New(auth, readable(list)))
	mux.Handle("POST /revocations", auth.RequireScopes("write:revocations")(revoke(list, unprotected, auth)))
	return api{mux, scraped(registry), list}, nil
}

// readable returns what says whether requests can ask the list. A new process that cannot read it
// refuses all of them: it must not take the place of one that can.
func readable(list *revocation.List) func(context.Context) error {
	return func(ctx context.Context) error { return list.Check(ctx, new(claims.Claims)) }
}

// scraped answers a scrape by Prometheus. It requires no token, so its address must not be
// public: it tells the URL of the issuer, and how many requests there are.
func scraped(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}
