package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// h2c are the fields of a client that wants a tunnel to the backend.
var h2c = []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"}

var websocket = []string{
	"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
}

// A backend that answers 101 would give the client a connection past the table. So it is not asked.
func TestNoUpgradeReachesTheAPI(t *testing.T) {
	issuer := newIssuer(t)
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		for _, fields := range [][]string{h2c, websocket, {"Connection: Upgrade", "Upgrade: TLS/1.2"}} {
			got := g.send(t, "GET", "/", fields...)
			assert.Equal(t, 200, got.status, got.body)
			requests := g.reached()
			require.Len(t, requests, 1)
			assert.Empty(t, requests[0].Header["Upgrade"])
		}
	})
}

// With the lines in the comments of the configurations, a route has websockets, and nothing else.
func TestOnlyWebsocketReachesTheAPI(t *testing.T) {
	issuer := newIssuer(t)
	comments := map[string]func(g *gateway, configuration string) string{
		"nginx": func(_ *gateway, configuration string) string {
			return strings.ReplaceAll(configuration, "#   proxy_", "proxy_")
		},
		"caddy": func(_ *gateway, configuration string) string {
			configuration = strings.Replace(configuration, "\t\trequest_header -Upgrade\n\t\trequest_header -Connection\n", "", 1)
			return strings.Replace(strings.ReplaceAll(configuration, "\t#   ", "\t"), "/feed", "/", -1)
		},
	}
	for name, edit := range comments {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, name, issuer.URL(), edit)
			for _, tt := range []struct {
				rule, target string
				fields       []string
				status       int
				upgrades     int // at the API, all of them websocket; -1 is one or none
			}{
				{"a websocket", "/", websocket, 200, 1},
				{"another protocol", "/", h2c, 200, -1},
				{"two protocols", "/", []string{"Connection: Upgrade", "Upgrade: websocket, h2c"}, 200, -1},
				{"in two fields", "/", []string{"Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"}, 200, -1},
				{"in the other order", "/", []string{"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"}, 200, -1},
				{"none", "/", nil, 200, 0},
				{"without a token", "/timesheets", websocket, 401, 0},
			} {
				got := g.send(t, "GET", tt.target, tt.fields...)
				assert.Equal(t, tt.status, got.status, tt.rule)
				requests := g.reached()
				if tt.status == 401 {
					assert.Empty(t, requests)
					continue
				}
				require.Len(t, requests, 1, tt.rule)
				upgrade := requests[0].Header["Upgrade"]
				assert.Subset(t, []string{"websocket"}, upgrade, tt.rule)
				if tt.upgrades >= 0 {
					assert.Len(t, upgrade, tt.upgrades, tt.rule)
				}
			}
			if name == "caddy" { // the lines for nginx are in a location
				g.send(t, "GET", "/timesheets", append([]string{bearer(issuer, nil)}, websocket...)...)
				requests := g.reached()
				require.Len(t, requests, 1)
				assert.Empty(t, requests[0].Header["Upgrade"], "another path")
			}
		})
	}
}

// The auth server refuses what a gateway would pass on.
func TestTheAuthServerRefusesOtherProtocols(t *testing.T) {
	issuer := newIssuer(t)
	g := startGateway(t, "caddy", issuer.URL(), func(_ *gateway, configuration string) string {
		return strings.Replace(configuration, "\t\trequest_header -Upgrade\n\t\trequest_header -Connection\n", "", 1)
	})
	got := g.send(t, "GET", "/", h2c...)
	assert.Equal(t, 400, got.status)
	assert.Contains(t, got.body, "another protocol than websocket")
	g.requireNothingReached(t)
}
