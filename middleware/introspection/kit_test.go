package introspection_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

const (
	issuerURL   = "https://issuer.example/"
	endpointURL = "https://issuer.example/introspect"
	audience    = "https://api.example"
	goodToken   = "at_a-good-opaque-token"
	clientID    = "my api"
	secret      = "a:secret+of/the client"
)

// An endpoint is a RoundTripper that answers like an introspection endpoint.
type endpoint struct {
	// answer returns the status and the body for a request. It can block.
	answer func(r *http.Request, form url.Values) (int, string)

	mu    sync.Mutex // guards the fields below
	forms []url.Values
	heads []http.Header
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Method != http.MethodPost || r.URL.String() != endpointURL {
		return nil, errors.New("not an introspection request")
	}
	e.mu.Lock()
	e.forms, e.heads = append(e.forms, form), append(e.heads, r.Header)
	e.mu.Unlock()
	status, text := e.answer(r, form)
	if status == 0 {
		return nil, errors.New(text)
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r,
	}, nil
}

// count returns how many requests there were.
func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.forms)
}

// asked returns how many requests there were for a token.
func (e *endpoint) asked(token string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(e.forms), func(f url.Values) bool { return f.Get("token") != token }))
}

// always returns an endpoint with one answer.
func always(status int, body string) *endpoint {
	return &endpoint{answer: func(*http.Request, url.Values) (int, string) { return status, body }}
}

const inactive = `{"active":false}`

// knowing returns an endpoint for which these tokens are active for an hour.
func knowing(tokens ...string) *endpoint {
	return &endpoint{answer: func(_ *http.Request, form url.Values) (int, string) {
		if !slices.Contains(tokens, form.Get("token")) {
			return 200, inactive
		}
		return 200, activeAnswer(nil)
	}}
}

// activeAnswer returns an answer for an active token, with changes. nil removes a member.
func activeAnswer(changes map[string]any) string {
	members := map[string]any{
		"active": true, "iss": issuerURL, "aud": audience, "sub": "alice", "scope": "read write",
		"exp": time.Now().Add(time.Hour).Unix(), "token_type": "Bearer", "client_id": "app",
	}
	for name, value := range changes {
		if members[name] = value; value == nil {
			delete(members, name)
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func goodConfig(e *endpoint) introspection.Config {
	return introspection.Config{
		Endpoint: endpointURL, ClientID: clientID, ClientSecret: []byte(secret),
		Client: &http.Client{Transport: e}, Logger: slog.New(slog.DiscardHandler),
	}
}

func newIntrospector(t testing.TB, e *endpoint, edits ...func(*introspection.Config)) *introspection.Introspector {
	t.Helper()
	config := goodConfig(e)
	for _, edit := range edits {
		edit(&config)
	}
	i, err := introspection.New(config)
	require.NoError(t, err)
	return i
}

// newVerifier returns a Verifier of an issuer whose tokens i introspects.
func newVerifier(t testing.TB, i *introspection.Introspector, edits ...func(*claims.Issuer)) *claims.Verifier {
	t.Helper()
	issuer := claims.Issuer{URL: issuerURL, Audiences: []string{audience}, Opaque: i}
	for _, edit := range edits {
		edit(&issuer)
	}
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	require.NoError(t, err)
	return v
}

// introspect returns whether the answer was remembered. The token is accepted, as by a Verifier.
func introspect(t testing.TB, i *introspection.Introspector, token string) (remembered bool, err error) {
	t.Helper()
	_, remembered, err = i.Introspect(t.Context(), issuerURL, token)
	if err == nil && !remembered {
		i.Accepted(issuerURL, token)
	}
	return remembered, err
}

// requireOutage requires an error that becomes a 503 with a Retry-After.
func requireOutage(t testing.TB, err error) *claims.UnavailableError {
	t.Helper()
	require.Error(t, err)
	require.NotErrorIs(t, err, claims.ErrRejected)
	outage, ok := errors.AsType[*claims.UnavailableError](err)
	require.True(t, ok)
	return outage
}

func guess(n int) string { return "at_a-guess-of-a-stranger-" + strconv.Itoa(n) }

// A lineLog collects the lines of a logger.
type lineLog struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

func (l *lineLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func logTo(l *lineLog) func(*introspection.Config) {
	return func(c *introspection.Config) { c.Logger = slog.New(slog.NewTextHandler(l, nil)) }
}
