package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A program is a gateway that the tests start.
type program struct {
	names         []string // of its executable
	pack          string   // of Debian
	configuration string   // in this directory
	args          func(home, configuration string) []string
}

var programs = map[string]program{
	"nginx": {
		names: []string{"nginx", "/usr/sbin/nginx"}, // which is not in every PATH
		pack:  "nginx-light", configuration: "nginx.conf",
		args: func(home, configuration string) []string {
			return []string{"-p", home, "-c", configuration, "-e", "stderr"}
		},
	},
	"caddy": {
		names: []string{"caddy"}, pack: "caddy", configuration: "Caddyfile",
		args: func(_, configuration string) []string {
			return []string{"run", "--config", configuration, "--adapter", "caddyfile"}
		},
	},
}

// require returns the name of the executable. It skips the test if there is none. In CI the test
// fails instead.
func (p program) require(t *testing.T) string {
	t.Helper()
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("starts a gateway, on an address of loopback that only Linux has")
	}
	for _, name := range p.names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing := p.names[0] + " is not installed: apt-get install " + p.pack
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// The addresses in the configurations, and the one on which the tests have the gateway. There
// no other program listens.
const (
	publicAddress = "127.0.0.1:8080"
	authAddress   = "127.0.0.1:9000"
	apiAddress    = "127.0.0.1:9001"

	gatewayHost = "127.0.0.80"
)

// A gateway is a real one, between the clients and an API that notes what reaches it.
type gateway struct {
	name    string
	address string // of the gateway
	auth    string // address of the auth server
	home    string // of its files
	args    []string

	mu       sync.Mutex // guards what follows
	requests []*http.Request
}

// reached returns what has reached the API since the last call.
func (g *gateway) reached() []*http.Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.requests
	g.requests = nil
	return all
}

// startGateway starts the auth server for this issuer, the API, and the gateway with the file of
// this directory. Only the addresses in the file are others, and what edit changes.
func startGateway(t *testing.T, name, issuer string, edit ...func(g *gateway, configuration string) string) *gateway {
	t.Helper()
	executable := programs[name].require(t)
	for range 10 { // another process can take the port before the gateway does
		if g := newGateway(t, name, issuer, edit); g.start(t, executable) {
			return g
		}
	}
	t.Fatal(name + " does not start")
	return nil
}

// newGateway is startGateway without the gateway itself.
func newGateway(t *testing.T, name, issuer string, edit []func(g *gateway, configuration string) string) *gateway {
	t.Helper()
	p := programs[name]
	g := &gateway{name: name, address: freeAddress(t), home: t.TempDir()}
	environment := map[string]string{
		"ISSUER_URL": issuer, "AUDIENCE": jwkstest.Audience, "FORMAT": name, "DPOP_ORIGIN": "http://" + g.address,
		"DPOP_NONCE_SECRET": base64.StdEncoding.EncodeToString([]byte("a secret of thirty-two bytes, ok")),
	}
	handler, err := newAuthServer(func(name string) string { return environment[name] })
	require.NoError(t, err)
	auth := httptest.NewServer(handler)
	t.Cleanup(auth.Close)
	g.auth = auth.Listener.Addr().String()
	plain := newAPI()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		r.Body = io.NopCloser(bytes.NewReader(body))
		g.mu.Lock()
		g.requests = append(g.requests, r)
		g.mu.Unlock()
		plain.ServeHTTP(w, r)
	}))
	t.Cleanup(api.Close)

	text, err := os.ReadFile(p.configuration)
	require.NoError(t, err)
	configuration := string(text)
	for from, to := range map[string]string{publicAddress: g.address, authAddress: g.auth, apiAddress: api.Listener.Addr().String()} {
		require.Equal(t, 1, strings.Count(configuration, from), from)
		configuration = strings.Replace(configuration, from, to, 1)
	}
	for _, e := range edit {
		configuration = e(g, configuration)
	}
	file := filepath.Join(g.home, p.configuration)
	require.NoError(t, os.WriteFile(file, []byte(configuration), 0o600))
	g.args = p.args(g.home, file)
	return g
}

// start starts the process, and waits until it listens. It ends with the test. start reports false
// if it has ended before, as it does if it cannot listen.
func (g *gateway) start(t *testing.T, executable string) bool {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(executable, g.args...)
	cmd.Env = append(os.Environ(), "HOME="+g.home, "XDG_CONFIG_HOME="+g.home, "XDG_DATA_HOME="+g.home)
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // ends with the process
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails if it has ended
		<-ended
		if t.Failed() {
			t.Log(g.name + ": " + log.String())
		}
	})
	for limit := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", g.address); err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case <-ended:
			return false
		default:
		}
		require.True(t, time.Now().Before(limit), "it does not listen")
	}
}

// freeAddress returns an address on which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", gatewayHost+":0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
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

// An answered is a response of a gateway.
type answered struct {
	status int
	header http.Header
	body   string
}

// send sends a request as it is written, with a target that no client library would send, and
// returns the answer.
func (g *gateway) send(t *testing.T, method, target string, fields ...string) answered {
	t.Helper()
	conn, err := net.Dial("tcp", g.address)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	return exchange(t, conn, g.address, method, target, fields...)
}

func exchange(t *testing.T, conn net.Conn, host, method, target string, fields ...string) answered {
	t.Helper()
	_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n%s\r\n",
		method, target, host, strings.Join(append(fields, ""), "\r\n"))
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answered{response.StatusCode, response.Header, string(text)}
}

// eachGateway runs a test with each gateway.
func eachGateway(t *testing.T, issuer string, test func(t *testing.T, g *gateway)) {
	for name := range programs {
		t.Run(name, func(t *testing.T) { test(t, startGateway(t, name, issuer)) })
	}
}

// requireNothingReached fails if a request has reached the API.
func (g *gateway) requireNothingReached(t *testing.T) {
	t.Helper()
	assert.Empty(t, g.reached(), "it must not reach the API")
}
