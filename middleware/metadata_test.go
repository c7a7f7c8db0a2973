package middleware_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

const (
	wellKnown = "/.well-known/oauth-protected-resource"
	publicAPI = "https://api.example.test"
)

// publishing returns a Middleware of one issuer for the resource.
func publishing(t testing.TB, resource string, edits ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	config := middleware.Config{Issuer: issuerURL, Audiences: []string{api}, Resource: resource}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth
}

func metadataOf(t testing.TB, auth *middleware.Middleware, scopes ...string) http.Handler {
	t.Helper()
	h, err := auth.ResourceMetadata(scopes...)
	require.NoError(t, err)
	return h
}

func fetch(h http.Handler, method, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, url, nil))
	return w
}

// RFC 9728 section 3.1: the metadata of a resource have one URL. The challenge names it
// (section 5.1), and the document names the resource (section 3.3).
func TestMetadataAddress(t *testing.T) {
	const host = publicAPI
	for _, tt := range []struct {
		rule, resource, want string
		elsewhere            []string
	}{
		{"only a host", host, host + wellKnown, []string{host + wellKnown + "/", host + wellKnown + "/x", host + wellKnown + "?a", host}},
		{"a path that is only a slash is removed", host + "/", host + wellKnown, []string{host + wellKnown + "/"}},
		{"path", host + "/mcp", host + wellKnown + "/mcp", []string{
			host + wellKnown, host + wellKnown + "/", host + wellKnown + "/mcp/", host + wellKnown + "/mcp2",
			host + wellKnown + "/MCP", host + "/mcp" + wellKnown, host + wellKnown + "/mcp?a",
		}},
		{"path with several segments", host + "/a/b", host + wellKnown + "/a/b", []string{host + wellKnown + "/a", host + wellKnown + "/a%2Fb"}},
		{"path with a slash at its end", host + "/a/", host + wellKnown + "/a/", []string{host + wellKnown, host + wellKnown + "/a//"}},
		{"path with an escape", host + "/a%2Fb", host + wellKnown + "/a%2Fb", []string{host + wellKnown + "/a/b"}},
		{"query", host + "?k=v", host + wellKnown + "?k=v", []string{host + wellKnown, host + wellKnown + "?k=w", host + wellKnown + "?k=v&l"}},
		{"query after a slash, which is removed", host + "/?k=v", host + wellKnown + "?k=v", []string{host + wellKnown + "/?k=v"}},
		{"path and query", host + "/a?k=/v", host + wellKnown + "/a?k=/v", []string{host + wellKnown + "/a"}},
		{"port", "https://api.example.test:8443/a", "https://api.example.test:8443" + wellKnown + "/a", nil},
		{"loopback", "http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080" + wellKnown + "/mcp", nil},
		{"loopback by name", "http://localhost:8080", "http://localhost:8080" + wellKnown, nil},
		{"loopback v6", "http://[::1]:8080/a", "http://[::1]:8080" + wellKnown + "/a", nil},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := publishing(t, tt.resource)
			h := metadataOf(t, auth)
			assert.Equal(t, tt.want, serve(t, auth.Handler(whoami), get()).Challenge["resource_metadata"])

			w := fetch(h, http.MethodGet, tt.want)
			require.Equal(t, http.StatusOK, w.Code)
			var document map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
			assert.Equal(t, tt.resource, document["resource"], "byte for byte")
			for _, url := range tt.elsewhere {
				assert.Equal(t, http.StatusNotFound, fetch(h, http.MethodGet, url).Code, url)
				assert.Equal(t, http.StatusNotFound, fetch(h, http.MethodPost, url).Code, url)
			}
		})
	}
	t.Run("a slash at the end may be missing, because many clients remove it", func(t *testing.T) {
		h := metadataOf(t, publishing(t, publicAPI+"/a/"))
		assert.Equal(t, http.StatusOK, fetch(h, http.MethodGet, wellKnown+"/a").Code)
	})
	t.Run("the Host of a request does not matter", func(t *testing.T) {
		h := metadataOf(t, publishing(t, publicAPI))
		ours, theirs := fetch(h, http.MethodGet, publicAPI+wellKnown), fetch(h, http.MethodGet, "https://evil.example"+wellKnown)
		assert.Equal(t, ours.Body.String(), theirs.Body.String())
	})
}

