package jwks_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestPublicOnlyMistakes(t *testing.T) {
	const private = "address is not public"
	for name, tt := range map[string]struct {
		change  func(*jwks.Config)
		problem string
	}{
		"loopback":            {func(c *jwks.Config) { c.Issuer = "https://127.0.0.1/" }, private},
		"loopback in IPv6":    {func(c *jwks.Config) { c.Issuer = "https://[::1]:8443" }, private},
		"loopback by name":    {func(c *jwks.Config) { c.Issuer = "https://localhost" }, private},
		"a private address":   {func(c *jwks.Config) { c.Issuer = "https://10.0.0.1/realms/a" }, private},
		"a mapped address":    {func(c *jwks.Config) { c.Issuer = "https://[::ffff:192.168.0.1]" }, private},
		"a metadata service":  {func(c *jwks.Config) { c.URL = "https://169.254.169.254/latest" }, private},
		"URL beside Issuer":   {func(c *jwks.Config) { c.URL = "https://192.168.1.1/keys" }, private},
		"http on loopback":    {func(c *jwks.Config) { c.Issuer = "http://localhost:8080" }, "https is required"},
		"http elsewhere":      {func(c *jwks.Config) { c.Issuer = "http://tenant.example" }, "https is required"},
		"with AllowRedirects": {func(c *jwks.Config) { c.AllowRedirects = true }, "neither AllowRedirects nor Authorization"},
		"with Authorization": {func(c *jwks.Config) {
			c.Authorization = func(context.Context) (string, error) { return "", nil }
		}, "neither AllowRedirects nor Authorization"},
		"http on a private host that may use http": {func(c *jwks.Config) {
			c.Issuer, c.InsecureHTTPHosts = "http://127.0.0.1:8080", []string{"127.0.0.1"}
		}, private},
	} {
		config := jwks.Config{Issuer: "https://tenant.example", PublicOnly: true}
		tt.change(&config)
		_, err := jwks.New(config)
		assert.ErrorContains(t, err, tt.problem, name)
	}
	for _, config := range []jwks.Config{
		{Issuer: "https://tenant.example/a"},
		{Issuer: "https://10.0.0.1", PrivateHosts: []string{"10.0.0.1"}},
		{Issuer: "http://127.0.0.1:8080", PrivateHosts: []string{"127.0.0.1"}, InsecureHTTPHosts: []string{"127.0.0.1"}},
	} {
		config.PublicOnly = true
		_, err := jwks.New(config)
		assert.NoError(t, err)
	}
}

// The name of a tenant's host can lead anywhere, and its owner can change that at any time. So
// the address is checked when it is dialled.
func TestPublicOnlyRefusesNamesOfPrivateAddresses(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://tenant.example", Key: namedKey("known")})
	server := httptest.NewTLSServer(issuer)
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.InsecureSkipVerify = true // its certificate is for another name
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	refresh := func(change func(*jwks.Config)) error {
		config := jwks.Config{Issuer: issuer.URL(), Client: &http.Client{Transport: transport}, PublicOnly: true}
		change(&config)
		cache, err := jwks.New(config)
		require.NoError(t, err)
		return cache.Refresh(t.Context())
	}
	require.NoError(t, refresh(func(c *jwks.Config) { c.PublicOnly = false }), "configured by hand")
	require.ErrorContains(t, refresh(func(*jwks.Config) {}), "address is not public")
	require.ErrorContains(t, refresh(func(c *jwks.Config) { c.URL = "https://tenant.example/jwks.json" }), "address is not public")
	require.NoError(t, refresh(func(c *jwks.Config) { c.PrivateHosts = []string{"tenant.example"} }))
	assert.Equal(t, 2, issuer.Count(jwkstest.JWKS))
}
