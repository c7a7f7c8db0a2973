package promauth_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

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

var silent = slog.New(slog.DiscardHandler)

// withProofs has a Middleware accept tokens that are bound to a key or a certificate.
func withProofs(t testing.TB) func(*middleware.Config) {
	t.Helper()
	replays, err := dpop.NewShared(dpop.SharedConfig{Do: nothing, Logger: silent})
	require.NoError(t, err)
	return func(c *middleware.Config) {
		c.DPoP = &dpop.Config{
			Origins: []string{"https://api.example.test"}, Replays: replays,
			Nonces: &dpop.Nonces{Secrets: [][]byte{[]byte("a secret of thirty-two bytes, ok")}},
		}
		c.MTLS = &mtls.Config{Source: mtls.FromClientCert, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")}}
	}
}

// nothing is the Do of a server that has nothing.
func nothing(context.Context, ...string) ([]string, error) { return []string{}, nil }

// showAll adds one source of each kind, and returns the list.
func showAll(t testing.TB, auth *middleware.Middleware, metrics *promauth.Metrics, issuer string) *revocation.List {
	t.Helper()
	list, err := revocation.New(revocation.Config{Do: nothing, Logger: silent})
	require.NoError(t, err)
	opaque, err := introspection.New(introspection.Config{
		Endpoint: issuer + "introspect", ClientID: "api", ClientSecret: []byte("secret"),
		Client: &http.Client{Transport: inactive{}}, Logger: silent,
	})
	require.NoError(t, err)
	resolver, err := tenants.New(tenants.Config{
		Patterns: []string{"https://*.tenants.example/"},
		Lookup:   func(context.Context, string) (claims.Issuer, bool, error) { return claims.Issuer{}, false, nil },
	})
	require.NoError(t, err)
	gateway, err := forwardauth.New(forwardauth.Config{
		Format: forwardauth.Nginx, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")}, Logger: silent,
		Routes: []forwardauth.Route{{Pattern: "GET /timesheets", Guard: auth.GuardAuthenticated()}},
	})
	require.NoError(t, err)
	metrics.ShowRevocation("logout", list)
	metrics.ShowIntrospection(issuer, opaque)
	metrics.ShowTenants(resolver)
	metrics.ShowGateway("timesheets", gateway)
	_, _, err = opaque.Introspect(t.Context(), issuer, "an-opaque-token-1")
	require.ErrorIs(t, err, claims.ErrRejected)
	_, err = resolver.Resolve(t.Context(), "https://none.tenants.example/")
	require.ErrorIs(t, err, claims.ErrIssuer)
	return list
}

// inactive is an endpoint that knows no token.
type inactive struct{}

func (inactive) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"active":false}`))}, nil
}
