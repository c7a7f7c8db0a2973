package forwardauth_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

type headers = map[string]func(*claims.Claims) []string

func TestMistakesInConfig(t *testing.T) {
	public := newAuth(t, `{}`).GuardOptional()
	valid := func(edit func(*forwardauth.Config)) forwardauth.Config {
		c := forwardauth.Config{Format: forwardauth.Nginx, TrustedProxies: proxies, Routes: everything(t)}
		edit(&c)
		return c
	}
	trusting := func(prefixes ...netip.Prefix) forwardauth.Config {
		return valid(func(c *forwardauth.Config) { c.TrustedProxies = prefixes })
	}
	for _, tt := range []struct {
		rule   string
		config forwardauth.Config
		want   string
	}{
		{
			"nothing is configured",
			forwardauth.Config{},
			"forwardauth: invalid Config.Format 0: write Nginx, XForwarded (for Caddy and Traefik) or Envoy\n" +
				"forwardauth: invalid Config.TrustedProxies []: write the addresses of your gateways\n" +
				"forwardauth: invalid Config.Routes: at least one is required: what is in no Route is refused",
		},
		{
			"an unknown format", valid(func(c *forwardauth.Config) { c.Format = 4 }),
			"forwardauth: invalid Config.Format 4: write Nginx, XForwarded (for Caddy and Traefik) or Envoy",
		},
		{
			"every address", trusting(proxies[0], netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")),
			"forwardauth: invalid Config.TrustedProxies 0.0.0.0/0: it is wider than every private network; write the addresses of your gateways\n" +
				"forwardauth: invalid Config.TrustedProxies ::/0: it is wider than every private network; write the addresses of your gateways",
		},
		{
			"every address in two halves",
			trusting(netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1"), netip.MustParsePrefix("8000::/1"), netip.MustParsePrefix("8.0.0.0/7")),
			"forwardauth: invalid Config.TrustedProxies 0.0.0.0/1: it is wider than every private network; write the addresses of your gateways\n" +
				"forwardauth: invalid Config.TrustedProxies 128.0.0.0/1: it is wider than every private network; write the addresses of your gateways\n" +
				"forwardauth: invalid Config.TrustedProxies 8000::/1: it is wider than every private network; write the addresses of your gateways\n" +
				"forwardauth: invalid Config.TrustedProxies 8.0.0.0/7: it is wider than every private network; write the addresses of your gateways",
		},
		{
			"an address with the bits of its network", trusting(netip.MustParsePrefix("10.0.3.7/24"), netip.MustParsePrefix("2001:db8::1/64")),
			"forwardauth: invalid Config.TrustedProxies 10.0.3.7/24: an address or a network? Write 10.0.3.7/32, or 10.0.3.0/24 for all of the network\n" +
				"forwardauth: invalid Config.TrustedProxies 2001:db8::1/64: an address or a network? Write 2001:db8::1/128, or 2001:db8::/64 for all of the network",
		},
		{
			"IPv4 in IPv6", trusting(netip.MustParsePrefix("::ffff:10.0.0.0/104")),
			"forwardauth: invalid Config.TrustedProxies ::ffff:10.0.0.0/104: it matches no address; write the IPv4 prefix",
		},
		{
			"the zero Prefix", trusting(netip.Prefix{}),
			"forwardauth: invalid Config.TrustedProxies: a prefix is not valid; make it with netip.ParsePrefix",
		},
		{
			"a path_prefix of another gateway", valid(func(c *forwardauth.Config) { c.Prefix = "/authz" }),
			`forwardauth: invalid Config.Prefix "/authz": it goes with Envoy only`,
		},
		{
			"a path_prefix with a slash at its end", valid(func(c *forwardauth.Config) { c.Format, c.Prefix = forwardauth.Envoy, "/authz/" }),
			`forwardauth: invalid Config.Prefix "/authz/": write a path in normal form, without a slash at its end`,
		},
		{
			"a path_prefix that is no path", valid(func(c *forwardauth.Config) { c.Format, c.Prefix = forwardauth.Envoy, "authz" }),
			`forwardauth: invalid Config.Prefix "authz": write a path in normal form, without a slash at its end`,
		},
		{
			"names of fields",
			valid(func(c *forwardauth.Config) {
				c.Headers = headers{"X_Auth_Subject": forwardauth.Claim("sub")}
			}),
			`forwardauth: invalid Config.Headers "X_Auth_Subject": write letters, digits and hyphens`,
		},
		{
			"names that do not fit into the header of an answer",
			valid(func(c *forwardauth.Config) {
				c.Headers = headers{"X-" + strings.Repeat("a", 1019): forwardauth.Claim("sub")}
			}),
			"forwardauth: invalid Config.Headers: their lines have more than 1024 bytes without the values; gateways bound a header",
		},
		{
			"a field without a function", valid(func(c *forwardauth.Config) { c.Headers = headers{"X-Auth-Subject": nil} }),
			`forwardauth: invalid Config.Headers "X-Auth-Subject": it has no function; write Claim("sub")`,
		},
		{
			"a field twice",
			valid(func(c *forwardauth.Config) {
				c.Headers = headers{"X-Auth-Subject": forwardauth.Claim("sub"), "x-auth-subject": forwardauth.Claim("sub")}
			}),
			`forwardauth: invalid Config.Headers "X-Auth-Subject": it is a duplicate: case does not matter`,
		},
		{
			"a route without a Guard", valid(func(c *forwardauth.Config) { c.Routes = []forwardauth.Route{{Pattern: "/"}} }),
			`forwardauth: invalid Config.Routes: "/" has no Guard; Middleware.GuardOptional makes one for a public route`,
		},
		{
			"two routes, of which none is more specific",
			valid(func(c *forwardauth.Config) {
				c.Routes = []forwardauth.Route{{Pattern: "/a/{x}", Guard: public}, {Pattern: "/{x}/a", Guard: public}}
			}),
			`forwardauth: invalid Config.Routes: pattern "/{x}/a": pattern "/{x}/a" conflicts with pattern "/a/{x}": ` +
				"/{x}/a and /a/{x} both match some paths, like \"/a/a\". But neither is more specific than the other. " +
				"/{x}/a matches \"/x/a\", but /a/{x} doesn't. /a/{x} matches \"/a/x\", but /{x}/a doesn't.",
		},
		{
			"a route twice", valid(func(c *forwardauth.Config) { c.Routes = append(c.Routes, c.Routes...) }),
			`forwardauth: invalid Config.Routes: pattern "/": it is a duplicate: a request has one Guard`,
		},
		{
			"a route twice, with other names",
			valid(func(c *forwardauth.Config) {
				c.Routes = []forwardauth.Route{{Pattern: "/a/{x}", Guard: public}, {Pattern: "/a/{y}", Guard: public}}
			}),
			`forwardauth: invalid Config.Routes: pattern "/a/{y}": pattern "/a/{y}" conflicts with pattern "/a/{x}": /a/{y} matches the same requests as /a/{x}`,
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			h, err := forwardauth.New(tt.config)
			assert.Nil(t, h)
			require.EqualError(t, err, tt.want)
		})
	}
}

func TestMistakesInPatterns(t *testing.T) {
	public := newAuth(t, `{}`).GuardOptional()
	const (
		noPath  = "write a path that begins with a slash, and no host: a table is for one API"
		method  = "a method is in upper case, and followed by one space"
		foreign = "* and :name are no wildcards: write /files/{name} for one segment, and /files/{path...} for all below"
		literal = "it matches no path: it must be in normal form, and a segment that is percent-encoded needs a wildcard"
	)
	for pattern, want := range map[string]string{
		"": noPath, "x": noPath, "api.example.com/x": noPath, "GET api.example.com/x": noPath, "GET  /x": noPath, "GET ": noPath,
		"get /x": method, " /x": method, "G:T /x": method, "/a b": literal, "GET /a b": literal, "/a /b": literal,
		"/files/*": foreign, "GET /files/*": foreign, "/files/**": foreign, "/*.json": foreign, "/users/:id": foreign, "/:id/x": foreign,
		"/a//b": literal, "/a/../b": literal, "/./a": literal, "/a;b": literal, "/caf%C3%A9": literal, "/café": literal,
		"/a?b": literal, "/a#b": literal, `/a\b`: literal, "/a{x}": literal,
		"/{x": "bad wildcard", "/{x}b": "bad wildcard", "/{x}/{x}": "duplicate wildcard", "/{$}/a": "{$} not at end", "/{x...}/a": "not at end",
	} {
		_, err := forwardauth.New(forwardauth.Config{
			Format: forwardauth.Nginx, TrustedProxies: proxies, Routes: []forwardauth.Route{{Pattern: pattern, Guard: public}},
		})
		assert.ErrorContains(t, err, "forwardauth: invalid Config.Routes: pattern ", pattern)
		assert.ErrorContains(t, err, want, pattern)
	}
}

// A Guard that no Middleware has made would decide nothing.
func TestAGuardIsMadeByAMiddleware(t *testing.T) {
	assert.Panics(t, func() {
		_, _ = forwardauth.New(forwardauth.Config{
			Format: forwardauth.Nginx, TrustedProxies: proxies, Routes: []forwardauth.Route{{Pattern: "/", Guard: new(middleware.Guard)}},
		})
	})
}

// Fields that the answer has, or that gateways obey, cannot be those of a claim.
func TestReservedFields(t *testing.T) {
	for _, name := range []string{
		"Www-Authenticate", "cache-control", "Content-Length", "content-type", "Connection", "Transfer-Encoding", "Set-Cookie", "Location",
		"Retry-After", "DPoP-Nonce", "X-Accel-Redirect", "x-accel-buffering", "X-Envoy-Auth-Headers-To-Remove", "Trailer", "Upgrade", "Status", "Host",
		"Authorization", "authorization", "Cookie", "DPoP", "X-Original-Method", "X-Original-URI", "x-original-url", "X-Forwarded-Uri", "X-Forwarded-Method",
		"X-Forwarded-For", "X-Forwarded-Client-Cert", "X-HTTP-Method-Override", "X-Rewrite-URL", "Proxy-Authorization",
		"Proxy-Connection", "Expect", "HTTP2-Settings", "Vary", "Via", "Server", "Origin", "X-Content-Type-Options", "Sec-WebSocket-Protocol",
		"Access-Control-Allow-Origin",
	} {
		_, err := forwardauth.New(forwardauth.Config{
			Format: forwardauth.Nginx, TrustedProxies: proxies, Routes: everything(t), Headers: headers{name: forwardauth.Claim("sub")},
		})
		assert.ErrorContains(t, err, "clients, gateways or answers use this field for something else", name)
	}
	longest := "X-" + strings.Repeat("a", 1018)
	for _, name := range []string{"X-Forwarded-User", "X-Auth-Subject", "Remote-User", longest} {
		_, err := forwardauth.New(forwardauth.Config{
			Format: forwardauth.Nginx, TrustedProxies: proxies, Routes: everything(t), Headers: headers{name: forwardauth.Claim("sub")},
		})
		assert.NoError(t, err, name)
	}
	for _, name := range []string{"", "X Auth", "X-Auth:", "X-Auth\r\nX", "X_Auth", "X-Authé"} {
		_, err := forwardauth.New(forwardauth.Config{
			Format: forwardauth.Nginx, TrustedProxies: proxies, Routes: everything(t), Headers: headers{name: forwardauth.Claim("sub")},
		})
		assert.ErrorContains(t, err, "write letters, digits and hyphens", name)
	}
}

func TestConfigIsCopied(t *testing.T) {
	config := forwardauth.Config{
		Format: forwardauth.XForwarded, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")},
		Routes:  []forwardauth.Route{{Pattern: "/", Guard: newAuth(t, `{"sub":"alice"}`).GuardAuthenticated()}},
		Headers: headers{"X-Auth-Subject": forwardauth.Claim("sub")},
	}
	h, err := forwardauth.New(config)
	require.NoError(t, err)
	config.TrustedProxies[0] = netip.MustParsePrefix("192.0.2.0/24")
	config.Routes[0] = everything(t)[0]
	delete(config.Headers, "X-Auth-Subject")
	assert.Equal(t, http.StatusUnauthorized, ask(h, "GET", "/").Code)
	assert.Equal(t, []string{"alice"}, ask(h, "GET", "/", bearer).Header()["X-Auth-Subject"])
}
