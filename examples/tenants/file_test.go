package main

import (
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// Tenants come and go in the file, over sockets, while the program runs.
func TestTenantsOfTheFile(t *testing.T) {
	acme, globex, initech := servedIssuer(t), servedIssuer(t), servedIssuer(t)
	tokenA, tokenG, tokenI := reader(acme), reader(globex), reader(initech)
	path := newFile(t, document(acme, globex))
	p := start(t, append(onLoopback, "ISSUERS_FILE", path, "RELOAD_EVERY", "100ms")...)
	change := func(text string, done func(s fileStatus) bool) {
		write(t, path, text)
		p.until(func() bool { return done(p.file()) })
	}
	for range 2 { // the second time, both are remembered
		assert.Equal(t, []int{200, 200, 401}, []int{p.call(tokenA), p.call(tokenG), p.call(tokenI)})
	}
	assert.Equal(t, []int{1, 1, 0}, []int{fetches(acme), fetches(globex), fetches(initech)})

	change(document(globex), func(s fileStatus) bool { return s.Issuers == 1 })
	assert.Equal(t, []int{401, 200, 401}, []int{p.call(tokenA), p.call(tokenG), p.call(tokenI)}, "a remembered token is refused")

	change(document(globex, initech), func(s fileStatus) bool { return s.Issuers == 2 })
	assert.Equal(t, []int{401, 200, 200}, []int{p.call(tokenA), p.call(tokenG), p.call(tokenI)})
	assert.Equal(t, []int{1, 1, 1}, []int{fetches(acme), fetches(globex), fetches(initech)}, "who stays is not asked again")

	change(document(initech)[:40], func(s fileStatus) bool { return s.Problem != "" })
	assert.Equal(t, []int{401, 200, 200}, []int{p.call(tokenA), p.call(tokenG), p.call(tokenI)}, "a bad file keeps the tenants")
	require.NoError(t, os.Remove(path))
	p.until(func() bool { return strings.Contains(p.file().Problem, "no such file") })
	assert.Equal(t, []int{401, 200, 200}, []int{p.call(tokenA), p.call(tokenG), p.call(tokenI)}, "so does none")

	for _, line := range []string{"issuers_reload_refused 1", `issuers_reloads_total{result="refused"} 2`, "issuers 2"} {
		assert.Contains(t, p.metrics(), "bearerguard_"+line+"\n")
	}
	assert.NotContains(t, p.metrics(), "issuer.invalid")

	change(document(acme), func(s fileStatus) bool { return s.Problem == "" })
	assert.Contains(t, p.metrics(), "bearerguard_issuers_reload_refused 0\n")
	assert.Equal(t, []int{200, 401, 401}, []int{p.call(tokenA), p.call(tokenG), p.call(tokenI)})
	s := p.file()
	assert.Equal(t, map[string]uint64{"ok": 4, "refused": 2}, s.Reloads)
	assert.Equal(t, 2, strings.Count(p.log.String(), "level=WARN"), "one line for each bad change: %s", &p.log)
	assert.NotContains(t, p.log.String(), tokenA)
}

// A tenant without the audience rule of its entry would accept the tokens of other APIs.
func TestEntriesAreChecked(t *testing.T) {
	acme := servedIssuer(t)
	path := newFile(t, document(acme))
	p := start(t, append(onLoopback, "ISSUERS_FILE", path)...)
	other := acme.Token(map[string]any{"scope": "read:timesheets", "aud": "https://other.example.test"})
	assert.Equal(t, []int{200, 401}, []int{p.call(reader(acme)), p.call(other)})
}

// One signal is enough as soon as the program serves. A process that did not catch it would end.
func TestSignalReloadsAtOnce(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("has no SIGHUP")
	}
	acme, globex := servedIssuer(t), servedIssuer(t)
	path := newFile(t, document(acme))
	p := startProcess(t, append(onLoopback, "ISSUERS_FILE", path, "RELOAD_EVERY", "1h")...)
	require.Equal(t, []int{200, 401}, []int{p.call(reader(acme)), p.call(reader(globex))})

	write(t, path, document(globex))
	require.NoError(t, p.process.Signal(syscall.SIGHUP))
	p.until(func() bool { return p.file().Reloads["ok"] == 2 })
	assert.Equal(t, []int{401, 200}, []int{p.call(reader(acme)), p.call(reader(globex))})
}

// The author of the file must not reach into the network of the service.
func TestPrivateAddressesAreRefused(t *testing.T) {
	acme := servedIssuer(t)
	path := newFile(t, document(acme))
	for missing, tt := range map[string]struct{ present, want string }{
		"PRIVATE_HOSTS":       {"INSECURE_HTTP_HOSTS", "address is not public"},
		"INSECURE_HTTP_HOSTS": {"PRIVATE_HOSTS", "https is required"},
	} {
		var log strings.Builder
		getenv := environment("ISSUERS_FILE", path, tt.present, "127.0.0.1")
		assert.Equal(t, 2, run(t.Context(), nil, nil, getenv, &log, &log), "without %s", missing)
		assert.Contains(t, log.String(), tt.want)
	}
}

func TestPrivateAddressInAChangeKeepsTheTenants(t *testing.T) {
	acme := servedIssuer(t)
	const good = `[{"url": "https://login.example.com/", "audiences": ["https://api.example.com"]}]`
	path := newFile(t, good)
	p := start(t, "ISSUERS_FILE", path, "RELOAD_EVERY", "100ms", "INSECURE_HTTP_HOSTS", "127.0.0.1")
	write(t, path, document(acme))
	p.until(func() bool { return strings.Contains(p.file().Problem, "address is not public") })
	assert.Equal(t, 1, p.file().Issuers)
	assert.Equal(t, http.StatusUnauthorized, p.call(reader(acme)))
	assert.Zero(t, acme.Count(jwkstest.Discovery)+acme.Count(jwkstest.JWKS), "it is not asked")
}

// The status tells the names of tenants, so callers of the API do not get it.
func TestStatusHasAnAddressOfItsOwn(t *testing.T) {
	acme := servedIssuer(t)
	p := start(t, append(onLoopback, "ISSUERS_FILE", newFile(t, document(acme)))...)
	for _, request := range [][2]string{{"GET", "/status"}, {"PUT", "/tenants"}, {"DELETE", "/tenants"}} {
		status, _ := p.do(request[0], p.api+request[1], reader(acme), "")
		assert.Equal(t, http.StatusNotFound, status, request)
	}
	status, _ := p.do(http.MethodPut, p.admin+"/tenants", "", document(acme))
	assert.Equal(t, http.StatusNotFound, status, "without TENANT_PATTERNS there is no table")
	status, _ = p.do(http.MethodGet, p.admin+"/timesheets", reader(acme), "")
	assert.Equal(t, http.StatusNotFound, status)
}
