package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// start runs the program until the end of the test, and returns its URL.
func start(t *testing.T, issuer string) string {
	t.Helper()
	environment := map[string]string{"ISSUER_URL": issuer, "AUDIENCE": jwkstest.Audience, "ADDR": "127.0.0.1:0"}
	out, stdout := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, func(name string) string { return environment[name] }, stdout) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
}

// newIssuer returns an authorization server that listens on loopback.
func newIssuer(t *testing.T) *jwkstest.Issuer {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "http://" + server.Listener.Addr().String()})
	server.Config.Handler = issuer
	server.Start()
	t.Cleanup(server.Close)
	return issuer
}

func TestProgram(t *testing.T) {
	issuer := newIssuer(t)
	url := start(t, issuer.URL())
	token := func(scope string) string {
		return "Bearer " + issuer.Token(map[string]any{"sub": "alice", "scope": scope})
	}
	for _, tt := range []struct {
		rule, method, path, authorization string
		status                            int
		body, challenge                   string
	}{
		{"health needs no token", "GET", "/healthz", "", 200, `"ok"`, ""},
		{"a request without a token is greeted", "GET", "/", "", 200, `{"hello":"stranger"}`, ""},
		{"a request with a token is greeted by name", "GET", "/", token(""), 200, `{"hello":"alice"}`, ""},
		{"a bad token is refused, although the route needs none", "GET", "/", "Bearer forged", 401, "", `error="invalid_token"`},
		{"no token", "GET", "/timesheets", "", 401, "", `Bearer realm="timesheets"`},
		{"list", "GET", "/timesheets", token("read:timesheets"), 200, `"sub":"alice"`, ""},
		{"list with another scope", "GET", "/timesheets", token("write:timesheets"), 403, "", `scope="read:timesheets"`},
		{"create", "POST", "/timesheets", token("write:timesheets"), 201, `"sub":"alice"`, ""},
		{"create with another scope", "POST", "/timesheets", token("read:timesheets"), 403, "", `scope="write:timesheets"`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), tt.method, url+tt.path, nil)
			require.NoError(t, err)
			if tt.authorization != "" {
				request.Header.Set("Authorization", tt.authorization)
			}
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			assert.Equal(t, tt.status, response.StatusCode)
			assert.Contains(t, string(body), tt.body)
			assert.Contains(t, response.Header.Get("WWW-Authenticate"), tt.challenge)
		})
	}
}

func TestProgramNeedsItsEnvironment(t *testing.T) {
	err := run(t.Context(), func(string) string { return "" }, io.Discard)
	assert.ErrorContains(t, err, "Config.Issuer")
	assert.ErrorContains(t, err, "Config.Audiences")
}
