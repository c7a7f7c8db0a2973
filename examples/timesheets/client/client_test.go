package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

const secret = "s3cr:t +/%"

// A world is an issuer and an API on loopback.
type world struct {
	issuer   *jwkstest.Issuer
	api      *httptest.Server
	mu       sync.Mutex // guards tokens
	tokens   []string   // the tokens that the API has received
	variable map[string]string
}

func newWorld(t *testing.T, scopes ...string) *world {
	t.Helper()
	w := new(world)
	issuer := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.issuer.ServeHTTP(rw, r) }))
	t.Cleanup(issuer.Close)
	w.issuer = jwkstest.NewIssuer(jwkstest.Config{
		URL: issuer.URL + "/",
		Clients: []jwkstest.Client{{
			ID: "uploader", Secret: secret, Grants: map[string][]string{jwkstest.Audience: scopes},
		}},
	})
	w.api = httptest.NewServer(w.handler(t))
	t.Cleanup(w.api.Close)
	w.variable = map[string]string{
		"TOKEN_URL": w.issuer.TokenURL(), "CLIENT_ID": "uploader", "CLIENT_SECRET": secret,
		"AUDIENCE": jwkstest.Audience, "API_URL": w.api.URL + "/",
	}
	return w
}

// handler returns an API that keeps the uploaded entries and the tokens of all requests.
func (w *world) handler(t *testing.T) http.Handler {
	auth, err := middleware.New(middleware.Config{
		Issuer: w.issuer.URL(), Audiences: []string{jwkstest.Audience}, Realm: "timesheets",
	})
	require.NoError(t, err)
	var uploaded []json.RawMessage
	mux := http.NewServeMux()
	mux.Handle("POST /timesheets", auth.RequireScopes("write:timesheets")(
		http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			uploaded = append(uploaded, body)
			rw.WriteHeader(http.StatusCreated)
		})))
	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(
		http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			c, _ := claims.FromContext(r.Context())
			_ = json.NewEncoder(rw).Encode(map[string]any{"sub": c.Subject(), "timesheets": uploaded})
		})))
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.tokens = append(w.tokens, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		w.mu.Unlock()
		mux.ServeHTTP(rw, r)
	})
}

// run returns the exit code and the output. It checks that the output has no secret.
func (w *world) run(t *testing.T) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), func(name string) string { return w.variable[name] }, &out, &out)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, token := range w.tokens {
		require.NotEmpty(t, token)
		assert.NotContains(t, out.String(), token)
		assert.NotContains(t, out.String(), token[strings.LastIndex(token, ".")+1:])
	}
	assert.NotContains(t, out.String(), secret)
	return code, out.String()
}

func TestUploads(t *testing.T) {
	w := newWorld(t, "read:timesheets", "write:timesheets")
	code, out := w.run(t)
	assert.Equal(t, 0, code, out)
	assert.Equal(t, 2, strings.Count(out, "uploaded "))
	assert.Contains(t, out, "2 entries of uploader@clients:")
	assert.Contains(t, out, "6.0 h  bearerguard  verified tokens")
	assert.Len(t, w.tokens, 3)
	assert.Equal(t, 1, w.issuer.Count(jwkstest.TokenEndpoint), "one token for all requests")
}

func TestExplainsRefusals(t *testing.T) {
	forbidden := newWorld(t, "read:timesheets")
	code, out := forbidden.run(t)
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "403 Forbidden")
	assert.Contains(t, out, `WWW-Authenticate: Bearer realm="timesheets", error="insufficient_scope"`)
	assert.Contains(t, out, `scope="write:timesheets"`)
	assert.Contains(t, out, `"error":"insufficient_scope"`, "the problem body")

	stranger := newWorld(t)
	stranger.variable["CLIENT_SECRET"] = "wrong"
	code, out = stranger.run(t)
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "the issuer gave no token: 401 Unauthorized: invalid_client")
	assert.Empty(t, stranger.tokens)

	broken := newWorld(t)
	broken.issuer.Fail(jwkstest.TokenEndpoint, jwkstest.Respond(500, nil, "<html>"))
	code, out = broken.run(t)
	assert.Equal(t, 1, code)
	assert.Equal(t, "the issuer gave no token: 500 Internal Server Error\n", out)

	down := newWorld(t, "read:timesheets", "write:timesheets")
	down.api.Close()
	code, out = down.run(t)
	assert.Equal(t, 1, code)
	assert.Regexp(t, "connection refused|actively refused", out, "the second text is that of Windows")
}

func TestTokenAndSecretFollowNoRedirect(t *testing.T) {
	for _, from := range []string{"API", "issuer"} {
		reached := false
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
		redirect := http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect)
		w := newWorld(t, "read:timesheets", "write:timesheets")
		if from == "API" {
			w.api.Config.Handler = redirect
		} else {
			w.issuer.Fail(jwkstest.TokenEndpoint, func(rw http.ResponseWriter, r *http.Request, _ http.Handler) {
				redirect.ServeHTTP(rw, r)
			})
		}
		code, out := w.run(t)
		elsewhere.Close()
		assert.Equal(t, 1, code, from)
		assert.Contains(t, out, "307 Temporary Redirect", from)
		assert.False(t, reached, from)
	}
}

func TestMistakesAreReportedAtOnce(t *testing.T) {
	w := newWorld(t)
	w.variable = map[string]string{"CLIENT_ID": "x", "TOKEN_URL": "http://issuer.example.test/token", "API_URL": "/api"}
	code, out := w.run(t)
	assert.Equal(t, 2, code)
	for _, problem := range []string{
		`TOKEN_URL: "http://issuer.example.test/token" is not an https URL`,
		"CLIENT_SECRET: it is required", "AUDIENCE: it is required",
		`API_URL: "/api" is not an https URL`,
	} {
		assert.Contains(t, out, problem)
	}
}

func TestConfidential(t *testing.T) {
	for rawURL, want := range map[string]bool{
		"https://a.test": true, "http://a.test": false, "http://localhost:1": true, "http://127.0.0.1": true,
		"http://[::1]:8080/x": true, "ftp://localhost": false, "": false, "https://": false, "http://localhost.a.test": false,
	} {
		assert.Equal(t, want, confidential(rawURL), rawURL)
	}
}

func TestRefusalsArePrintable(t *testing.T) {
	r := &refusal{"GET", "https://a.test", "418 I'm a teapot", http.Header{}, []byte("\x1b[31mred\x00\n" + strings.Repeat("x", 9999))}
	text := r.Error()
	assert.NotContains(t, text, "\x1b")
	assert.NotContains(t, text, "\x00")
	assert.Less(t, len(text), 2100)
}
