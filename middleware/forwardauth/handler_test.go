package forwardauth_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

// formatted returns a Handler for one format, which lets only GET /yes through.
func formatted(t testing.TB, format forwardauth.Format, prefix string) *forwardauth.Handler {
	t.Helper()
	return newHandler(t, forwardauth.Config{Format: format, Prefix: prefix, Routes: []forwardauth.Route{
		{Pattern: "GET /yes", Guard: newAuth(t, `{}`).GuardOptional()},
	}})
}

// request returns a request of a gateway with these fields.
func request(method, target string, lines ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = gateway
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// Each format is read from its own place only, and only if it is there exactly once.
func TestFormats(t *testing.T) {
	const (
		nginxYes  = "X-Original-Method: GET|X-Original-URI: /yes"
		caddyYes  = "X-Forwarded-Method: GET|X-Forwarded-Uri: /yes"
		nginxNo   = "X-Original-Method: POST|X-Original-URI: /no"
		caddyNo   = "X-Forwarded-Method: POST|X-Forwarded-Uri: /no"
		othersYes = "X-Original-URL: /yes|X-Rewrite-URL: /yes|X-HTTP-Method-Override: GET|X-Envoy-Original-Path: /yes|Forwarded: for=x"
	)
	for _, tt := range []struct {
		rule           string
		format         forwardauth.Format
		prefix         string
		method, target string // of the gateway's own request
		fields         string
		status         int
	}{
		{"nginx", forwardauth.Nginx, "", "GET", "/_auth", nginxYes, 200},
		{"nginx, another target", forwardauth.Nginx, "", "GET", "/yes", nginxNo, 403},
		{"nginx, and fields of Caddy", forwardauth.Nginx, "", "GET", "/yes", nginxNo + "|" + caddyYes + "|" + othersYes, 403},
		{"nginx, and other fields of Caddy", forwardauth.Nginx, "", "GET", "/no", nginxYes + "|" + caddyNo, 200},
		{"nginx, only fields of Caddy", forwardauth.Nginx, "", "GET", "/yes", caddyYes + "|" + othersYes, 400},
		{"nginx, nothing", forwardauth.Nginx, "", "GET", "/yes", "", 400},
		{"nginx, no method", forwardauth.Nginx, "", "GET", "/yes", "X-Original-URI: /yes", 400},
		{"nginx, no target", forwardauth.Nginx, "", "GET", "/yes", "X-Original-Method: GET", 400},
		{"nginx, two methods", forwardauth.Nginx, "", "GET", "/yes", nginxYes + "|X-Original-Method: GET", 400},
		{"nginx, two targets", forwardauth.Nginx, "", "GET", "/yes", nginxYes + "|X-Original-URI: /yes", 400},
		{"nginx, empty fields", forwardauth.Nginx, "", "GET", "/yes", "X-Original-Method: |X-Original-URI: ", 400},
		{"nginx, a list of methods", forwardauth.Nginx, "", "GET", "/yes", "X-Original-Method: GET, POST|X-Original-URI: /yes", 400},

		{"Caddy", forwardauth.XForwarded, "", "GET", "/", caddyYes, 200},
		{"Caddy, whatever the method of its own request", forwardauth.XForwarded, "", "POST", "/", caddyYes, 200},
		{"Caddy, another target", forwardauth.XForwarded, "", "GET", "/yes", caddyNo, 403},
		{"Caddy, and fields of nginx", forwardauth.XForwarded, "", "GET", "/yes", caddyNo + "|" + nginxYes + "|" + othersYes, 403},
		{"Caddy, only fields of nginx", forwardauth.XForwarded, "", "GET", "/yes", nginxYes + "|" + othersYes, 400},
		{"Caddy, two targets", forwardauth.XForwarded, "", "GET", "/yes", caddyYes + "|X-Forwarded-Uri: /yes", 400},
		{"Caddy, two methods", forwardauth.XForwarded, "", "GET", "/yes", caddyYes + "|X-Forwarded-Method: GET", 400},

		{"Envoy", forwardauth.Envoy, "", "GET", "/yes", "", 200},
		{"Envoy, another method", forwardauth.Envoy, "", "POST", "/yes", nginxYes + "|" + caddyYes + "|" + othersYes, 403},
		{"Envoy, another target", forwardauth.Envoy, "", "GET", "/no", nginxYes + "|" + caddyYes + "|" + othersYes, 403},
		{"Envoy, and other fields", forwardauth.Envoy, "", "GET", "/yes", nginxNo + "|" + caddyNo, 200},
		{"Envoy, with a path_prefix", forwardauth.Envoy, "/authz/v1", "GET", "/authz/v1/yes?a=b", "", 200},
		{"Envoy, without its path_prefix", forwardauth.Envoy, "/authz/v1", "GET", "/yes", "", 400},
		{"Envoy, with another one", forwardauth.Envoy, "/authz/v1", "GET", "/authz/v2/yes", "", 400},
		{"Envoy, with more of a segment", forwardauth.Envoy, "/authz/v1", "GET", "/authz/v11/yes", "", 400},
		{"Envoy, only the path_prefix", forwardauth.Envoy, "/authz/v1", "GET", "/authz/v1", "", 400},
		{"Envoy, out of the path_prefix", forwardauth.Envoy, "/authz/v1", "GET", "/authz/v1/../yes", "", 400},
		{"Envoy, in absolute-form", forwardauth.Envoy, "", "GET", "http://api.example.com/yes", "", 400},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			var lines []string
			if tt.fields != "" {
				lines = strings.Split(tt.fields, "|")
			}
			got := serve(formatted(t, tt.format, tt.prefix), request(tt.method, tt.target, lines...))
			assert.Equal(t, tt.status, got.Code, got.Body.String())
		})
	}
}