// RFC 9728 sections 2 and 3.2.
func TestMetadataDocument(t *testing.T) {
	second := func(c *middleware.Config) {
		c.Issuer, c.Audiences = "", nil
		c.Issuers = []claims.Issuer{
			{URL: "https://a.example.test/", Audiences: []string{api}}, {URL: "https://b.example.test/t", Audiences: []string{api}},
		}
	}
	for _, tt := range []struct {
		rule   string
		edits  []func(*middleware.Config)
		scopes []string
		want   string
	}{
		{"by default", nil, nil, `{"resource":"https://api.example.test","authorization_servers":["https://issuer.example.test/"],` +
			`"bearer_methods_supported":["header"]}`},
		{"with scopes, in the given order", nil, []string{"write:x", "read:x"}, `{"resource":"https://api.example.test",` +
			`"authorization_servers":["https://issuer.example.test/"],"scopes_supported":["write:x","read:x"],"bearer_methods_supported":["header"]}`},
		{"with several issuers", []func(*middleware.Config){second}, nil, `{"resource":"https://api.example.test",` +
			`"authorization_servers":["https://a.example.test/","https://b.example.test/t"],"bearer_methods_supported":["header"]}`},
		{"with some of them", []func(*middleware.Config){second, func(c *middleware.Config) {
			c.AuthorizationServers = []string{"https://b.example.test/t"}
		}}, nil, `{"resource":"https://api.example.test","authorization_servers":["https://b.example.test/t"],"bearer_methods_supported":["header"]}`},
		{"with a Verifier", []func(*middleware.Config){func(c *middleware.Config) {
			*c = middleware.Config{Verifier: verifierFunc(nil), Resource: publicAPI, AuthorizationServers: []string{"https://c.example.test"}}
		}}, nil, `{"resource":"https://api.example.test","authorization_servers":["https://c.example.test"],"bearer_methods_supported":["header"]}`},
		{
			"with an issuer on loopback",
			[]func(*middleware.Config){func(c *middleware.Config) { c.Issuer = "http://localhost:8080" }},
			nil,
			`{"resource":"https://api.example.test","authorization_servers":["http://localhost:8080"],"bearer_methods_supported":["header"]}`,
		},
		{"with an issuer in a cluster", []func(*middleware.Config){func(c *middleware.Config) {
			c.Issuer, c.InsecureHTTPHosts = "http://IDP:8080/realms/x", []string{"idp"}
		}}, nil, `{"resource":"https://api.example.test","authorization_servers":["http://IDP:8080/realms/x"],"bearer_methods_supported":["header"]}`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := publishing(t, publicAPI, tt.edits...)
			auth.RequireScopes("read:x", "write:x")
			w := fetch(metadataOf(t, auth, tt.scopes...), http.MethodGet, wellKnown)
			assert.Equal(t, tt.want, w.Body.String())
			assert.Equal(t, http.Header{
				"Content-Type": {"application/json"}, "Content-Length": {strconv.Itoa(len(tt.want))},
				"Cache-Control": {"public, max-age=3600"}, "X-Content-Type-Options": {"nosniff"},
				"Access-Control-Allow-Origin": {"*"},
			}, w.Header())
		})
	}
}

func TestMetadataMethods(t *testing.T) {
	h := metadataOf(t, publishing(t, publicAPI))
	whole := fetch(h, http.MethodGet, wellKnown)

	head := fetch(h, http.MethodHead, wellKnown)
	assert.Equal(t, http.StatusOK, head.Code)
	assert.Equal(t, whole.Header(), head.Header(), "RFC 9110 section 9.3.2")
	assert.Empty(t, head.Body)

	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO", "get"} {
		w := fetch(h, method, wellKnown)
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		assert.Equal(t, "GET, HEAD, OPTIONS", w.Header().Get("Allow"), "RFC 9110 section 15.5.6")
		assert.NotContains(t, w.Body.String(), publicAPI, method)
	}

	preflight := fetch(h, http.MethodOptions, wellKnown)
	assert.Equal(t, http.StatusNoContent, preflight.Code)
	assert.Equal(t, http.Header{
		"Allow": {"GET, HEAD, OPTIONS"}, "Access-Control-Allow-Origin": {"*"}, "Access-Control-Allow-Methods": {"GET, HEAD"},
		"Access-Control-Allow-Headers": {"*"}, "Access-Control-Max-Age": {"86400"},
	}, preflight.Header())

	missing := fetch(h, http.MethodGet, wellKnown+"/other")
	assert.Equal(t, http.StatusNotFound, missing.Code)
	assert.Equal(t, "*", missing.Header().Get("Access-Control-Allow-Origin"), "a page may read the 404")
}

