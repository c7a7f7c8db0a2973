package main

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

// A refusal of the second auth server is a refusal, if the first one is down.
func TestRefusalsIfTheFirstAuthServerIsDown(t *testing.T) {
	issuer := newIssuer(t)
	g := startGateway(t, "nginx", issuer.URL(), func(g *gateway, configuration string) string {
		configuration = strings.Replace(configuration, "http://"+g.auth+";", "http://auth_servers;", 1)
		return strings.Replace(configuration, "\tserver {", "\tupstream auth_servers {\n"+
			"\t\tserver "+freeAddress(t)+" max_fails=0;\n\t\tserver "+g.auth+" max_fails=0;\n\t}\n\tserver {", 1)
	})
	good := bearer(issuer, nil)
	for range 3 { // nginx begins with each of them in turn
		forbidden := g.send(t, "POST", "/timesheets", good)
		assert.Equal(t, 403, forbidden.status)
		assert.Contains(t, forbidden.header.Get("Www-Authenticate"), `error="insufficient_scope"`)
		assert.Equal(t, "no-store", forbidden.header.Get("Cache-Control"))
		malformed := g.send(t, "GET", "/timesheets", "Authorization: Bearer a b")
		assert.Equal(t, 400, malformed.status)
		assert.Contains(t, malformed.header.Get("Www-Authenticate"), `error="invalid_request"`)
		assert.Equal(t, 401, g.send(t, "GET", "/timesheets").status)
		g.requireNothingReached(t)
		passed := g.send(t, "GET", "/timesheets", good)
		assert.Equal(t, 200, passed.status)
		assert.Empty(t, passed.header["Cache-Control"])
		require.Len(t, g.reached(), 1)
	}
}

// A location with one field of its own inherits no others, so the comment of the configuration
// demands all lines in each location. auth_request is inherited: the location seems to be safe.
func TestALocationInheritsNoFields(t *testing.T) {
	issuer := newIssuer(t)
	const begin, end = "\t\tlocation / {\n", "\t\t\t# Without a path"
	for rule, tt := range map[string]struct {
		inServer, inLocation bool
		subject              string
	}{
		"in the server":      {inServer: true, subject: "mallory"},
		"in each location":   {inLocation: true, subject: "alice"},
		"in both, as copies": {inServer: true, inLocation: true, subject: "alice"},
	} {
		t.Run(rule, func(t *testing.T) {
			g := startGateway(t, "nginx", issuer.URL(), func(_ *gateway, configuration string) string {
				before, rest, found := strings.Cut(configuration, begin)
				require.True(t, found)
				lines, after, found := strings.Cut(rest, end)
				require.True(t, found)
				text := before
				if tt.inServer {
					text += lines
				}
				text += begin
				if tt.inLocation {
					text += lines
				}
				return text + "\t\t\tproxy_set_header X-Mine mine;\n" + end + after
			})
			got := g.send(t, "GET", "/timesheets", bearer(issuer, nil), "X-Auth-Subject: mallory")
			assert.Equal(t, 200, got.status)
			requests := g.reached()
			require.Len(t, requests, 1)
			assert.Equal(t, []string{tt.subject}, requests[0].Header["X-Auth-Subject"])
			assert.Equal(t, 401, g.send(t, "GET", "/timesheets").status, "auth_request is inherited")
		})
	}
}

// A client cannot ask the auth server through nginx.
func TestTheLocationOfTheAuthServerIsInternal(t *testing.T) {
	issuer := newIssuer(t)
	g := startGateway(t, "nginx", issuer.URL())
	got := g.send(t, "GET", "/_auth", bearer(issuer, nil), "X-Original-Method: GET", "X-Original-URI: /timesheets")
	assert.Equal(t, 404, got.status)
	assert.Empty(t, got.header["X-Auth-Subject"])
	g.requireNothingReached(t)
}

// The longest claims fit into the answer that nginx reads, and longer ones are no outage.
func TestLongClaimsAreNoOutage(t *testing.T) {
	issuer := newIssuer(t)
	g := startGateway(t, "nginx", issuer.URL(), func(g *gateway, configuration string) string {
		configuration = strings.Replace(configuration, "http://"+g.auth+";", "http://auth_servers;", 1)
		return strings.Replace(configuration, "\tserver {", // two, so that nginx can take one of them for down
			"\tupstream auth_servers { server "+g.auth+"; server "+g.auth+"; }\n\tserver {", 1)
	})
	token := func(bytes int) string {
		scope := "read:timesheets " + strings.Repeat("x", 1000)
		return bearer(issuer, map[string]any{"scope": scope, "sub": strings.Repeat("s", bytes-len(scope))})
	}
	assert.Equal(t, 200, g.send(t, "GET", "/timesheets", token(2048)).status)
	requests := g.reached()
	require.Len(t, requests, 1)
	assert.Equal(t, 2048, len(requests[0].Header.Get("X-Auth-Subject"))+len(requests[0].Header.Get("X-Auth-Scopes")))
	for range 2 {
		assert.Equal(t, 500, g.send(t, "GET", "/timesheets", token(4000)).status, "the API is not told who calls")
		requests = g.reached()
		require.Len(t, requests, 1)
		assert.Empty(t, requests[0].Header["X-Auth-Subject"])
		assert.Empty(t, requests[0].Header["X-Auth-Scopes"])
	}
	assert.Equal(t, 200, g.send(t, "GET", "/timesheets", bearer(issuer, nil)).status)
}

// A route with many scopes refuses, although its challenges are longer than what nginx reads of an
// answer by default.
func TestLongChallengesAreNoOutage(t *testing.T) {
	issuer := newIssuer(t)
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, DPoP: &dpop.Config{Origins: []string{"https://api.example.test"}},
	})
	require.NoError(t, err)
	var scopes []string
	for n := range 200 {
		scopes = append(scopes, fmt.Sprintf("read:timesheets-of-%04d", n))
	}
	h, err := forwardauth.New(forwardauth.Config{
		Format: forwardauth.Nginx, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Routes: []forwardauth.Route{{Pattern: "GET /timesheets", Guard: auth.Guard(middleware.AllScopes(scopes...))}},
	})
	require.NoError(t, err)
	server := httptest.NewServer(h)
	defer server.Close()
	g := startGateway(t, "nginx", issuer.URL(), func(g *gateway, configuration string) string {
		return strings.Replace(configuration, g.auth, server.Listener.Addr().String(), 1)
	})
	for status, field := range map[int]string{401: "X-None: x", 403: bearer(issuer, nil)} {
		got := g.send(t, "GET", "/timesheets", field)
		assert.Equal(t, status, got.status)
		assert.Contains(t, got.header.Get("Www-Authenticate"), scopes[199])
	}
	g.requireNothingReached(t)
}
