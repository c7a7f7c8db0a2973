package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// start runs the program until the end of the test, and returns the URLs of both servers.
func start(t *testing.T, environment map[string]string) (auth, api string) {
	t.Helper()
	out, stdout := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, func(name string) string { return environment[name] }, stdout) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	auth = strings.TrimPrefix(lines.Text(), "auth server on ")
	require.True(t, lines.Scan())
	return auth, strings.TrimPrefix(lines.Text(), "API on ")
}

func TestProgram(t *testing.T) {
	issuer := newIssuer(t)
	auth, api := start(t, map[string]string{
		"ISSUER_URL": issuer.URL(), "AUDIENCE": jwkstest.Audience, "FORMAT": "envoy", "ADDR": "127.0.0.1:0", "API_ADDR": "127.0.0.1:0",
	})
	client := &http.Client{Timeout: 30 * time.Second}
	get := func(url, name, value string) (int, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		r.Header.Set(name, value)
		response, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header
	}
	_, token, _ := strings.Cut(bearer(issuer, nil), ": ")
	status, header := get(auth+"/timesheets", "Authorization", token)
	assert.Equal(t, 200, status)
	assert.Equal(t, []string{"alice"}, header["X-Auth-Subject"])
	status, _ = get(api+"/timesheets", "X-Auth-Subject", "alice")
	assert.Equal(t, 200, status)
	status, _ = get(api+"/timesheets", "Authorization", token)
	assert.Equal(t, 500, status, "the API reads no tokens")

	address := strings.TrimPrefix(auth, "http://")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	assert.Equal(t, 400, exchange(t, conn, address, "OPTIONS", "*").status, "net/http would answer 200")
}

func TestProgramNeedsItsEnvironment(t *testing.T) {
	good := map[string]string{"ISSUER_URL": "https://issuer.example/", "AUDIENCE": "a", "FORMAT": "nginx", "DPOP_ORIGIN": "https://api.example.com"}
	for rule, tt := range map[string]struct{ name, value, want string }{
		"an issuer":           {"ISSUER_URL", "", "Config.Issuer"},
		"an audience":         {"AUDIENCE", "", "Config.Audiences"},
		"a format":            {"FORMAT", "apache", "Config.Format"},
		"prefixes":            {"PROXIES", "10.0.0.1", "PROXIES"},
		"an origin for DPoP":  {"DPOP_ORIGIN", "api.example.com", "Config.Origins"},
		"a secret":            {"DPOP_NONCE_SECRET", "?", "DPOP_NONCE_SECRET"},
		"an address for it":   {"ADDR", "nowhere", "nowhere"},
		"an address for both": {"API_ADDR", "nowhere", "nowhere"},
	} {
		t.Run(rule, func(t *testing.T) {
			err := run(t.Context(), func(name string) string {
				switch name {
				case tt.name:
					return tt.value
				case "ADDR", "API_ADDR":
					return "127.0.0.1:0"
				}
				return good[name]
			}, io.Discard)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
