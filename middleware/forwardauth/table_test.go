package forwardauth_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

// tabled returns a Handler whose routes note in matched which of them was asked.
func tabled(t testing.TB, matched *string, patterns ...string) *forwardauth.Handler {
	t.Helper()
	auth := newAuth(t, `{"sub":"alice"}`)
	var routes []forwardauth.Route
	for _, pattern := range patterns {
		guard := auth.Guard(middleware.PolicyFunc(func(context.Context, *claims.Claims) error {
			*matched = pattern
			return nil
		}))
		routes = append(routes, forwardauth.Route{Pattern: pattern, Guard: guard})
	}
	return newHandler(t, forwardauth.Config{Routes: routes})
}

func TestTheTable(t *testing.T) {
	const none = ""
	var matched string
	h := tabled(t, &matched, "GET /timesheets", "/timesheets/{id}", "GET /timesheets/new", "POST /files/", "GET /files/{name}",
		"GET /docs/{path...}", "GET /{$}", "GET /v1/items:batchGet", "GET /v1/{name}", "CONNECT /tunnel")
	for _, tt := range []struct{ rule, method, target, want string }{
		{"method and path", "GET", "/timesheets", "GET /timesheets"},
		{"GET matches HEAD", "HEAD", "/timesheets", "GET /timesheets"},
		{"another method", "POST", "/timesheets", none},
		{"the query does not count", "GET", "/timesheets?/x", "GET /timesheets"},
		{"a wildcard, for every method", "PURGE", "/timesheets/7", "/timesheets/{id}"},
		{"a wildcard of what is percent-encoded", "GET", "/timesheets/caf%C3%A9", "/timesheets/{id}"},
		{"the most specific", "GET", "/timesheets/new", "GET /timesheets/new"},
		{"which has another method", "POST", "/timesheets/new", "/timesheets/{id}"},
		{"a wildcard is one segment", "GET", "/timesheets/7/8", none},
		{"which is not empty", "GET", "/timesheets/", none},
		{"a slash at the end is a subtree", "POST", "/files/a/b", "POST /files/"},
		{"with its root", "POST", "/files/", "POST /files/"},
		{"and there is no redirect to it", "POST", "/files", none},
		{"case", "GET", "/Timesheets", none},
		{"all segments", "GET", "/docs/a/b/c", "GET /docs/{path...}"},
		{"or none", "GET", "/docs/", "GET /docs/{path...}"},
		{"but no redirect", "GET", "/docs", none},
		{"only the root", "GET", "/", "GET /{$}"},
		{"not below it", "GET", "/other", none},
		{"a delimiter in a literal", "GET", "/v1/items:batchGet", "GET /v1/items:batchGet"},
		{"a name beside it", "GET", "/v1/items:batchPut", "GET /v1/{name}"},
		{"a name that is percent-encoded", "GET", "/v1/items%3AbatchPut", "GET /v1/{name}"},
		{"which a backend can read as the literal, or as a name", "GET", "/v1/items%3AbatchGet", none},
		{"CONNECT", "CONNECT", "/tunnel", "CONNECT /tunnel"},
		{"which no pattern without a method matches, because a backend can get a GET", "CONNECT", "/timesheets/new", none},
		{"whatever the method of others", "CONNECT", "/timesheets/7", none},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			matched = none
			got := ask(h, tt.method, tt.target, bearer)
			assert.Equal(t, tt.want, matched)
			if tt.want != none {
				assert.Equal(t, 200, got.Code)
				return
			}
			assert.Equal(t, 403, got.Code)
			assert.Equal(t, got.Body.String(), ask(h, tt.method, tt.target, "Authorization: Bearer bad").Body.String())
			assert.Empty(t, got.Header()["Www-Authenticate"], "it does not say what a token is worth")
			assert.Empty(t, got.Header()["Location"])
		})
	}
}

// A table has the Guards of several Middlewares: of an API with several audiences, for example.
func TestEachRouteHasItsMiddleware(t *testing.T) {
	realm := func(name string) *middleware.Guard {
		return newAuth(t, `{}`, func(c *middleware.Config) { c.Realm = name }).GuardAuthenticated()
	}
	h := newHandler(t, forwardauth.Config{Routes: []forwardauth.Route{
		{Pattern: "/a/", Guard: realm("a")}, {Pattern: "/b/", Guard: realm("b")},
	}})
	assert.Equal(t, []string{`Bearer realm="a"`}, ask(h, "GET", "/a/").Header()["Www-Authenticate"])
	assert.Equal(t, []string{`Bearer realm="b"`}, ask(h, "GET", "/b/").Header()["Www-Authenticate"])
}

func TestPoliciesDecide(t *testing.T) {
	auth := newAuth(t, `{"sub":"alice"}`)
	denies := middleware.PolicyFunc(func(context.Context, *claims.Claims) error { return errors.New("no") })
	h := newHandler(t, forwardauth.Config{Routes: []forwardauth.Route{{Pattern: "/", Guard: auth.Guard(denies)}}})
	assert.Equal(t, http.StatusForbidden, ask(h, "GET", "/", bearer).Code)
}

// With this setting a ServeMux takes "GET /a" for a host, so that requests for it would match a
// weaker route. net/http reads it once, so the test runs itself again.
func TestGODEBUGThatSwitchesPatternsOff(t *testing.T) {
	const setting = "httpmuxgo121=1"
	if os.Getenv("GODEBUG") == setting {
		_, err := forwardauth.New(forwardauth.Config{Format: forwardauth.Nginx, TrustedProxies: proxies, Routes: everything(t)})
		assert.EqualError(t, err, "forwardauth: invalid Config.Routes: GODEBUG has httpmuxgo121=1, with which a ServeMux does not read patterns")
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGODEBUGThatSwitchesPatternsOff$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG="+setting)
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, string(out))
	assert.Contains(t, string(out), "--- PASS")
}
