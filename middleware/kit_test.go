package middleware_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// goodToken is the token that the Verifier of accepting accepts.
const goodToken = "header.payload.signature"

// A verifierFunc is a fake Verifier.
type verifierFunc func(ctx context.Context, token string, proofs ...claims.Proof) (*claims.Claims, error)

func (f verifierFunc) Verify(ctx context.Context, token string, proofs ...claims.Proof) (*claims.Claims, error) {
	return f(ctx, token, proofs...)
}

// accepting returns a fake that accepts only goodToken.
func accepting(t testing.TB, payload string) verifierFunc {
	t.Helper()
	c := claimsOf(t, payload)
	return func(_ context.Context, token string, _ ...claims.Proof) (*claims.Claims, error) {
		if token != goodToken {
			return nil, claims.ErrSignature
		}
		return c, nil
	}
}

func refusing(err error) verifierFunc {
	return func(context.Context, string, ...claims.Proof) (*claims.Claims, error) { return nil, err }
}

// counting returns a fake that counts its calls, and refuses every token.
func counting(asked *int) verifierFunc {
	return func(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
		*asked++
		return nil, claims.ErrSignature
	}
}

func claimsOf(t testing.TB, payload string) *claims.Claims {
	t.Helper()
	c, err := claims.ParseUnverified([]byte(payload))
	require.NoError(t, err)
	return c
}

func newAuth(t testing.TB, v middleware.Verifier, edits ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	config := middleware.Config{Verifier: v, Logger: slog.New(slog.DiscardHandler)}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth
}

// whoami answers 200 with the subject in its context.
var whoami = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	c, ok := claims.FromContext(r.Context())
	if !ok {
		_, _ = io.WriteString(w, "anonymous")
		return
	}
	_, _ = io.WriteString(w, "subject "+c.Subject())
})

// get returns a request with these Authorization fields.
func get(authorization ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://api.example.test/", nil)
	if len(authorization) > 0 {
		r.Header["Authorization"] = authorization
	}
	return r
}

// raw reads a request as net/http does, after the line "GET / HTTP/1.1".
func raw(t testing.TB, lines ...string) *http.Request {
	t.Helper()
	text := "GET / HTTP/1.1\r\nHost: api.example.test\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	require.NoError(t, err)
	return r
}

// An answer is a response, taken apart.
type answer struct {
	Status    int
	Header    http.Header
	Challenge map[string]string // the parameters; nil without a challenge
	Problem   map[string]any
	Body      string
}

// serve calls h and returns its answer. If the answer is a refusal, serve checks all that
// every refusal must have.
func serve(t testing.TB, h http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	a := answer{Status: w.Code, Header: w.Header(), Body: w.Body.String()}
	if w.Code == http.StatusOK {
		return a
	}
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	assert.Equal(t, []string{"application/problem+json"}, a.Header["Content-Type"])
	assert.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
	if r.Method != http.MethodHead {
		assert.Equal(t, strconv.Itoa(len(a.Body)), a.Header.Get("Content-Length"))
		require.NoError(t, json.Unmarshal([]byte(a.Body), &a.Problem), "RFC 9457: a JSON object")
		assert.EqualValues(t, a.Status, a.Problem["status"], "RFC 9457 section 3.1.2")
		assert.Equal(t, "about:blank", a.Problem["type"])
		assert.Equal(t, http.StatusText(a.Status), a.Problem["title"], "RFC 9457 section 4.2.1")
	}
	if a.Status == http.StatusServiceUnavailable {
		assert.Empty(t, a.Header["Www-Authenticate"], "an outage asks for no other token")
		seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
		assert.NoError(t, err)
		assert.Positive(t, seconds)
		return a
	}
	a.Challenge = bearerChallenge(t, a.Header["Www-Authenticate"])
	if r.Method != http.MethodHead {
		for _, name := range []string{"error", "error_description"} {
			member, _ := a.Problem[name].(string)
			assert.Equal(t, a.Challenge[name], member, "header and body agree on %s", name)
		}
	}
	return a
}

// bearerChallenge returns the parameters of the challenge in the fields. It checks RFC 6750
// section 3: one Bearer challenge, whose values have only the allowed characters.
func bearerChallenge(t testing.TB, fields []string) map[string]string {
	t.Helper()
	require.Len(t, fields, 1, "RFC 9110 section 15.5.2, RFC 6750 section 3: every refusal has a challenge")
	challenges, err := parseChallenges(fields[0])
	require.NoError(t, err, fields[0])
	require.Len(t, challenges, 1)
	assert.Equal(t, "Bearer", challenges[0].scheme)
	parameters := challenges[0].parameters
	assert.NotEmpty(t, parameters["realm"], "RFC 6750 section 3: at least one parameter")
	for _, name := range []string{"error", "error_description", "scope"} {
		outside := func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }
		assert.Equal(t, -1, strings.IndexFunc(parameters[name], outside), "%s: %q", name, parameters[name])
	}
	return parameters
}
