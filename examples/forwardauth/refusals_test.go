package main

import (
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestRefusalsKeepStatusAndChallenges(t *testing.T) {
	issuer := newIssuer(t)
	good := bearer(issuer, nil)
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		for _, tt := range []struct {
			rule, method, target, authorization string
			status                              int
			challenge                           string // part of the first one
			challenges                          int    // as the auth server sends them
		}{
			{"no token", "GET", "/timesheets", "", 401, `Bearer realm="timesheets", scope="read:timesheets"`, 2},
			{"an expired token", "GET", "/timesheets", bearer(issuer, map[string]any{"exp": 1}), 401, `error="invalid_token"`, 1},
			{"a forged token", "GET", "/timesheets", "Authorization: Bearer a.b.c", 401, `error="invalid_token"`, 1},
			{"a bad token on a public route", "GET", "/", "Authorization: Bearer a.b.c", 401, `error="invalid_token"`, 1},
			{"a malformed request", "GET", "/timesheets", "Authorization: Bearer a b", 400, `error="invalid_request"`, 1},
			{"another scope", "POST", "/timesheets", good, 403, `error="insufficient_scope"`, 1},
			{"which it names", "POST", "/timesheets", good, 403, `scope="write:timesheets"`, 1},
			{"a path that is in no route", "GET", "/other", good, 403, "", 0},
			{"without a token, too", "GET", "/other", "", 403, "", 0},
			{"a slash at the end", "GET", "/timesheets/", good, 403, "", 0},
			{"another case", "GET", "/Timesheets", good, 403, "", 0},
			{"a method that is in no route", "DELETE", "/timesheets/7", good, 403, "", 0},
			{"dot segments", "GET", "/x/../timesheets", good, 400, "", 0},
			{"encoded dot segments", "GET", "/x/%2e%2E/timesheets", good, 400, "", 0},
			{"an empty segment", "GET", "/timesheets//7", good, 400, "", 0},
			{"an encoded slash", "GET", "/timesheets/7%2F8", good, 400, "", 0},
			{"an encoded letter", "GET", "/timeshee%74s", good, 400, "", 0},
			{"a path parameter", "GET", "/timesheets/7;a=b", good, 400, "", 0},
		} {
			t.Run(tt.rule, func(t *testing.T) {
				fields := []string{"X-Auth-Subject: mallory"}
				if tt.authorization != "" {
					fields = append(fields, tt.authorization)
				}
				got := g.send(t, tt.method, tt.target, fields...)
				assert.Equal(t, tt.status, got.status, got.body)
				challenges := got.header["Www-Authenticate"]
				if g.name == "nginx" && tt.challenges > 0 { // only the first is sure to survive
					require.NotEmpty(t, challenges)
				} else {
					require.Len(t, challenges, tt.challenges)
				}
				if tt.challenges > 0 {
					assert.Contains(t, challenges[0], tt.challenge)
				}
				assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
				g.requireNothingReached(t)
			})
		}
	})
}

// An outage of the issuer is a 503 with Retry-After, and never a bad token.
func TestAnOutageIsA503(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	token := jwkstest.NewIssuer(jwkstest.Config{URL: down.URL}).Token(map[string]any{"scope": "read:timesheets"})
	eachGateway(t, down.URL, func(t *testing.T, g *gateway) {
		got := g.send(t, "GET", "/timesheets", "Authorization: Bearer "+token)
		assert.Equal(t, 503, got.status)
		seconds, err := strconv.Atoi(got.header.Get("Retry-After"))
		require.NoError(t, err)
		assert.Positive(t, seconds)
		assert.Empty(t, got.header["Www-Authenticate"])
		g.requireNothingReached(t)
	})
}

// If the gateway cannot ask the auth server, nothing passes.
func TestWithoutTheAuthServerNothingPasses(t *testing.T) {
	issuer := newIssuer(t)
	for name, status := range map[string]int{"nginx": 503, "caddy": 502} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, name, issuer.URL(), func(g *gateway, configuration string) string {
				return strings.Replace(configuration, g.auth, freeAddress(t), 1)
			})
			assert.Equal(t, status, g.send(t, "GET", "/timesheets", bearer(issuer, nil)).status)
			assert.Equal(t, status, g.send(t, "GET", "/").status)
			g.requireNothingReached(t)
		})
	}
}

// Without its lines for refusals, nginx changes them, as the documentation says.
func TestNginxAsItComes(t *testing.T) {
	issuer := newIssuer(t)
	g := startGateway(t, "nginx", issuer.URL(), func(_ *gateway, configuration string) string {
		var kept []string
		for line := range strings.Lines(configuration) {
			if !strings.Contains(line, "error_page") && !strings.Contains(line, "add_header") {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	})
	malformed := g.send(t, "GET", "/timesheets", "Authorization: Bearer a b")
	assert.Equal(t, 500, malformed.status, "it was a 400")
	assert.Empty(t, malformed.header["Www-Authenticate"])
	forbidden := g.send(t, "POST", "/timesheets", bearer(issuer, nil))
	assert.Equal(t, 403, forbidden.status)
	assert.Empty(t, forbidden.header["Www-Authenticate"])
	g.requireNothingReached(t)
}

// Requests that are refused cost the API nothing, however many there are.
func TestAFloodOfJunkDoesNotReachTheAPI(t *testing.T) {
	issuer := newIssuer(t)
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		const workers, each = 8, 50
		junk := []string{
			"Authorization: Bearer " + strings.Repeat("x", 4000), "Authorization: Bearer a.b.c", "Authorization: Bearer", "X-Auth-Subject: alice",
			"Authorization: Basic YWxpY2U6", "DPoP: junk", bearer(issuer, map[string]any{"exp": 1}), bearer(issuer, map[string]any{"aud": "other"}),
		}
		targets := []string{"/timesheets", "/timesheets/7", "/x", "/../timesheets", "//timesheets", "/timesheets/%2e%2e"}
		statuses := make([]map[int]int, workers)
		var all sync.WaitGroup
		for n := range workers {
			statuses[n] = map[int]int{}
			all.Go(func() {
				for i := range each {
					// Caddy and nginx themselves refuse some targets.
					statuses[n][g.send(t, "GET", targets[i%len(targets)], junk[(n+i)%len(junk)]).status]++
				}
			})
		}
		all.Wait()
		total := 0
		for _, counts := range statuses {
			for status, count := range counts {
				assert.Contains(t, []int{400, 401, 403}, status)
				total += count
			}
		}
		assert.Equal(t, workers*each, total)
		g.requireNothingReached(t)
		assert.Equal(t, 200, g.send(t, "GET", "/timesheets", bearer(issuer, nil)).status)
		assert.Len(t, g.reached(), 1)
	})
}