// The word of a stranger does not count, not even for a refusal that says more.
func TestPeers(t *testing.T) {
	h := formatted(t, forwardauth.XForwarded, "")
	for peer, status := range map[string]int{
		gateway: 200, "10.0.3.255:1": 200, "[2001:db8::1]:1": 200, "[::ffff:10.0.3.7]:1": 200, "[2001:db8::1%eth0]:1": 200,
		stranger: 403, "10.0.4.1:1": 403, "[2001:db8:0:1::1]:1": 403, "": 403, "@": 403, "10.0.3.7": 403, "/run/nginx.sock": 403,
		"pipe": 403, "10.0.3.7:x": 403, "10.0.3.7:1, 192.0.2.1": 403,
	} {
		for _, target := range []string{"/yes", "/no", "//"} {
			if status == 200 && target != "/yes" {
				continue
			}
			got := serve(h, from(peer, "GET", target, bearer, "X-Forwarded-For: 10.0.3.7", "X-Real-Ip: 10.0.3.7"))
			assert.Equal(t, status, got.Code, "%q", peer)
			if status == 403 {
				assert.Equal(t, `{"type":"about:blank","title":"Forbidden","status":403,"detail":"The request does not come from a trusted proxy"}`,
					got.Body.String())
			}
		}
	}
	assert.EqualValues(t, 10*3, h.Status().Untrusted)
}

func TestAnswers(t *testing.T) {
	h := formatted(t, forwardauth.Envoy, "")
	ok := serve(h, request("GET", "/yes"))
	assert.Equal(t, http.Header{"Cache-Control": {"no-store"}, "Content-Length": {"0"}}, ok.Header())
	refused := serve(h, request("GET", "/no"))
	assert.Equal(t, http.Header{
		"Cache-Control": {"no-store"}, "Content-Type": {"application/problem+json"}, "X-Content-Type-Options": {"nosniff"},
		"Content-Length": {"102"},
	}, refused.Header())
	assert.Equal(t, `{"type":"about:blank","title":"Forbidden","status":403,"detail":"The API has no such method and path"}`, refused.Body.String())
	assert.Empty(t, serve(h, request("HEAD", "/no")).Body.String(), "HEAD has no body")
}

