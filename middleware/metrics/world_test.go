package metrics_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
	"github.com/bearerguard/bearerguard/middleware/introspection"
	"github.com/bearerguard/bearerguard/middleware/metrics"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

const origin = "https://api.example.test"

var errDown = errors.New("h0stile: the server is down")

// A world is an API with everything that has a status.
type world struct {
	issuer   *jwkstest.Issuer
	list     *revocation.List
	opaque   *introspection.Introspector
	resolver *tenants.Resolver
	gateway  *forwardauth.Handler
	auth     *middleware.Middleware
	counts   *metrics.Counts

	storeIsDown, endpointIsDown, tableIsDown bool
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{issuer: jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("EdDSA")})}
	w.list = newList(t, revocation.Config{Do: w.store})
	var err error
	w.opaque, err = introspection.New(introspection.Config{
		Endpoint: "https://issuer.example.test/introspect", ClientID: "api", ClientSecret: []byte("secret"),
		Client: &http.Client{Transport: transportFunc(w.introspect)}, Logger: silent,
	})
	require.NoError(t, err)
	w.resolver, err = tenants.New(tenants.Config{
		Patterns: []string{"https://*.tenants.example/"}, Lookup: w.lookup,
		Keys: jwks.Config{Client: w.issuer.Client(), Logger: silent},
	})
	require.NoError(t, err)
	shared, err := dpop.NewShared(dpop.SharedConfig{Do: w.store, LocalOnOutage: true, Logger: silent})
	require.NoError(t, err)
	w.auth, w.counts = observed(t, w.issuer, func(c *middleware.Config) {
		c.Issuer, c.Audiences = "", nil
		c.Issuers = []claims.Issuer{w.list.Protect(claims.Issuer{
			URL: w.issuer.URL(), Audiences: []string{jwkstest.Audience}, Opaque: w.opaque, MaxLifetime: time.Hour,
			Keys: cacheOf(t, w.issuer),
		})}
		c.Client, c.ObserveFetch = nil, nil
		c.Tenants = w.resolver
		c.DPoP = &dpop.Config{
			Origins: []string{origin}, Replays: shared, Nonces: &dpop.Nonces{Secrets: [][]byte{[]byte("a secret of thirty-two bytes, ok")}},
		}
		c.MTLS = &mtls.Config{Source: mtls.FromClientCert, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")}}
	})
	w.gateway = newGateway(t, w.auth)
	w.counts.ShowRevocation("logout", w.list)
	w.counts.ShowIntrospection(w.issuer.URL(), w.opaque)
	w.counts.ShowTenants(w.resolver)
	w.counts.ShowGateway("timesheets", w.gateway)
	return w
}

func newList(t testing.TB, config revocation.Config) *revocation.List {
	t.Helper()
	config.Logger = silent
	list, err := revocation.New(config)
	require.NoError(t, err)
	return list
}

func newGateway(t testing.TB, auth *middleware.Middleware) *forwardauth.Handler {
	t.Helper()
	h, err := forwardauth.New(forwardauth.Config{
		Format: forwardauth.Nginx, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Logger: silent,
		Routes: []forwardauth.Route{{Pattern: "GET /timesheets", Guard: auth.GuardAuthenticated()}},
	})
	require.NoError(t, err)
	return h
}

func cacheOf(t testing.TB, issuer *jwkstest.Issuer) *jwks.Cache {
	t.Helper()
	keys, err := jwks.New(jwks.Config{Issuer: issuer.URL(), Client: issuer.Client(), Logger: silent})
	require.NoError(t, err)
	return keys
}

// store is the Do of the list and of the used proofs. It never has anything.
func (w *world) store(_ context.Context, args ...string) ([]string, error) {
	switch {
	case w.storeIsDown:
		return nil, errDown
	case args[0] == "SET":
		return nil, nil
	}
	return []string{}, nil
}

func (w *world) introspect(*http.Request) (*http.Response, error) {
	if w.endpointIsDown {
		return nil, errDown
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"active":false}`))}, nil
}

func (w *world) lookup(context.Context, string) (claims.Issuer, bool, error) {
	if w.tableIsDown {
		return claims.Issuer{}, false, errDown
	}
	return claims.Issuer{}, false, nil
}

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// send returns the status of the answer to a request from an address that is no trusted proxy.
func (w *world) send(fields ...string) int {
	r, answer := httptest.NewRequest(http.MethodGet, "/timesheets", nil), httptest.NewRecorder()
	for n := 0; n < len(fields); n += 2 {
		r.Header.Set(fields[n], fields[n+1])
	}
	w.auth.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(answer, r)
	return answer.Code
}

func (w *world) figures() map[string]float64 { return flat(w.counts.Families(w.auth.Status())) }
