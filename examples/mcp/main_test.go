package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth/extauth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// start runs the program until the end of the test, and returns its URL.
func start(t *testing.T, issuer string) string {
	t.Helper()
	environment := map[string]string{"ISSUER_URL": issuer, "ADDR": "127.0.0.1:0"}
	out, stdout := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, func(name string) string { return environment[name] }, stdout)
		stdout.CloseWithError(err)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
}

// newIssuer returns an authorization server that listens on loopback.
func newIssuer(t *testing.T, config jwkstest.Config) *jwkstest.Issuer {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	config.URL = "http://" + server.Listener.Addr().String()
	issuer := jwkstest.NewIssuer(config)
	server.Config.Handler = issuer
	server.Start()
	t.Cleanup(server.Close)
	return issuer
}

// A bearer sends a token with each request. The token can change between requests.
type bearer struct{ token atomic.Value }

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token.Load().(string))
	return http.DefaultTransport.RoundTrip(r)
}

// connect returns a session of the SDK's client.
func connect(t *testing.T, transport *mcp.StreamableClientTransport) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1.0.0"}, nil)
	session, err := client.Connect(t.Context(), transport, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// connectWith returns a session that sends this token, and the bearer that can change it.
func connectWith(t *testing.T, resource, token string) (*mcp.ClientSession, *bearer) {
	t.Helper()
	b := new(bearer)
	b.token.Store(token)
	return connect(t, &mcp.StreamableClientTransport{Endpoint: resource, HTTPClient: &http.Client{Transport: b}}), b
}

func call(t *testing.T, s *mcp.ClientSession, tool string, arguments any) (text string, refused bool) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	require.NoError(t, err)
	require.Len(t, result.Content, 1)
	content, ok := result.Content[0].(*mcp.TextContent)
	require.True(t, ok)
	return content.Text, result.IsError
}

