package main

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
	"github.com/bearerguard/bearerguard/middleware/introspection"
	"github.com/bearerguard/bearerguard/middleware/mtls"
	"github.com/bearerguard/bearerguard/middleware/promauth"
)

// opaquePrefix is how the opaque tokens of the issuer begin.
const opaquePrefix = "at_"

// The sources are what the API has beside its keys, one of each kind. But for unknown opaque tokens
// nothing happens to them here, so that their figures stay 0: the alerts need those zeros.
type sources struct {
	list     *revocation.List
	opaque   *introspection.Introspector
	resolver *tenants.Resolver
	replays  *dpop.Shared
}

// newSources returns them. endpoint is the introspection endpoint.
func newSources(endpoint string) (s sources, err error) {
	if s.list, err = revocation.New(revocation.Config{Do: emptyServer}); err != nil {
		return s, err
	}
	if s.opaque, err = introspection.New(introspection.Config{
		Endpoint: endpoint, Prefix: opaquePrefix, InsecureNoAuthentication: true,
	}); err != nil {
		return s, err
	}
	if s.resolver, err = tenants.New(tenants.Config{
		Patterns: []string{"https://*.tenants.example/"},
		Lookup:   func(context.Context, string) (claims.Issuer, bool, error) { return claims.Issuer{}, false, nil },
	}); err != nil {
		return s, err
	}
	s.replays, err = dpop.NewShared(dpop.SharedConfig{Do: emptyServer})
	return s, err
}

// emptyServer plays a Redis server that has nothing.
func emptyServer(_ context.Context, args ...string) ([]string, error) {
	if args[0] == "SET" {
		return nil, nil // there was no value
	}
	return []string{}, nil
}

// introspect plays an introspection endpoint that knows no token.
func introspect(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"active":false}`)) }

// protect adds the sources to the configuration of the API.
func (s sources) protect(c *middleware.Config) {
	for n := range c.Issuers {
		c.Issuers[n].Opaque = s.opaque
		c.Issuers[n] = s.list.Protect(c.Issuers[n])
	}
	c.Tenants = s.resolver
	c.DPoP = &dpop.Config{
		Origins: []string{"https://timesheets.example.com"}, Replays: s.replays,
		Nonces: &dpop.Nonces{Secrets: [][]byte{[]byte("a secret of thirty-two bytes, ok")}},
	}
	c.MTLS = &mtls.Config{Source: mtls.FromClientCert, TrustedProxies: proxies}
}

var proxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}

// show adds the sources to the metrics. What auth knows itself needs no line.
func (s sources) show(metrics *promauth.Metrics, issuer string, auth *middleware.Middleware) error {
	gateway, err := forwardauth.New(forwardauth.Config{
		Format: forwardauth.Nginx, TrustedProxies: proxies,
		Routes: []forwardauth.Route{{Pattern: "GET /timesheets", Guard: auth.GuardAuthenticated()}},
	})
	if err != nil {
		return err
	}
	metrics.ShowRevocation("logout", s.list)
	metrics.ShowIntrospection(issuer, s.opaque)
	metrics.ShowTenants(s.resolver)
	metrics.ShowGateway("timesheets", gateway)
	return nil
}
