package routers_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/examples/routers/echov4"
	"github.com/bearerguard/bearerguard/examples/routers/gorillamux"
	"github.com/bearerguard/bearerguard/examples/routers/httprouter"
	"github.com/bearerguard/bearerguard/examples/routers/huma"
	"github.com/bearerguard/bearerguard/examples/routers/oapicodegen"
	"github.com/bearerguard/bearerguard/examples/routers/oapicodegen/timesheetsapi"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

func newAuth(t *testing.T, issuer *jwkstest.Issuer) *middleware.Middleware {
	t.Helper()
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return auth
}

// recipes are the APIs of all packages.
func recipes(t *testing.T, auth *middleware.Middleware) map[string]http.Handler {
	t.Helper()
	generated, err := oapicodegen.New(auth, timesheetsapi.Document)
	require.NoError(t, err)
	return map[string]http.Handler{
		"echo v4": echov4.New(auth), "gorilla/mux": gorillamux.New(auth), "httprouter": httprouter.New(auth),
		"huma": huma.New(auth), "oapi-codegen": generated,
	}
}

func send(h http.Handler, method, path, authorization string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestRecipes(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	token := func(scope string) string {
		return "Bearer " + issuer.Token(map[string]any{"sub": "alice", "scope": scope})
	}
	for name, h := range recipes(t, newAuth(t, issuer)) {
		for _, tt := range []struct {
			rule, method, path, authorization string
			status                            int
			body, challenge                   string
		}{
			{"health needs no token", "GET", "/healthz", "", 200, "", ""},
			{"list", "GET", "/timesheets", token("read:timesheets"), 200, "hello alice", ""},
			{"create", "POST", "/timesheets", token("write:timesheets"), 200, "hello alice", ""},
			{"no token", "GET", "/timesheets", "", 401, "", `Bearer realm="api"`},
			{"forged token", "GET", "/timesheets", "Bearer forged", 401, "", `error="invalid_token"`},
			{"list without its scope", "GET", "/timesheets", token("write:timesheets"), 403, "", `scope="read:timesheets"`},
			{"create without its scope", "POST", "/timesheets", token("read:timesheets"), 403, "", `scope="write:timesheets"`},
		} {
			t.Run(name+": "+tt.rule, func(t *testing.T) {
				w := send(h, tt.method, tt.path, tt.authorization)
				assert.Equal(t, tt.status, w.Code)
				assert.Contains(t, w.Body.String(), tt.body)
				assert.Contains(t, w.Header().Get("WWW-Authenticate"), tt.challenge)
				assert.Equal(t, tt.status >= 400, w.Header().Get("WWW-Authenticate") != "")
			})
		}
	}
}

// An outage of the issuer is no bad token. The bubble has a clock of its own, because a fetch is
// tried again.
func TestRecipesDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		for name, h := range recipes(t, newAuth(t, issuer)) {
			w := send(h, "GET", "/timesheets", "Bearer "+issuer.Token(map[string]any{"scope": "read:timesheets"}))
			assert.Equal(t, http.StatusServiceUnavailable, w.Code, name)
			assert.NotEmpty(t, w.Header().Get("Retry-After"), name)
			assert.Empty(t, w.Header().Get("WWW-Authenticate"), name)
			assert.Equal(t, http.StatusOK, send(h, "GET", "/healthz", "").Code, name)
		}
	})
}

// No handler answers a request that matches no route. Only the group of echo v4 demands a token
// before it says so, and it has a 404 for a method, too.
func TestWhatMatchesNoRoute(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	token := "Bearer " + issuer.Token(map[string]any{"sub": "alice", "scope": "read:timesheets write:timesheets"})
	all := recipes(t, newAuth(t, issuer))
	for _, tt := range []struct {
		recipe, method, path string
		without, with        int // a token
	}{
		{"echo v4", "GET", "/nowhere", 404, 404},
		{"echo v4", "GET", "/timesheets/7/8", 401, 404},
		{"echo v4", "PUT", "/timesheets", 401, 404},
		{"echo v4", "OPTIONS", "/timesheets", 401, 404},
		{"gorilla/mux", "GET", "/nowhere", 404, 404},
		{"gorilla/mux", "GET", "/timesheets/7/8", 404, 404},
		{"gorilla/mux", "PUT", "/timesheets", 405, 405},
		{"gorilla/mux", "OPTIONS", "/timesheets", 405, 405},
		{"httprouter", "GET", "/nowhere", 404, 404},
		{"httprouter", "GET", "/timesheets/7/8", 404, 404},
		{"httprouter", "PUT", "/timesheets", 405, 405},
		{"httprouter", "OPTIONS", "/timesheets", 200, 200},
		{"huma", "GET", "/nowhere", 404, 404},
		{"huma", "PUT", "/timesheets", 405, 405},
		{"huma", "OPTIONS", "/timesheets", 405, 405},
		{"oapi-codegen", "GET", "/nowhere", 404, 404},
		{"oapi-codegen", "PUT", "/timesheets", 405, 405},
		{"oapi-codegen", "OPTIONS", "/timesheets", 405, 405},
	} {
		rule := tt.recipe + ": " + tt.method + " " + tt.path
		for authorization, status := range map[string]int{"": tt.without, token: tt.with} {
			w := send(all[tt.recipe], tt.method, tt.path, authorization)
			assert.Equal(t, status, w.Code, rule)
			assert.NotContains(t, w.Body.String(), "hello", rule)
		}
	}
}