// Metadata are public: no token is needed, and an invalid one does not matter.
func TestMetadataAreUnauthenticated(t *testing.T) {
	auth := publishing(t, publicAPI+"/mcp")
	root := http.NewServeMux()
	root.Handle("/", auth.Handler(whoami))
	root.Handle("/.well-known/", metadataOf(t, auth))
	for _, field := range []string{"", "Bearer", "Bearer x", "Basic x"} {
		r := httptest.NewRequest(http.MethodGet, wellKnown+"/mcp", nil)
		r.Header.Set("Authorization", field)
		w := httptest.NewRecorder()
		root.ServeHTTP(w, r)
		assert.Equal(t, http.StatusOK, w.Code, field)
	}
	assert.Equal(t, http.StatusNotFound, fetch(root, http.MethodGet, wellKnown).Code)
	assert.Equal(t, http.StatusUnauthorized, fetch(root, http.MethodGet, "/mcp").Code)
}

func TestMetadataNeverChange(t *testing.T) {
	servers, scopes := []string{issuerURL}, []string{"a"}
	auth := publishing(t, publicAPI, func(c *middleware.Config) { c.AuthorizationServers = servers })
	auth.RequireScopes("a", "b")
	h := metadataOf(t, auth, scopes...)
	want := fetch(h, http.MethodGet, wellKnown).Body.String()

	servers[0], scopes[0] = "https://evil.example", "b"
	auth.RequireScopes("c")
	w := fetch(h, http.MethodGet, wellKnown)
	for name := range w.Header() {
		w.Header()[name][0] = "changed"
	}
	again := fetch(h, http.MethodGet, wellKnown)
	assert.Equal(t, want, again.Body.String())
	assert.NotContains(t, again.Header(), "changed")
	assert.Equal(t, "*", again.Header().Get("Access-Control-Allow-Origin"))
	assert.Equal(t, want, fetch(metadataOf(t, auth, "a"), http.MethodGet, wellKnown).Body.String())
}

// Only scopes that routes need are published.
func TestMetadataScopesAreThoseOfRoutes(t *testing.T) {
	auth := publishing(t, publicAPI)
	rules := middleware.ImpliedScopes(map[string][]string{"boss": {"implied:*"}, "other": {"nothing"}})
	auth.RequireScopes("all:1", "all:2")
	auth.Require(middleware.AnyScope("any:1", "any:2"))
	auth.Guard(middleware.Any(middleware.Claim("roles").Any("role"), middleware.Any(allow(), middleware.AllScopes("nested"))))
	auth.Require(rules.AllScopes("implied:1"), rules.AnyScope("implied:2"))
	auth.Handler(whoami)
	publishing(t, publicAPI).RequireScopes("elsewhere")
	_ = middleware.AllScopes("undeclared")

	metadataOf(t, auth, "all:1", "all:2", "any:1", "any:2", "nested", "implied:1", "implied:2", "boss")
	for _, scope := range []string{"elsewhere", "undeclared", "role", "other", "implied:*", "implied:3", "", "all:1 all:2", "ALL:1"} {
		h, err := auth.ResourceMetadata("all:1", scope)
		assert.Nil(t, h)
		assert.EqualError(t, err, "middleware: ResourceMetadata would publish scopes that no route needs: ["+strconv.Quote(scope)+"]")
	}
	_, err := auth.ResourceMetadata("later", "all:1", "never")
	assert.ErrorContains(t, err, `["later" "never"]`)
	auth.RequireScopes("later", "never")
	metadataOf(t, auth, "later", "never")
}

// Routes may be declared by several goroutines.
func TestMetadataWhileRoutesAreDeclared(t *testing.T) {
	auth := publishing(t, publicAPI)
	var group sync.WaitGroup
	for n := range 16 {
		group.Go(func() {
			scope := "scope:" + strconv.Itoa(n)
			auth.RequireScopes(scope)
			_, err := auth.ResourceMetadata(scope)
			assert.NoError(t, err)
		})
	}
	group.Wait()
}

