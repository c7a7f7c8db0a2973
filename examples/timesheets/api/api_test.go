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

// newAPI returns the API with this environment. It calls the issuer in memory.
func newAPI(t *testing.T, issuer *jwkstest.Issuer, changes ...string) http.Handler {
	t.Helper()
	c, err := configFrom(environment(append([]string{"ISSUER_URL", issuer.URL()}, changes...)...))
	require.NoError(t, err)
	handler, err := newHandler(c, issuer.Client(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return handler
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
	api := newAPI(t, issuer)
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

func TestEntriesBelongToTheSubject(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	api := newAPI(t, issuer)
	token := func(subject any) string {
		return issuer.Token(map[string]any{"sub": subject, "scope": "read:timesheets write:timesheets"})
	}
	w := call(api, "POST", "/timesheets", token("alice"),
		`{"id":99,"subject":"bob","date":"2026-03-02","project":"bearerguard","hours":7.5,"note":"tests"}`)
	require.Equal(t, http.StatusCreated, w.Code)
	assert.JSONEq(t, `{"id":1,"date":"2026-03-02","project":"bearerguard","hours":7.5,"note":"tests"}`, w.Body.String())
	require.Equal(t, http.StatusCreated, call(api, "POST", "/timesheets", token(jwkstest.Absent), `{}`).Code)

	assert.JSONEq(t, `{"sub":"alice","timesheets":[
		{"id":1,"date":"2026-03-02","project":"bearerguard","hours":7.5,"note":"tests"}]}`,
		call(api, "GET", "/timesheets", token("alice"), "").Body.String())
	assert.JSONEq(t, `{"sub":"bob","timesheets":[]}`, call(api, "GET", "/timesheets", token("bob"), "").Body.String())
	assert.JSONEq(t, `{"sub":"","timesheets":[]}`,
		call(api, "GET", "/timesheets", token(jwkstest.Absent), "").Body.String(), "no subject has no entries")
}

func TestBodiesAreChecked(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	api, token := newAPI(t, issuer), scoped(issuer, "write:timesheets")
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"empty object", `{}`, 201},
		{"unknown member", `{"hours":1,"mood":"good"}`, 201},
		{"no body", ``, 400},
		{"no JSON", `hours=8`, 400},
		{"array", `[{"hours":8}]`, 400},
		{"hours as text", `{"hours":"8"}`, 400},
		{"text after the object", `{"hours":8} x`, 400},
		{"more hours than a day has", `{"hours":25}`, 422},
		{"negative hours", `{"hours":-1}`, 422},
		{"not a date", `{"date":"yesterday"}`, 422},
		{"too long", `{"note":"` + strings.Repeat("x", maxBody) + `"}`, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := call(api, "POST", "/timesheets", token, test.body)
			assert.Equal(t, test.status, w.Code)
			if test.status >= 400 {
				assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			}
		})
	}
}

func TestStoreIsBounded(t *testing.T) {
	var s store
	alice := principal{"https://issuer.example.test/", "alice"}
	for range maxEntries + 5 {
		s.add(entry{owner: alice})
	}
	kept := s.of(alice)
	assert.Len(t, kept, maxEntries)
	assert.Equal(t, 6, kept[0].ID, "the oldest go first")
}

// A second issuer may be configured one day, and have an alice of its own.
func TestC11SubjectsOfTwoIssuersAreTwoCallers(t *testing.T) {
	var s store
	s.add(entry{owner: principal{"https://issuer.example.test/", "alice"}})
	assert.Len(t, s.of(principal{"https://issuer.example.test/", "alice"}), 1)
	assert.Empty(t, s.of(principal{"https://partner.example.test/", "alice"}))
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
			api := newAPI(t, issuer, "SCOPE_CLAIM", test.setting)
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
				api := newAPI(t, issuer, "TOKEN_PROFILE", profile)
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
		w := call(newAPI(t, issuer), "GET", "/timesheets", scoped(issuer, "read:timesheets"), "")
		assert.Equal(t, http.StatusOK, w.Code, algorithm)
	}
}

func TestStartsWhileTheIssuerIsDownAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		api, token := newAPI(t, issuer), scoped(issuer, "read:timesheets")

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
		api, token := newAPI(t, issuer, "JWKS_REFRESH", "10s"), scoped(issuer, "read:timesheets")
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

// The program runs over sockets. The test finds its address in its log, calls it, and
// stops it.
func TestRun(t *testing.T) {
	var issuer *jwkstest.Issuer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer.ServeHTTP(w, r)
	}))
	defer server.Close()
	issuer = jwkstest.NewIssuer(jwkstest.Config{URL: server.URL + "/tenant/"})

	ctx, stop := context.WithCancel(t.Context())
	var log syncBuffer
	code := make(chan int, 1)
	go func() { code <- run(ctx, environment("ISSUER_URL", issuer.URL(), "ADDR", "127.0.0.1:0"), &log) }()

	var url string
	require.Eventually(t, func() bool {
		url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(log.String())
		return url != ""
	}, 10*time.Second, 5*time.Millisecond)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/timesheets", nil)
	token := scoped(issuer, "read:timesheets")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	var list struct {
		Sub string `json:"sub"`
	}
	require.NoError(t, json.Unmarshal(body, &list))
	assert.Equal(t, "alice", list.Sub)

	stop()
	assert.Equal(t, 0, <-code)
	assert.NotContains(t, log.String(), token)
}

func TestRunExitCodes(t *testing.T) {
	var log bytes.Buffer
	assert.Equal(t, 2, run(t.Context(), environment("AUDIENCE", "", "DPOP", "1"), &log))
	assert.Contains(t, log.String(), "AUDIENCE: it is required\nDPOP: this version cannot check DPoP proofs")

	log.Reset()
	assert.Equal(t, 1, run(t.Context(), environment("ADDR", "192.0.2.1:1"), &log), "an address of another machine")
}