// A counter is a Verifier that counts.
type counter int

func (c *counter) Verify(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
	*c++
	return claims.ParseUnverified([]byte(`{"sub":"alice","scope":"read:timesheets"}`))
}

func TestNestedLayersVerifyOnce(t *testing.T) {
	var verified counter
	auth, err := middleware.New(middleware.Config{Verifier: &verified, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	for name, h := range recipes(t, auth) {
		verified = 0
		assert.Equal(t, http.StatusOK, send(h, "GET", "/timesheets", "Bearer token").Code, name)
		assert.EqualValues(t, 1, verified, name)
	}
}

func TestHTTPRouterKeepsParameters(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	h := httprouter.New(newAuth(t, issuer))
	token := "Bearer " + issuer.Token(map[string]any{"sub": "alice", "scope": "read:timesheets"})
	assert.Equal(t, http.StatusOK, send(h, "GET", "/timesheets/alice", token).Code)
	assert.Equal(t, http.StatusNotFound, send(h, "GET", "/timesheets/bob", token).Code)
	assert.Equal(t, http.StatusUnauthorized, send(h, "GET", "/timesheets/alice", "").Code)
}

// huma does not tell OnAddOperation of a hidden operation.
func TestHumaDeniesHiddenOperations(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	h := huma.New(newAuth(t, issuer))
	assert.Equal(t, http.StatusUnauthorized, send(h, "DELETE", "/timesheets", "").Code)
	token := "Bearer " + issuer.Token(map[string]any{"scope": "write:timesheets"})
	assert.Equal(t, http.StatusForbidden, send(h, "DELETE", "/timesheets", token).Code)
	assert.Contains(t, send(h, "GET", "/openapi.json", "").Body.String(), `"security":[{"bearer":["read:timesheets"]}]`)
}

func TestOapiCodegenUnderstandsTheDocumentOrFails(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer)
	document := string(timesheetsapi.Document)
	const list = `bearer: ["read:timesheets"]`
	for rule, edited := range map[string]string{
		"two alternatives":       strings.Replace(document, list, list+"\n        - bearer: []", 1),
		"an anonymous one":       strings.Replace(document, list, list+"\n        - {}", 1),
		"two schemes":            strings.Replace(document, list, list+"\n          other: []", 1),
		"another scheme":         strings.Replace(document, list, `other: ["read:timesheets"]`, 1),
		"no security of its own": strings.Replace(document, "security:\n  - bearer: []\n", "", 1),
		"no document":            "{",
	} {
		require.NotEqual(t, document, edited, rule)
		_, err := oapicodegen.New(auth, []byte(edited))
		assert.Error(t, err, rule)
	}
	// The server has a route that this document does not have.
	path := strings.Replace(document, "  /timesheets:", "  /reports:", 1)
	h, err := oapicodegen.New(auth, []byte(path))
	require.NoError(t, err)
	token := "Bearer " + issuer.Token(map[string]any{"scope": "read:timesheets"})
	assert.Equal(t, http.StatusForbidden, send(h, "GET", "/timesheets", token).Code)
	// An operation without its own security needs a token.
	inherited := strings.Replace(document, "      security:\n        - "+list+"\n", "", 1)
	require.NotEqual(t, document, inherited)
	h, err = oapicodegen.New(auth, []byte(inherited))
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, send(h, "GET", "/timesheets", "").Code)
	assert.Equal(t, http.StatusOK, send(h, "GET", "/timesheets", "Bearer "+issuer.Token(nil)).Code)
}

// The generated code parses parameters before it runs its own Middlewares. A caller without a token
// learns nothing about them.
func TestOapiCodegenChecksTheTokenBeforeParameters(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	h, err := oapicodegen.New(newAuth(t, issuer), timesheetsapi.Document)
	require.NoError(t, err)
	token := "Bearer " + issuer.Token(map[string]any{"sub": "alice", "scope": "read:timesheets"})
	other := "Bearer " + issuer.Token(map[string]any{"sub": "alice", "scope": "write:timesheets"})
	for _, path := range []string{"/timesheets/7", "/timesheets/marker"} {
		for authorization, status := range map[string]int{"": http.StatusUnauthorized, "Bearer forged": http.StatusUnauthorized, other: http.StatusForbidden} {
			w := send(h, "GET", path, authorization)
			assert.Equal(t, status, w.Code, path)
			assert.NotContains(t, w.Body.String(), "marker")
		}
	}
	assert.Equal(t, http.StatusOK, send(h, "GET", "/timesheets/7", token).Code)
	assert.Equal(t, http.StatusBadRequest, send(h, "GET", "/timesheets/marker", token).Code)
}
