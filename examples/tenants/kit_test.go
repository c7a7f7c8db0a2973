package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// environment returns the variables, as pairs of name and value.
func environment(pairs ...string) func(string) string {
	variables := make(map[string]string)
	for n := 0; n < len(pairs); n += 2 {
		variables[pairs[n]] = pairs[n+1]
	}
	return func(name string) string { return variables[name] }
}

// onLoopback allows issuers on loopback, over http.
var onLoopback = []string{"PRIVATE_HOSTS", "127.0.0.1", "INSECURE_HTTP_HOSTS", "127.0.0.1"}

// A syncBuffer is a log that can be read while it is written.
type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// A program is the command over sockets. Its addresses are in its log.
type program struct {
	t          *testing.T
	log        syncBuffer
	api, admin string
	process    *os.Process // of startProcess
}

// start starts the command, which ends with the test. Both of its servers listen on free ports.
func start(t *testing.T, pairs ...string) *program {
	t.Helper()
	p := &program{t: t}
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() { code <- run(ctx, nil, nil, environment(append(pairs, onFreePorts...)...), io.Discard, &p.log) }()
	t.Cleanup(func() {
		stop()
		require.Equal(t, 0, <-code, &p.log)
	})
	p.api, p.admin = p.url("the API"), p.url("the administration")
	return p
}

var onFreePorts = []string{"ADDR", "127.0.0.1:0", "ADMIN_ADDR", "127.0.0.1:0"}

// startProcess is start in a process of its own, which gets signals without the test. It is the
// test binary, see TestMain.
func startProcess(t *testing.T, pairs ...string) *program {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	p := &program{t: t}
	command := exec.Command(self)
	command.Stderr = &p.log
	command.Env = append(os.Environ(), "TENANTS_RUN_MAIN=1")
	pairs = append(pairs, onFreePorts...)
	for n := 0; n < len(pairs); n += 2 {
		command.Env = append(command.Env, pairs[n]+"="+pairs[n+1])
	}
	require.NoError(t, command.Start())
	p.process = command.Process
	t.Cleanup(func() {
		assert.NoError(t, p.process.Signal(syscall.SIGTERM))
		assert.NoError(t, command.Wait(), &p.log)
	})
	p.api, p.admin = p.url("the API"), p.url("the administration")
	return p
}

func TestMain(m *testing.M) {
	if os.Getenv("TENANTS_RUN_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

func (p *program) url(what string) (url string) {
	p.t.Helper()
	pattern := regexp.MustCompile("serving " + what + `" url=(http://127\.0\.0\.1:\S+)`)
	p.until(func() bool {
		found := pattern.FindStringSubmatch(p.log.String())
		if found != nil {
			url = found[1]
		}
		return found != nil
	})
	return url
}

func (p *program) until(condition func() bool) {
	p.t.Helper()
	require.Eventually(p.t, condition, time.Minute, 5*time.Millisecond, &p.log)
}

// call returns the status of a request with this token.
func (p *program) call(token string) int {
	p.t.Helper()
	status, _ := p.do(http.MethodGet, p.api+"/timesheets", token, "")
	return status
}

func (p *program) do(method, url, token, body string) (status int, answer string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	require.NoError(p.t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(p.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	return response.StatusCode, string(text)
}

// file returns the status of the file.
func (p *program) file() (s fileStatus) {
	p.t.Helper()
	_, body := p.do(http.MethodGet, p.admin+"/status", "", "")
	status := struct{ File *fileStatus }{&s}
	require.NoError(p.t, json.Unmarshal([]byte(body), &status))
	return s
}

// metrics returns what a scrape returns.
func (p *program) metrics() string {
	p.t.Helper()
	status, body := p.do(http.MethodGet, p.admin+"/metrics", "", "")
	require.Equal(p.t, http.StatusOK, status, body)
	return body
}

// servedIssuer returns the issuer of a tenant, which listens on loopback.
func servedIssuer(t *testing.T) *jwkstest.Issuer {
	t.Helper()
	var issuer *jwkstest.Issuer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	issuer = jwkstest.NewIssuer(jwkstest.Config{URL: server.URL + "/realms/acme"})
	return issuer
}

func reader(issuer *jwkstest.Issuer) string {
	return issuer.Token(map[string]any{"scope": "read:timesheets"})
}

// fetches returns how often an issuer was asked for its keys.
func fetches(issuer *jwkstest.Issuer) int { return issuer.Count(jwkstest.JWKS) }

// document returns a file with these issuers.
func document(issuers ...*jwkstest.Issuer) string {
	type entry struct {
		URL       string   `json:"url"`
		Audiences []string `json:"audiences"`
	}
	var list []entry
	for _, issuer := range issuers {
		list = append(list, entry{issuer.URL(), []string{jwkstest.Audience}})
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func newFile(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "issuers.json")
	write(t, path, text)
	return path
}

// write replaces the file at once, as an operator should.
func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
}