func TestMetadataErrors(t *testing.T) {
	keys := func(url string) func(*middleware.Config) {
		return func(c *middleware.Config) { c.Issuer, c.JWKSURL = url, "https://keys.example.test/" }
	}
	for _, tt := range []struct {
		rule string
		edit func(*middleware.Config)
		want string
	}{
		{"no resource", func(c *middleware.Config) { c.Resource = "" }, "middleware: ResourceMetadata needs Config.Resource"},
		{"no resource, but a URL", func(c *middleware.Config) { c.Resource, c.ResourceMetadataURL = "", "https://x.test" }, "middleware: ResourceMetadata needs Config.Resource"},
		{"a Verifier that hides its issuers", func(c *middleware.Config) {
			*c = middleware.Config{Verifier: verifierFunc(nil), Resource: publicAPI}
		}, "middleware: ResourceMetadata needs Config.AuthorizationServers, as the issuers of Config.Verifier and Config.Tenants are not known"},
		{"an issuer that is no URL", keys("issuer"), `middleware: ResourceMetadata cannot publish the issuer "issuer": it is not a URL with a host`},
		{"an issuer over http", keys("http://a.test"), `middleware: ResourceMetadata cannot publish the issuer "http://a.test": https is required`},
		{"an issuer with a query", keys("ftp://a.test?x"), `middleware: ResourceMetadata cannot publish the issuer "ftp://a.test?x": it may have neither user information nor a query or a fragment`},
		{"an issuer with a fragment", keys("ftp://a.test#x"), `: it may have neither user information nor a query or a fragment`},
		{"an issuer with a password", keys("https://a:b@a.test"), `: it may have neither user information nor a query or a fragment`},
		{"an issuer of another scheme", keys("urn://a.test"), `: https is required`},
		{"an issuer of another scheme, on a host that may use http", func(c *middleware.Config) {
			c.Issuer, c.JWKSURL, c.InsecureHTTPHosts = "ftp://idp", "http://idp/keys", []string{"idp"}
		}, `: https is required`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			h, err := publishing(t, publicAPI, tt.edit).ResourceMetadata()
			assert.Nil(t, h)
			assert.ErrorContains(t, err, tt.want)
		})
	}
	t.Run("all at once", func(t *testing.T) {
		auth := newAuth(t, accepting(t, `{}`))
		_, err := auth.ResourceMetadata("a")
		assert.EqualError(t, err, "middleware: ResourceMetadata needs Config.Resource\n"+
			"middleware: ResourceMetadata needs Config.AuthorizationServers, as the issuers of Config.Verifier and Config.Tenants are not known\n"+
			`middleware: ResourceMetadata would publish scopes that no route needs: ["a"]`)
	})
}

// RFC 9728 section 5.1: every challenge names the metadata, and a 503 has no challenge.
func TestMetadataInChallenges(t *testing.T) {
	for rule, tt := range map[string]struct {
		edit func(*middleware.Config)
		want string
	}{
		"of the resource":         {func(c *middleware.Config) { c.Resource = publicAPI + "/v1" }, publicAPI + wellKnown + "/v1"},
		"of a URL":                {func(c *middleware.Config) { c.ResourceMetadataURL = "https://x.test/y" }, "https://x.test/y"},
		"a URL takes precedence":  {func(c *middleware.Config) { c.Resource, c.ResourceMetadataURL = publicAPI, "https://x.test/y" }, "https://x.test/y"},
		"without both":            {func(*middleware.Config) {}, ""},
		"with special characters": {func(c *middleware.Config) { c.Resource = publicAPI + "/a,b;c='d'?e=f&g" }, publicAPI + wellKnown + "/a,b;c='d'?e=f&g"},
	} {
		t.Run(rule, func(t *testing.T) {
			auth := newAuth(t, accepting(t, `{}`), tt.edit)
			for _, field := range []string{"", "Bearer", "Bearer x", "Bearer " + goodToken} {
				for _, policy := range []middleware.Policy{middleware.AllScopes("a"), middleware.RequireAuthentication(0, "mfa"), deny()} {
					a := serve(t, auth.Require(policy)(whoami), get(field))
					assert.Equal(t, tt.want, a.Challenge["resource_metadata"])
				}
			}
			assert.Equal(t, 503, serve(t, auth.Require(fail())(whoami), get("Bearer "+goodToken)).Status)
		})
	}
}