// post sends a message without the SDK, and returns the HTTP response.
func post(t *testing.T, resource, authorization string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, resource,
		strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func token(issuer *jwkstest.Issuer, audience, subject, scope string) string {
	return issuer.Token(map[string]any{"aud": audience, "sub": subject, "scope": scope})
}

func TestChallengeLeadsToTheIssuer(t *testing.T) {
	issuer := newIssuer(t, jwkstest.Config{})
	resource := start(t, issuer.URL())
	response := post(t, resource, "")
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	challenges, err := oauthex.ParseWWWAuthenticate(response.Header.Values("WWW-Authenticate"))
	require.NoError(t, err)
	require.Len(t, challenges, 1)
	assert.Equal(t, "bearer", challenges[0].Scheme)
	assert.Equal(t, readScope, challenges[0].Params["scope"])

	metadata, err := oauthex.GetProtectedResourceMetadata(
		t.Context(), challenges[0].Params["resource_metadata"], resource, http.DefaultClient)
	require.NoError(t, err)
	assert.Equal(t, []string{issuer.URL()}, metadata.AuthorizationServers)
	assert.Equal(t, []string{readScope, writeScope}, metadata.ScopesSupported)
	assert.Equal(t, []string{"header"}, metadata.BearerMethodsSupported)
}

func TestEndpointNeedsAGoodToken(t *testing.T) {
	issuer := newIssuer(t, jwkstest.Config{})
	resource := start(t, issuer.URL())
	good := token(issuer, resource, "alice", readScope)
	for rule, test := range map[string]struct {
		authorization string
		status        int
	}{
		"good":                   {"Bearer " + good, 200},
		"tampered":               {"Bearer " + jwkstest.TamperSignature(good), 401},
		"for another server":     {"Bearer " + token(issuer, jwkstest.Audience, "alice", readScope), 401},
		"without a useful scope": {"Bearer " + token(issuer, resource, "alice", "openid"), 403},
	} {
		t.Run(rule, func(t *testing.T) {
			assert.Equal(t, test.status, post(t, resource, test.authorization).StatusCode)
		})
	}
}

func TestToolsNeedTheirScopes(t *testing.T) {
	issuer := newIssuer(t, jwkstest.Config{})
	resource := start(t, issuer.URL())
	reader, _ := connectWith(t, resource, token(issuer, resource, "alice", readScope))
	writer, _ := connectWith(t, resource, token(issuer, resource, "alice", writeScope))

	text, refused := call(t, writer, "add_hours", addition{Hours: 7.5})
	assert.False(t, refused, text)
	assert.JSONEq(t, `{"sub":"alice","hours":7.5}`, text)
	text, refused = call(t, reader, "total_hours", nil)
	assert.False(t, refused, text)
	assert.JSONEq(t, `{"sub":"alice","hours":7.5}`, text)

	text, refused = call(t, reader, "add_hours", addition{Hours: 1})
	assert.True(t, refused)
	assert.Equal(t, "insufficient_scope: this tool needs write:timesheets", text)
	text, refused = call(t, writer, "total_hours", nil)
	assert.True(t, refused)
	assert.Equal(t, "insufficient_scope: this tool needs read:timesheets", text)
	text, _ = call(t, reader, "total_hours", nil)
	assert.JSONEq(t, `{"sub":"alice","hours":7.5}`, text, "the refused call did nothing")
}

// The token of each call decides, not the token that began the connection.
func TestTokenCountsForItsOwnRequestOnly(t *testing.T) {
	issuer := newIssuer(t, jwkstest.Config{})
	resource := start(t, issuer.URL())
	session, b := connectWith(t, resource, token(issuer, resource, "alice", readScope+" "+writeScope))
	_, refused := call(t, session, "add_hours", addition{Hours: 1})
	require.False(t, refused)

	b.token.Store(token(issuer, resource, "bob", readScope))
	_, refused = call(t, session, "add_hours", addition{Hours: 1})
	assert.True(t, refused)
	text, _ := call(t, session, "total_hours", nil)
	assert.JSONEq(t, `{"sub":"bob","hours":0}`, text)
	b.token.Store(token(issuer, resource, "", readScope))
	text, refused = call(t, session, "total_hours", nil)
	assert.True(t, refused, "tokens without a subject must not share entries: %s", text)
}

// The SDK's client knows only its credentials and the address of this server. It finds
// the authorization server by the challenge and the metadata.
func TestClientDiscoversTheIssuer(t *testing.T) {
	var resource string
	issuer := newIssuer(t, jwkstest.Config{
		Clients: []jwkstest.Client{{ID: "agent", Secret: "secret", Grants: map[string][]string{
			jwkstest.Audience: {readScope},
		}}},
		OnGrant: func(_ context.Context, g *jwkstest.Grant) error {
			g.Claims["aud"] = resource
			return nil
		},
	})
	resource = start(t, issuer.URL())
	issuer.Fail(jwkstest.TokenEndpoint, withDefaultAudience)
	issuer.Fail(jwkstest.Metadata, jwkstest.Edit(map[string]any{
		"code_challenge_methods_supported": []string{"S256"}, // the SDK requires it
	}))

	handler, err := extauth.NewClientCredentialsHandler(&extauth.ClientCredentialsHandlerConfig{
		Credentials: &oauthex.ClientCredentials{
			ClientID: "agent", ClientSecretAuth: &oauthex.ClientSecretAuth{ClientSecret: "secret"},
		},
	})
	require.NoError(t, err)
	session := connect(t, &mcp.StreamableClientTransport{Endpoint: resource, OAuthHandler: handler})
	text, refused := call(t, session, "total_hours", nil)
	assert.False(t, refused, text)
	assert.JSONEq(t, `{"sub":"agent@clients","hours":0}`, text)
}

// withDefaultAudience is a fault that adds an audience to token requests, because the
// SDK's client sends none.
func withDefaultAudience(w http.ResponseWriter, r *http.Request, next http.Handler) {
	body, _ := io.ReadAll(r.Body)
	body = append(body, "&audience="+url.QueryEscape(jwkstest.Audience)...)
	r.Body = io.NopCloser(bytes.NewReader(body))
	next.ServeHTTP(w, r)
}

func TestProgramNeedsItsEnvironment(t *testing.T) {
	none := func(string) string { return "" }
	assert.ErrorContains(t, run(t.Context(), none, io.Discard), "Config.Issuer")
}
