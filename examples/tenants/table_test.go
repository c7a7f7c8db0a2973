package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A tenant joins and leaves by the table, over sockets.
func TestTenantsOfTheTable(t *testing.T) {
	acme, globex := servedIssuer(t), servedIssuer(t)
	patterns := strings.Join([]string{patternOf(acme), patternOf(globex)}, ", ")
	p := start(t, append(onLoopback, "TENANT_PATTERNS", patterns)...)
	assert.Equal(t, []int{401, 401}, []int{p.call(reader(acme)), p.call(reader(globex))})

	status, body := p.do(http.MethodPut, p.admin+"/tenants", "", document(acme, globex))
	require.Equal(t, http.StatusNoContent, status, body)
	for range 2 {
		assert.Equal(t, []int{200, 200}, []int{p.call(reader(acme)), p.call(reader(globex))}, "they do not wait for NegativeTTL")
	}
	remove := p.admin + "/tenants?issuer=" + url.QueryEscape(acme.URL())
	status, _ = p.do(http.MethodDelete, remove, "", "")
	require.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, []int{401, 200}, []int{p.call(reader(acme)), p.call(reader(globex))}, "the next request is refused")
	assert.Equal(t, 1, fetches(globex))
	status, _ = p.do(http.MethodDelete, remove, "", "")
	assert.Equal(t, http.StatusNotFound, status)

	_, body = p.do(http.MethodGet, p.admin+"/status", "", "")
	assert.JSONEq(t, `{"tenants": {"remembered": 1, "lookups": 5, "not_found": 3, "failed": 0, "refused": 0}}`, body)
	for _, line := range []string{`lookups_total{result="found"} 2`, `lookups_total{result="not_found"} 3`, `entries{state="proven"} 1`} {
		assert.Contains(t, p.metrics(), "bearerguard_tenants_"+line+"\n")
	}
	assert.NotContains(t, p.metrics(), acme.URL(), "a tenant is no label")
}

func patternOf(issuer *jwkstest.Issuer) string {
	return strings.TrimSuffix(issuer.URL(), "acme") + "*"
}

func TestTableIsChecked(t *testing.T) {
	p := start(t, "TENANT_PATTERNS", "https://login.example.com/realms/*")
	for rule, body := range map[string]string{
		"nothing":     "",
		"no audience": `[{"url": "https://login.example.com/realms/acme"}]`,
		"unknown":     `[{"url": "https://login.example.com/realms/acme", "audience": "api"}]`,
	} {
		status, _ := p.do(http.MethodPut, p.admin+"/tenants", "", body)
		assert.Equal(t, http.StatusUnprocessableEntity, status, rule)
	}
	status, _ := p.do(http.MethodPut, p.admin+"/tenants", "", strings.Repeat(" ", maxBody+1))
	assert.Equal(t, http.StatusBadRequest, status, "too long")
}

// A page that an operator opens can send requests to loopback.
func TestBrowsersAreNoOperators(t *testing.T) {
	p := start(t, "TENANT_PATTERNS", "https://login.example.com/realms/*")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, p.admin+"/tenants", nil)
	require.NoError(t, err)
	r.Header.Set("Origin", "https://evil.example")
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
}

// A page can have a name that leads to 127.0.0.1 once the page is loaded (DNS rebinding).
func TestNamesThatLeadToLoopbackAreNoOperators(t *testing.T) {
	acme := servedIssuer(t)
	p := start(t, append(onLoopback, "TENANT_PATTERNS", patternOf(acme))...)
	at := strings.TrimPrefix(p.admin, "http://")
	_, port, _ := strings.Cut(at, ":")
	put := func(host string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.admin+"/tenants", strings.NewReader(document(acme)))
		require.NoError(t, err)
		r.Host = host
		r.Header.Set("Origin", "http://"+host)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer response.Body.Close()
		return response.StatusCode
	}
	for _, host := range []string{"evil.example:" + port, "evil.example", "127.0.0.1.evil.example:" + port, "localhost.evil.example", "10.0.0.1:" + port} {
		assert.Equal(t, http.StatusForbidden, put(host), host)
	}
	assert.Equal(t, http.StatusUnauthorized, p.call(reader(acme)), "it was not added")
	for _, host := range []string{at, "localhost:" + port, "[::1]:" + port} {
		assert.Equal(t, http.StatusNoContent, put(host), host)
	}
}

// In another process, Forget is not called.
func TestRemovedRowIsRefusedAfterTheTTL(t *testing.T) {
	for ttl, limit := range map[string]time.Duration{"": 30 * time.Second, "5s": 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://login.example.com/realms/acme"})
			c, err := configFrom(environment("TENANT_PATTERNS", "https://login.example.com/realms/*", "TENANT_TTL", ttl))
			require.NoError(t, err)
			a, err := newAPI(c, issuer.Client(), slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			call := func() int {
				r := httptest.NewRequest(http.MethodGet, "/timesheets", nil)
				r.Header.Set("Authorization", "Bearer "+reader(issuer))
				w := httptest.NewRecorder()
				a.public.ServeHTTP(w, r)
				return w.Code
			}
			put := httptest.NewRecorder()
			a.admin.ServeHTTP(put, httptest.NewRequest(http.MethodPut, "/tenants", strings.NewReader(document(issuer))))
			require.Equal(t, http.StatusNoContent, put.Code)
			assert.Equal(t, http.StatusOK, call())

			delete(a.tenants.rows, issuer.URL())
			time.Sleep(limit - time.Millisecond)
			assert.Equal(t, http.StatusOK, call(), "it is remembered")
			time.Sleep(time.Millisecond)
			assert.Equal(t, http.StatusUnauthorized, call())
		})
	}
}

// Both ways together: the issuers of the file are not looked up.
func TestFileAndTable(t *testing.T) {
	acme, globex := servedIssuer(t), servedIssuer(t)
	p := start(t, append(onLoopback, "ISSUERS_FILE", newFile(t, document(acme)), "TENANT_PATTERNS", patternOf(globex))...)
	assert.Equal(t, []int{200, 401}, []int{p.call(reader(acme)), p.call(reader(globex))})
	status, _ := p.do(http.MethodPut, p.admin+"/tenants", "", document(globex))
	require.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, []int{200, 200}, []int{p.call(reader(acme)), p.call(reader(globex))})
	_, body := p.do(http.MethodGet, p.admin+"/status", "", "")
	assert.Contains(t, body, `"lookups":2`)
}

func TestTenantOnLoopbackIsRefused(t *testing.T) {
	acme := servedIssuer(t)
	p := start(t, "TENANT_PATTERNS", patternOf(acme), "INSECURE_HTTP_HOSTS", "127.0.0.1")
	status, _ := p.do(http.MethodPut, p.admin+"/tenants", "", document(acme))
	require.Equal(t, http.StatusNoContent, status)
	assert.Equal(t, http.StatusServiceUnavailable, p.call(reader(acme)), "without PRIVATE_HOSTS")
	assert.Zero(t, acme.Count(jwkstest.Discovery)+acme.Count(jwkstest.JWKS), "it is not asked")
}
