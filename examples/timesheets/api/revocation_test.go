package main

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// redisServer starts a redis-server on a socket, and returns its URL.
func redisServer(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("redis-server is missing: apt-get install --no-install-recommends redis-server")
	}
	require.NoError(t, err)
	home, err := os.MkdirTemp("", "redis") // the path of a socket must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	socket := filepath.Join(home, "socket") // another process could take a free port first
	server := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", home)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	return "unix://" + socket
}

// decided is call. On a busy machine the server does not answer in half a second, which is a 503.
func decided(t *testing.T, handler http.Handler, method, path, token, body string) *httptest.ResponseRecorder {
	t.Helper()
	for limit := time.Now().Add(time.Minute); ; {
		w := call(handler, method, path, token, body)
		if w.Code != http.StatusServiceUnavailable {
			return w
		}
		require.True(t, time.Now().Before(limit), w.Body)
	}
}

func TestRevocationsAreShared(t *testing.T) {
	issuer, store := jwkstest.NewIssuer(jwkstest.Config{}), redisServer(t)
	start := func() http.Handler {
		c, err := configFrom(environment("ISSUER_URL", issuer.URL(), "REDIS_URL", store, "MAX_LIFETIME", "2h"))
		require.NoError(t, err)
		a, err := newAPI(c, issuer.Client(), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		go func() { _ = a.revocations.Run(t.Context()) }()
		return a.timesheets
	}
	one, two := start(), start()
	alice, admin := scoped(issuer, "read:timesheets"), issuer.Token(map[string]any{"sub": "root", "scope": "write:revocations read:timesheets"})
	for _, api := range []http.Handler{one, two} {
		require.Equal(t, 200, decided(t, api, "GET", "/timesheets", alice, "").Code)
	}
	assert.Equal(t, 403, decided(t, one, "POST", "/revocations", alice, `{"kind":"subject","id":"alice"}`).Code)
	require.Equal(t, 204, decided(t, one, "POST", "/revocations", admin, `{"kind":"subject","id":"alice"}`).Code)
	assert.Equal(t, 401, decided(t, one, "GET", "/timesheets", alice, "").Code)
	require.Eventually(t, func() bool { return decided(t, two, "GET", "/timesheets", alice, "").Code == 401 }, time.Minute, 50*time.Millisecond)
	assert.Equal(t, 200, decided(t, two, "GET", "/timesheets", admin, "").Code, "another user")
}

// A rollout with a wrong REDIS_URL must stop: no new instance would accept a request.
func TestAnInstanceThatCannotReadTheListIsNotReady(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	w := call(apiOf(t, issuer, "REDIS_URL", "redis://127.0.0.1:1/0"), "GET", "/readyz", "", "")
	assert.Equal(t, 503, w.Code)
	assert.JSONEq(t, `{"status":"unavailable","reason":"unavailable"}`, w.Body.String())
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	good := apiOf(t, issuer, "REDIS_URL", redisServer(t))
	require.Eventually(t, func() bool { return call(good, "GET", "/readyz", "", "").Code == 200 }, 20*time.Second, 50*time.Millisecond)
}

func TestRevocationsAreMeasured(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	start := func(pairs ...string) api {
		c, err := configFrom(environment(append(pairs, "ISSUER_URL", issuer.URL(), "MAX_LIFETIME", "2h")...))
		require.NoError(t, err)
		a, err := newAPI(c, issuer.Client(), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return a
	}
	a := start("REDIS_URL", redisServer(t))
	admin := issuer.Token(map[string]any{"scope": "write:revocations"})
	require.Equal(t, 204, decided(t, a.timesheets, "POST", "/revocations", admin, `{"kind":"subject","id":"alice"}`).Code)
	require.Equal(t, 401, decided(t, a.timesheets, "GET", "/timesheets", scoped(issuer, "read:timesheets"), "").Code)
	scrape := call(a.metrics, "GET", "/metrics", "", "").Body.String()
	for _, line := range []string{
		`bearerguard_revocation_refused_total{feed="redis",kind="subject"} 1`,
		`bearerguard_revocation_entries{feed="redis",kind="subject"} 1`,
		`bearerguard_revocation_feed_max_age_seconds{feed="redis"} 60`,
	} {
		assert.Contains(t, scrape, line+"\n")
	}
	assert.NotContains(t, scrape, "alice")
	assert.NotContains(t, call(start().metrics, "GET", "/metrics", "", "").Body.String(), "revocation")
}

func TestRevocationsThatCannotBeRead(t *testing.T) {
	issuer, store := jwkstest.NewIssuer(jwkstest.Config{}), redisServer(t)
	api := apiOf(t, issuer, "REDIS_URL", store)
	admin := issuer.Token(map[string]any{"scope": "write:revocations"})
	for body, status := range map[string]int{
		``: 400, `[]`: 400, `{"kind":"user","id":"alice"}`: 400, `{"kind":"subject"}`: 400, `{"kind":"issuer","id":"x"}`: 400,
		`{"kind":"token","id":"j"}`: 400, `{"kind":"subject","id":"alice","x":1}`: 400,
		`{"kind":"subject","id":"alice"}`: 400, // without MAX_LIFETIME
		`{"kind":"token","id":"` + strings.Repeat("j", 1025) + `","expires_at":4102444800}`: 400,
		`{"kind":"token","id":"j","expires_at":4102444800}{"kind":"token"}`:                 400,
		`{"kind":"token","id":"j","expires_at":4102444800}`:                                 204,
	} {
		assert.Equal(t, status, decided(t, api, "POST", "/revocations", admin, body).Code, body)
	}
	assert.Equal(t, 404, decided(t, apiOf(t, issuer), "POST", "/revocations", admin, `{}`).Code, "without REDIS_URL")
}
