package main

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/examples/tenants/issuerfile"
	"github.com/bearerguard/bearerguard/examples/timesheets"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/promauth"
)

// An api has a handler for each of its addresses, and what changes the issuers.
type api struct {
	public  http.Handler // ADDR
	admin   http.Handler // ADMIN_ADDR
	auth    *middleware.Middleware
	watcher *issuerfile.Watcher // nil without ISSUERS_FILE
	tenants *table              // nil without TENANT_PATTERNS
	metrics *prometheus.Registry
}

// newAPI makes no request. The client is for the fetches of keys; nil means the library's.
func newAPI(c config, client *http.Client, logger *slog.Logger) (*api, error) {
	a, metrics := &api{metrics: prometheus.NewRegistry()}, promauth.New()
	config := middleware.Config{
		Realm: "timesheets", Client: client, Logger: logger,
		Observe: metrics.Observe, ObserveFetch: metrics.ObserveFetch,
		PrivateHosts: c.privateHosts, InsecureHTTPHosts: c.insecureHosts,
	}
	var err error
	if c.patterns != nil {
		if a.tenants, err = newTable(c, client, logger); err != nil {
			return nil, err
		}
		config.Tenants = a.tenants.resolver
		metrics.ShowTenants(a.tenants.resolver)
	} else {
		config.Issuers = notYet
	}
	if a.auth, err = middleware.New(config); err != nil {
		return nil, err
	}
	if c.issuersFile != "" {
		a.watcher, err = issuerfile.New(issuerfile.Config{
			Path: c.issuersFile, Every: c.reloadEvery, Replace: a.auth.Replace, Logger: logger,
		})
		if err != nil {
			return nil, err
		}
		metrics.ShowReloads(a.watcher.Reloads)
	}
	a.public, a.admin = timesheets.New(a.auth), newAdmin(a)
	return a, a.metrics.Register(metrics.Collector(a.auth)) // after the file: notYet gets no label
}

// notYet is replaced by the issuers of the file before a request is served. The middleware dials
// the issuers of its Config wherever they are. Those of the file are not written by the hand that
// runs the program, so they all come by Replace, which allows public addresses only.
var notYet = []claims.Issuer{{URL: "https://issuer.invalid/", Audiences: []string{"none"}}}

func newTable(c config, client *http.Client, logger *slog.Logger) (*table, error) {
	t := &table{rows: make(map[string]claims.Issuer)}
	var err error
	t.resolver, err = tenants.New(tenants.Config{
		Patterns: c.patterns, Lookup: t.lookup, TTL: c.ttl, NegativeTTL: min(c.ttl, maxNegativeTTL), Logger: logger,
		Keys: jwks.Config{
			Client: client, Logger: logger, PrivateHosts: c.privateHosts, InsecureHTTPHosts: c.insecureHosts,
		},
	})
	return t, err
}
