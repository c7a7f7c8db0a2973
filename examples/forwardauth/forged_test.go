package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a client sends under the names of the gateway's fields does not reach the API.
func TestForgedFields(t *testing.T) {
	issuer := newIssuer(t)
	forged := []string{
		"X-Auth-Subject: mallory", "x-auth-subject: mallory", "X-Auth-Scopes: admin", "X_Auth_Subject: mallory", "X-Auth_Subject: mallory", "X.Auth.Subject: mallory",
		"X!Auth-Subject: mallory", "X~Auth~Subject: mallory", "X~Auth~Scopes: admin", "X-Auth.Scopes: admin", "SCRIPT_NAME: /mallory", "X_Forwarded_Uri: /mallory", "X.Mallory: mallory",
		"X_Auth-Scopes: admin", "X-Original-Method: GET", "X-Original-URI: /", "X-Original-Url: /", "X-Forwarded-Method: GET", "X-Forwarded-Uri: /",
	}
	with := func(more ...string) []string { return append(more, forged...) }
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		for _, tt := range []struct {
			rule, target string
			fields       []string
			status       int
			subject      string // at the API
		}{
			{"without a token", "/", with(), 200, ""},
			{"with a token", "/timesheets", with(bearer(issuer, nil)), 200, "alice"},
			{"with a token that has no sub", "/timesheets", with(bearer(issuer, map[string]any{"sub": nil})), 500, ""},
			{"with a sub that is not visible ASCII", "/timesheets", with(bearer(issuer, map[string]any{"sub": "alicé"})), 500, ""},
			{"with a sub of two lines", "/timesheets", with(bearer(issuer, map[string]any{"sub": "alice\r\nX-Auth-Scopes: admin"})), 500, ""},
			{"fields that choose another route", "/timesheets", with(), 401, ""},
			{
				"fields that are for one hop, with a token", "/",
				with(bearer(issuer, nil), "Connection: close, X-Auth-Subject, X-Forwarded-Uri, X-Original-URI"), 200, "alice",
			},
			{"fields that are for one hop", "/timesheets", with("Connection: close, X-Forwarded-Uri, X-Original-URI"), 401, ""},
		} {
			t.Run(tt.rule, func(t *testing.T) {
				got := g.send(t, "GET", tt.target, tt.fields...)
				assert.Equal(t, tt.status, got.status, got.body)
				assert.NotContains(t, got.body, "mallory")
				requests := g.reached()
				if tt.status == 401 {
					assert.Empty(t, requests)
					return
				}
				require.Len(t, requests, 1)
				for name, values := range requests[0].Header {
					assert.NotContains(t, strings.Join(values, " "), "mallory", name)
					assert.NotContains(t, strings.Join(values, " "), "admin", name)
				}
				assert.Equal(t, tt.subject, requests[0].Header.Get("X-Auth-Subject"))
				if g.name == "caddy" { // a field in a trailer would be the second one
					assert.Len(t, requests[0].Header["X-Auth-Subject"], 1)
					assert.Len(t, requests[0].Header["X-Auth-Scopes"], 1)
				}
			})
		}
	})
}

// A trailer is no part of the header. nginx drops it, and newer versions of Caddy pass it on.
func TestForgedTrailers(t *testing.T) {
	issuer := newIssuer(t)
	token := bearer(issuer, map[string]any{"scope": "write:timesheets"})
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		status := func(field, trailer string) int {
			conn, err := net.Dial("tcp", g.address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = fmt.Fprintf(conn, "POST /timesheets HTTP/1.1\r\nHost: %s\r\n%s\r\nTransfer-Encoding: chunked\r\n"+
				"Trailer: Authorization, X-Auth-Subject\r\n\r\n1\r\na\r\n0\r\n%s\r\n\r\n", g.address, field, trailer)
			require.NoError(t, err)
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer response.Body.Close()
			return response.StatusCode
		}
		assert.Equal(t, 401, status("X-None: x", token))
		g.requireNothingReached(t)
		assert.Equal(t, 201, status(token, "X-Auth-Subject: mallory"))
		requests := g.reached()
		require.Len(t, requests, 1)
		assert.Equal(t, []string{"alice"}, requests[0].Header["X-Auth-Subject"])
		if g.name == "nginx" {
			assert.Empty(t, requests[0].Trailer)
		}
	})
}

// The auth server answers the gateway only: it is no oracle for tokens.
func TestAroundTheGateway(t *testing.T) {
	issuer := newIssuer(t)
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.9")}}
		conn, err := dialer.Dial("tcp", g.auth)
		require.NoError(t, err)
		defer conn.Close()
		got := exchange(t, conn, g.auth, "GET", "/", bearer(issuer, nil), "X-Original-Method: GET", "X-Original-URI: /timesheets",
			"X-Forwarded-Method: GET", "X-Forwarded-Uri: /timesheets")
		assert.Equal(t, 403, got.status)
		assert.Contains(t, got.body, "trusted proxy")
		assert.Empty(t, got.header["X-Auth-Subject"])
	})
}
