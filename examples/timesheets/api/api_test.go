package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// apiOf returns the API with this environment. It calls the issuer in memory.
func apiOf(t *testing.T, issuer *jwkstest.Issuer, changes ...string) http.Handler {
	t.Helper()
	c, err := configFrom(environment(append([]string{"ISSUER_URL", issuer.URL()}, changes...)...))
	require.NoError(t, err)
	a, err := newAPI(c, issuer.Client(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return a.timesheets
}

func call(handler http.Handler, method, path, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func scoped(issuer *jwkstest.Issuer, scope string) string {
	return issuer.Token(map[string]any{"scope": scope, "sub": "alice"})
}

func TestRoutesDemandTheirScopes(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	api := apiOf(t, issuer)
	reader, writer := scoped(issuer, "read:timesheets"), scoped(issuer, "write:timesheets")
	for _, test := range []struct {
		name, method, path, token string
		status                    int
		challenge                 string
	}{
		{"health without a token", "GET", "/healthz", "", 200, ""},
		{"list", "GET", "/timesheets", reader, 200, ""},
		{"create", "POST", "/timesheets", writer, 201, ""},
		{"list without a token", "GET", "/timesheets", "", 401, `scope="read:timesheets"`},
		{"create without a token", "POST", "/timesheets", "", 401, `scope="write:timesheets"`},
		{"list with the other scope", "GET", "/timesheets", writer, 403, `scope="read:timesheets"`},
		{"create with the other scope", "POST", "/timesheets", reader, 403, `scope="write:timesheets"`},
		{"HEAD is a read", "HEAD", "/timesheets", "", 401, `scope="read:timesheets"`},
		{"other method", "DELETE", "/timesheets", writer, 405, ""},
		{"tampered", "GET", "/timesheets", jwkstest.TamperSignature(reader), 401, `error="invalid_token"`},
		{"logout token", "GET", "/timesheets", issuer.Token(
			map[string]any{"scope": "read:timesheets"}, jwkstest.Header("typ", "logout+jwt")), 401, `error="invalid_token"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := call(api, test.method, test.path, test.token, `{"hours":8}`)
			assert.Equal(t, test.status, w.Code, w.Body)
			assert.Contains(t, w.Header().Get("WWW-Authenticate"), test.challenge)
		})
	}
}

func TestScopeClaimDecides(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	const scope = "read:timesheets"
	for _, test := range []struct {
		name, setting string
		claims        map[string]any // scope is removed unless it is here
		status        int
	}{
		{"default: scope", "", map[string]any{"scope": scope}, 200},
		{"default: then scp", "", map[string]any{"scp": []string{scope}}, 200},
		{"default: scope is present, so scp is not read", "", map[string]any{"scope": "", "scp": scope}, 403},
		{"named claim", "permissions", map[string]any{"permissions": []string{scope}}, 200},
		{"named claim is missing, scope is not read", "permissions", map[string]any{"scope": scope}, 403},
		{"mistyped claim", "permissions", map[string]any{"permissions": 7}, 403},
		{"array elements are not split", "permissions", map[string]any{"permissions": []string{"x " + scope}}, 403},
		{"namespaced claim", "https://a.test/s", map[string]any{"https://a.test/s": scope}, 200},
		{"dotted path", "realm_access.roles", map[string]any{
			"realm_access": map[string]any{"roles": []string{scope}},
		}, 200},
		{"exact name wins over the path", "realm_access.roles", map[string]any{
			"realm_access.roles": "other", "realm_access": map[string]any{"roles": []string{scope}},
		}, 403},
		{"exact name is empty and still wins", "realm_access.roles", map[string]any{
			"realm_access.roles": nil, "realm_access": map[string]any{"roles": []string{scope}},
		}, 403},
		{"pointer", "/a~1b/c", map[string]any{"a/b": map[string]any{"c": scope}}, 200},
		{"pointer is not a name", "/a", map[string]any{"/a": scope}, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := apiOf(t, issuer, "SCOPE_CLAIM", test.setting)
			payload := map[string]any{"scope": jwkstest.Absent}
			maps.Copy(payload, test.claims)
			w := call(api, "GET", "/timesheets", issuer.Token(payload), "")
			assert.Equal(t, test.status, w.Code, w.Header())
		})
	}
}

func TestTokenProfiles(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	for _, test := range []struct {
		name, member    string
		value           any
		generic, strict int
	}{
		{"typ at+jwt", "typ", "at+jwt", 200, 200},
		{"typ application/at+jwt", "typ", "application/at+jwt", 200, 200},
		{"typ JWT", "typ", "JWT", 200, 401},
		{"typ absent", "typ", jwkstest.Absent, 200, 401},
		{"typ of another kind", "typ", "secevent+jwt", 401, 401},
		{"no jti", "jti", jwkstest.Absent, 200, 401},
		{"no client_id", "client_id", jwkstest.Absent, 200, 401},
		{"no sub", "sub", jwkstest.Absent, 200, 401},
		{"no iat", "iat", jwkstest.Absent, 200, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			payload, options := map[string]any{"scope": "read:timesheets"}, []jwkstest.Option{}
			if test.member == "typ" {
				options = append(options, jwkstest.Header("typ", test.value))
			} else {
				payload[test.member] = test.value
			}
			token := issuer.Token(payload, options...)
			for profile, want := range map[string]int{"generic": test.generic, "rfc9068": test.strict} {
				api := apiOf(t, issuer, "TOKEN_PROFILE", profile)
				assert.Equal(t, want, call(api, "GET", "/timesheets", token, "").Code, profile)
			}
		})
	}
}

func TestEveryAlgorithm(t *testing.T) {
	for _, algorithm := range []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
	} {
		issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey(algorithm)})
		w := call(apiOf(t, issuer), "GET", "/timesheets", scoped(issuer, "read:timesheets"), "")
		assert.Equal(t, http.StatusOK, w.Code, algorithm)
	}
}

func TestStartsWhileTheIssuerIsDownAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		api, token := apiOf(t, issuer), scoped(issuer, "read:timesheets")

		assert.Equal(t, http.StatusOK, call(api, "GET", "/healthz", "", "").Code)
		w := call(api, "GET", "/readyz", "", "")
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.JSONEq(t, `{"status":"unavailable","reason":"keys_unavailable"}`, w.Body.String())
		assert.NotEmpty(t, w.Header().Get("Retry-After"))
		w = call(api, "GET", "/timesheets", token, "")
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.NotEmpty(t, w.Header().Get("Retry-After"))
		assert.Empty(t, w.Header().Get("WWW-Authenticate"), "an outage says nothing about the token")

		issuer.Recover()
		time.Sleep(15 * time.Second)
		assert.Equal(t, http.StatusOK, call(api, "GET", "/timesheets", token, "").Code)
		assert.Equal(t, http.StatusOK, call(api, "GET", "/readyz", "", "").Code)
	})
}

func TestRefreshSettingBoundsTheLifeOfARemovedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		api, token := apiOf(t, issuer, "JWKS_REFRESH", "10s"), scoped(issuer, "read:timesheets")
		require.Equal(t, http.StatusOK, call(api, "GET", "/timesheets", token, "").Code)
		issuer.Retire(issuer.SigningKey().ID)
		issuer.Rotate()
		time.Sleep(5 * time.Second)
		assert.Equal(t, http.StatusOK, call(api, "GET", "/timesheets", token, "").Code, "still fresh")
		time.Sleep(40 * time.Second) // longer than the window of stale-while-revalidate, too
		assert.Equal(t, http.StatusUnauthorized, call(api, "GET", "/timesheets", token, "").Code)
	})
}

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

// A program is the API over sockets. Its addresses are in its log.
type program struct {
	log  syncBuffer
	stop context.CancelFunc
	code chan int
}

func start(t *testing.T, getenv func(string) string) *program {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &program{stop: stop, code: make(chan int, 1)}
	go func() { p.code <- run(ctx, getenv, &p.log) }()
	return p
}

// url returns what the log says after this message.
func (p *program) url(t *testing.T, message string) (url string) {
	t.Helper()
	require.Eventually(t, func() bool {
		found := regexp.MustCompile(message + `"? url=(http://127\.0\.0\.1:\S+)`).FindStringSubmatch(p.log.String())
		if found != nil {
			url = found[1]
		}
		return found != nil
	}, time.Minute, 5*time.Millisecond)
	return url
}

func get(t *testing.T, url, token string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func servedIssuer(t *testing.T) *jwkstest.Issuer {
	t.Helper()
	var issuer *jwkstest.Issuer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	issuer = jwkstest.NewIssuer(jwkstest.Config{URL: server.URL + "/tenant/"})
	return issuer
}

func TestRun(t *testing.T) {
	issuer := servedIssuer(t)
	p := start(t, environment("ISSUER_URL", issuer.URL(), "ADDR", "127.0.0.1:0"))
	url, token := p.url(t, "listening"), scoped(issuer, "read:timesheets")
	status, body := get(t, url+"/timesheets", token)
	assert.Equal(t, http.StatusOK, status)
	var list struct {
		Sub string `json:"sub"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &list))
	assert.Equal(t, "alice", list.Sub)
	status, _ = get(t, url+"/metrics", token)
	assert.Equal(t, http.StatusNotFound, status, "callers of the API see no metrics")

	p.stop()
	assert.Equal(t, 0, <-p.code)
	assert.NotContains(t, p.log.String(), token)
	assert.NotContains(t, p.log.String(), "metrics")
}

func TestMetricsHaveAnAddressOfTheirOwn(t *testing.T) {
	issuer := servedIssuer(t)
	p := start(t, environment("ISSUER_URL", issuer.URL(), "ADDR", "127.0.0.1:0", "METRICS_ADDR", "127.0.0.1:0"))
	metrics, token := p.url(t, "serving metrics"), scoped(issuer, "read:timesheets")
	for range 2 {
		status, _ := get(t, p.url(t, "listening")+"/timesheets", token)
		require.Equal(t, http.StatusOK, status)
	}
	fetched := `bearerguard_jwks_fetches_total{cause="schedule",issuer="` + issuer.URL() + `",result="ok"} 1` + "\n"
	require.Eventually(t, func() bool { // a fetch is counted when the requests have its keys
		_, body := get(t, metrics, "")
		return strings.Contains(body, fetched)
	}, time.Minute, 5*time.Millisecond)
	status, body := get(t, metrics, "")
	assert.Equal(t, http.StatusOK, status)
	for _, line := range []string{
		`bearerguard_requests_total{outcome="ok",scheme="Bearer",transport="http"} 2`,
		`bearerguard_token_cache_lookups_total{result="hit"} 1`,
		`bearerguard_verification_duration_seconds_count{cache="hit",outcome="ok"} 1`,
	} {
		assert.Contains(t, body, line+"\n")
	}
	assert.NotContains(t, body, "alice")
	status, _ = get(t, strings.TrimSuffix(metrics, "metrics")+"timesheets", token)
	assert.Equal(t, http.StatusNotFound, status, "only metrics are served there")
	p.stop()
	assert.Equal(t, 0, <-p.code)
}

func TestRunExitCodes(t *testing.T) {
	var log bytes.Buffer
	assert.Equal(t, 2, run(t.Context(), environment("AUDIENCE", "", "DPOP", "x"), &log))
	assert.Contains(t, log.String(), "AUDIENCE: it is required\nDPOP: dpop: invalid Config.Origins")

	log.Reset()
	assert.Equal(t, 1, run(t.Context(), environment("ADDR", "192.0.2.1:1"), &log), "an address of another machine")
	both := environment("ADDR", "127.0.0.1:0", "METRICS_ADDR", "192.0.2.1:1")
	assert.Equal(t, 1, run(t.Context(), both, &log), "the API does not serve without its metrics")
}
