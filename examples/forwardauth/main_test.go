package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// bearer returns the field with a token of alice.
func bearer(issuer *jwkstest.Issuer, changes map[string]any) string {
	all := map[string]any{"sub": "alice", "scope": "read:timesheets"}
	for name, value := range changes {
		all[name] = value
	}
	return "Authorization: Bearer " + issuer.Token(all)
}

func TestAGoodTokenPasses(t *testing.T) {
	issuer := newIssuer(t)
	both := map[string]any{"scope": "read:timesheets write:timesheets"}
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		for _, tt := range []struct {
			rule, method, target string
			claims               map[string]any
			status               int
			body                 string
		}{
			{"read", "GET", "/timesheets", nil, 200, `"sub":"alice"`},
			{"the scopes", "GET", "/timesheets", both, 200, `"scopes":"read:timesheets write:timesheets"`},
			{"write", "POST", "/timesheets", both, 201, `"sub":"alice"`},
			{"a wildcard", "GET", "/timesheets/7", nil, 200, `"timesheet":"7"`},
			{"what is percent-encoded", "GET", "/timesheets/caf%C3%A9%20%2B", nil, 200, `"timesheet":"café +"`},
			{"a query, which the table does not have", "GET", "/timesheets?a=/../b&c=%2F//", nil, 200, `"sub":"alice"`},
			{"HEAD is a GET", "HEAD", "/timesheets", nil, 200, ""},
			{"a public route", "GET", "/", nil, 200, `"hello":"alice"`},
		} {
			t.Run(tt.rule, func(t *testing.T) {
				got := g.send(t, tt.method, tt.target, bearer(issuer, tt.claims))
				assert.Equal(t, tt.status, got.status, got.body)
				assert.Contains(t, got.body, tt.body)
				requests := g.reached()
				require.Len(t, requests, 1)
				assert.Equal(t, tt.target, requests[0].RequestURI, "the API gets the target that was checked")
				assert.Empty(t, requests[0].Header["Authorization"], "the API gets no token")
			})
		}
	})
}

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
			dead := freeAddress(t)
			g := startGateway(t, name, issuer.URL(), func(configuration string) string {
				before, after, _ := strings.Cut(configuration, map[string]string{"nginx": "location = /_auth", "caddy": "forward_auth"}[name])
				_, rest, _ := strings.Cut(after, "127.0.0.1:")
				port := rest[:strings.IndexAny(rest, "; ")]
				return before + strings.Replace(configuration[len(before):], "127.0.0.1:"+port, dead, 1)
			})
			assert.Equal(t, status, g.send(t, "GET", "/timesheets", bearer(issuer, nil)).status)
			assert.Equal(t, status, g.send(t, "GET", "/").status)
			g.requireNothingReached(t)
		})
	}
}

// What a client sends under the names of the gateway's fields reaches nobody.
func TestForgedFields(t *testing.T) {
	issuer := newIssuer(t)
	forged := []string{
		"X-Auth-Subject: mallory", "x-auth-subject: mallory", "X-Auth-Scopes: admin", "X_Auth_Subject: mallory", "X-Auth_Subject: mallory", "X.Auth.Subject: mallory",
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
				with(bearer(issuer, nil), "Connection: close, X-Auth-Subject, X-Forwarded-Uri, X-Original-URI"), 200, "alice or nobody",
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
				if tt.subject != "alice or nobody" {
					assert.Equal(t, tt.subject, requests[0].Header.Get("X-Auth-Subject"))
				}
			})
		}
	})
}