// After a 101 of the backend, the client could send requests without a check.
func TestUpgrades(t *testing.T) {
	for _, format := range []forwardauth.Format{forwardauth.Nginx, forwardauth.XForwarded, forwardauth.Envoy} {
		h := formatted(t, format, "")
		ask := func(lines ...string) *httptest.ResponseRecorder {
			return serve(h, request("GET", "/yes", append(lines, "X-Original-Method: GET", "X-Original-URI: /yes",
				"X-Forwarded-Method: GET", "X-Forwarded-Uri: /yes")...))
		}
		for _, tt := range []struct {
			rule   string
			lines  []string
			status int
		}{
			{"none", nil, 200},
			{"websocket", []string{"Connection: Upgrade", "Upgrade: websocket"}, 200},
			{"in another case", []string{"Upgrade: WebSocket"}, 200},
			{"h2c", []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"}, 400},
			{"h2c, without Connection", []string{"Upgrade: h2c"}, 400},
			{"h2c beside websocket", []string{"Upgrade: websocket, h2c"}, 400},
			{"h2c in another field", []string{"Upgrade: websocket", "Upgrade: h2c"}, 400},
			{"TLS", []string{"Upgrade: TLS/1.2"}, 400},
			{"empty", []string{"Upgrade: "}, 400},
		} {
			got := ask(tt.lines...)
			assert.Equal(t, tt.status, got.Code, tt.rule)
			if tt.status == 400 {
				assert.Contains(t, got.Body.String(), `"detail":"The request asks for another protocol than websocket"`)
			}
		}
		assert.EqualValues(t, 6, h.Status().Malformed)
	}
}

// No answer and no line has a byte of a request.
func TestNothingIsEchoed(t *testing.T) {
	var log bytes.Buffer
	h := newHandler(t, forwardauth.Config{
		Routes: []forwardauth.Route{{Pattern: "/yes", Guard: newAuth(t, `{}`).GuardAuthenticated()}},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	for _, r := range []*http.Request{
		from(gateway, "MARKER", "/yes"), from(gateway, "GET", "/MARKER"), from(gateway, "marker", "/yes"), from(gateway, "GET", "//MARKER"),
		from(stranger, "MARKER", "/MARKER"), from(gateway, "GET", "/yes?MARKER"), from("MARKER", "GET", "/yes"), from("[fe80::1%MARKER]:1", "GET", "/yes"),
		from(gateway, "GET", "/yes", "Authorization: Bearer MARKER"), from(gateway, "GET", "/yes", "X-Forwarded-Uri: MARKER"),
	} {
		got := serve(h, r)
		assert.GreaterOrEqual(t, got.Code, 400)
		assert.NotContains(t, strings.ToUpper(got.Body.String()), "MARKER")
		for name, values := range got.Header() {
			assert.NotContains(t, strings.ToUpper(strings.Join(values, " ")), "MARKER", name)
		}
	}
	assert.NotContains(t, strings.ToUpper(log.String()), "MARKER")
	assert.Contains(t, log.String(), "peer=192.0.2.1")
	assert.Contains(t, log.String(), "peer=10.0.3.7")
}

func TestStatusCounts(t *testing.T) {
	h := formatted(t, forwardauth.XForwarded, "")
	assert.Equal(t, forwardauth.Status{}, h.Status())
	for _, r := range []*http.Request{
		from(gateway, "GET", "/yes"),
		from(stranger, "GET", "/yes"), from(stranger, "GET", "//"),
		from(gateway, "GET", "/yes", "X-Forwarded-Method: GET"),
		from(gateway, "GET", "//"), from(gateway, "get", "/"), from(gateway, "GET", ""),
		from(gateway, "POST", "/yes"), from(gateway, "GET", "/a"), from(gateway, "GET", "/b"), from(gateway, "GET", "/"),
	} {
		serve(h, r)
	}
	got := h.Status()
	assert.EqualValues(t, 2, got.Untrusted)
	assert.EqualValues(t, 1, got.Unset)
	assert.EqualValues(t, 3, got.Malformed)
	assert.EqualValues(t, 4, got.Unlisted)
}

// A stranger cannot fill the log, and an operator finds out what to configure.
func TestWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := newHandler(t, forwardauth.Config{Routes: everything(t), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		lines := func() []string {
			defer log.Reset()
			return strings.Split(strings.TrimSpace(log.String()), "\n")
		}
		for range 100 {
			serve(h, from(stranger, "GET", "/"))
			serve(h, request("GET", "/"))
			serve(h, from(gateway, "GET", "//")) // any client can cause this
		}
		got := lines()
		require.Len(t, got, 2, "one of each kind")
		assert.Contains(t, got[0], `level=WARN msg="forwardauth: request refused" status=403 detail="The request does not come from a trusted proxy" peer=192.0.2.1 requests=1`)
		assert.Contains(t, got[1], `status=400 detail="The gateway has not written the method and the target of the request, each exactly once" peer=10.0.3.7 requests=1`)
		time.Sleep(10*time.Second - 1)
		serve(h, from(stranger, "GET", "/"))
		assert.Equal(t, []string{""}, lines())
		time.Sleep(time.Nanosecond)
		serve(h, from(stranger, "GET", "/"))
		got = lines()
		require.Len(t, got, 1)
		assert.Contains(t, got[0], "requests=102")
	})
}

// A reader that fails the test if it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestNoBodyIsRead(t *testing.T) {
	h := formatted(t, forwardauth.XForwarded, "")
	for _, target := range []string{"/yes", "/no", "//"} {
		r := from(gateway, "GET", target)
		r.Body = io.NopCloser(unread{t})
		serve(h, r)
	}
}
