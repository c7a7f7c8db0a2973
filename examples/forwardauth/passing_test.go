package main

import (
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// bearer returns the field with a token of alice.
func bearer(issuer *jwkstest.Issuer, changes map[string]any) string {
	all := map[string]any{"sub": "alice", "scope": "read:timesheets"}
	maps.Copy(all, changes)
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

// A claim can look like a variable of a gateway. It arrives as it is.
func TestClaimsAreNotExpanded(t *testing.T) {
	issuer := newIssuer(t)
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		for _, sub := range []string{"{env.HOME}", "{{env.HOME}}", "{$HOME}", "{header.X-Auth-Scopes}", "$request_uri", "${HOME}", "%HOME%", `\{x\}`, `"a"`, "a;b=c,d"} {
			g.send(t, "GET", "/timesheets", bearer(issuer, map[string]any{"sub": sub}))
			requests := g.reached()
			require.Len(t, requests, 1)
			assert.Equal(t, []string{sub}, requests[0].Header["X-Auth-Subject"])
		}
	})
}

// The auth server needs no body, and the API gets it whole.
func TestABodyPasses(t *testing.T) {
	issuer := newIssuer(t)
	token := bearer(issuer, map[string]any{"scope": "write:timesheets"})
	text := strings.Repeat("0123456789", 20_000)
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(text)
			if chunked {
				body = io.MultiReader(body) // of a length that the client does not know
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+g.address+"/timesheets", body)
			require.NoError(t, err)
			_, value, _ := strings.Cut(token, ": ")
			r.Header.Set("Authorization", value)
			response, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, 201, response.StatusCode)
			requests := g.reached()
			require.Len(t, requests, 1)
			got, err := io.ReadAll(requests[0].Body)
			require.NoError(t, err)
			assert.Equal(t, len(text), len(got))
			assert.True(t, text == string(got))
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

// A client with a wrong clock gets a nonce, and is let through with it.
func TestNoncesThroughAGateway(t *testing.T) {
	issuer, key := newIssuer(t), jwkstest.NewKey("ES256")
	token := issuer.Token(map[string]any{"sub": "alice", "scope": "read:timesheets", "cnf": map[string]any{"jkt": key.Thumbprint()}})
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		late := map[string]any{"iat": time.Now().Add(-10 * time.Minute).Unix()}
		ask := func() answered {
			proof := jwkstest.Proof(key, "GET", "http://"+g.address+"/timesheets", token, late)
			return g.send(t, "GET", "/timesheets", "Authorization: DPoP "+token, "DPoP: "+proof)
		}
		first := ask()
		assert.Equal(t, 401, first.status)
		assert.Contains(t, first.header.Get("Www-Authenticate"), `error="use_dpop_nonce"`)
		assert.Equal(t, "no-store", first.header.Get("Cache-Control"))
		require.Len(t, first.header["Dpop-Nonce"], 1)
		g.requireNothingReached(t)
		late["nonce"] = first.header.Get("Dpop-Nonce")
		assert.Equal(t, 200, ask().status)
		assert.Len(t, g.reached(), 1)
	})
}

// What reaches the API is what was checked, however the client writes it.
func TestTheAPIGetsTheTargetThatWasChecked(t *testing.T) {
	issuer := newIssuer(t)
	token := bearer(issuer, nil)
	eachGateway(t, issuer.URL(), func(t *testing.T, g *gateway) {
		for target, want := range map[string]string{ // at the API, or nothing if it must not get there
			"/timesheets":                              "/timesheets",
			"/timesheets?":                             "/timesheets?",
			"/timesheets/a%20b?c=%2F..%2F":             "/timesheets/a%20b?c=%2F..%2F",
			"http://" + g.address + "/timesheets":      "/timesheets",
			"http://" + g.address + "/x/../timesheets": "",
			"http://" + g.address + "//timesheets":     "",
			"//" + g.address + "/timesheets":           "",
			"/x/../timesheets":                         "",
			"/timesheets/../timesheets":                "",
			"/timesheets/.":                            "",
			"/./timesheets":                            "",
			"/timesheets%2F7":                          "",
			"/timesheets/%2e%2e/timesheets":            "",
			"/timesheets/%2E%2E%2Ftimesheets":          "",
			"/timesheets/%252e%252e":                   "",
			`/timesheets/..\timesheets`:                "",
			"/timesheets/..;/7":                        "",
			"/timesheets/7#/8":                         "",
			"/timesheets/%00":                          "",
			"/timesheets/%0d%0aX-Auth-Subject:%20x":    "",
			"/timesheets/%C0%AF":                       "",
			"/%74imesheets":                            "",
			"/other":                                   "",
		} {
			got := g.send(t, "GET", target, token)
			requests := g.reached()
			if want == "" {
				assert.Contains(t, []int{400, 403}, got.status, target)
				assert.Empty(t, requests, target)
				continue
			}
			assert.Equal(t, 200, got.status, target)
			if assert.Len(t, requests, 1, target) {
				assert.Equal(t, want, requests[0].RequestURI)
			}
		}
	})
}