// A proof is for the URL of the client's request, which the gateway tells.
func TestDPoPThroughAGateway(t *testing.T) {
	issuer, key := newIssuer(t), jwkstest.NewKey("ES256")
	token := issuer.Token(map[string]any{
		"sub": "alice", "scope": "read:timesheets", "cnf": map[string]any{"jkt": key.Thumbprint()},
	})
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		origin := "http://" + g.address
		proof := func(method, url string) string { return "DPoP: " + jwkstest.Proof(key, method, url, token, nil) }
		used := proof("GET", origin+"/timesheets")
		for _, tt := range []struct {
			rule, target, proof string
			status              int
		}{
			{"its proof", "/timesheets?a=b", used, 200},
			{"again", "/timesheets?a=b", used, 401},
			{"a proof for another path", "/timesheets/7", proof("GET", origin+"/timesheets"), 401},
			{"a proof for another method", "/timesheets", proof("POST", origin+"/timesheets"), 401},
			{"a proof for the auth server", "/timesheets", proof("GET", "http://"+g.auth+"/_auth"), 401},
			{"no proof", "/timesheets", "X-None: x", 401},
		} {
			t.Run(tt.rule, func(t *testing.T) {
				got := g.send(t, "GET", tt.target, "Authorization: DPoP "+token, tt.proof)
				assert.Equal(t, tt.status, got.status, got.body)
				if tt.status == 401 {
					require.Len(t, got.header["Www-Authenticate"], 1)
					assert.Contains(t, got.header["Www-Authenticate"][0], `DPoP realm="timesheets", error="`)
					g.requireNothingReached(t)
					return
				}
				requests := g.reached()
				require.Len(t, requests, 1)
				assert.Empty(t, requests[0].Header["Dpop"], "the API gets no proof")
			})
		}
	})
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

// Without its lines for refusals, nginx changes them, as the documentation says.
func TestNginxAsItComes(t *testing.T) {
	issuer := newIssuer(t)
	g := startGateway(t, "nginx", issuer.URL(), func(configuration string) string {
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

// Around the gateway, the auth server answers nobody: no oracle for tokens.
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

// start runs the program until the end of the test, and returns the URLs of both servers.
func start(t *testing.T, environment map[string]string) (auth, api string) {
	t.Helper()
	out, stdout := io.Pipe()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, func(name string) string { return environment[name] }, stdout) }()
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
	})
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	auth = strings.TrimPrefix(lines.Text(), "auth server on ")
	require.True(t, lines.Scan())
	return auth, strings.TrimPrefix(lines.Text(), "API on ")
}

func TestProgram(t *testing.T) {
	issuer := newIssuer(t)
	auth, api := start(t, map[string]string{
		"ISSUER_URL": issuer.URL(), "AUDIENCE": jwkstest.Audience, "FORMAT": "envoy", "ADDR": "127.0.0.1:0", "API_ADDR": "127.0.0.1:0",
	})
	client := &http.Client{Timeout: 30 * time.Second}
	get := func(url, name, value string) (int, http.Header) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		r.Header.Set(name, value)
		response, err := client.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header
	}
	_, token, _ := strings.Cut(bearer(issuer, nil), ": ")
	status, header := get(auth+"/timesheets", "Authorization", token)
	assert.Equal(t, 200, status)
	assert.Equal(t, []string{"alice"}, header["X-Auth-Subject"])
	status, _ = get(api+"/timesheets", "X-Auth-Subject", "alice")
	assert.Equal(t, 200, status)
	status, _ = get(api+"/timesheets", "Authorization", token)
	assert.Equal(t, 500, status, "the API reads no tokens")
}

func TestProgramNeedsItsEnvironment(t *testing.T) {
	good := map[string]string{"ISSUER_URL": "https://issuer.example/", "AUDIENCE": "a", "FORMAT": "nginx"}
	for rule, tt := range map[string]struct{ name, value, want string }{
		"an issuer":           {"ISSUER_URL", "", "Config.Issuer"},
		"an audience":         {"AUDIENCE", "", "Config.Audiences"},
		"a format":            {"FORMAT", "apache", "Config.Format"},
		"prefixes":            {"PROXIES", "10.0.0.1", "PROXIES"},
		"an origin for DPoP":  {"DPOP_ORIGIN", "api.example.com", "Config.Origins"},
		"an address for it":   {"ADDR", "nowhere", "nowhere"},
		"an address for both": {"API_ADDR", "nowhere", "nowhere"},
	} {
		t.Run(rule, func(t *testing.T) {
			err := run(t.Context(), func(name string) string {
				switch name {
				case tt.name:
					return tt.value
				case "ADDR", "API_ADDR":
					return "127.0.0.1:0"
				}
				return good[name]
			}, io.Discard)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
