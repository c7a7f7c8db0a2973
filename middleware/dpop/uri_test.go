package dpop_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const (
	elsewhere = "htu is at none of Config.Origins"
	otherPath = "htu has another path than the request"
)

type uriCase struct{ rule, htu, target, detail string }

// runURIs checks proofs with these htu at an API of the origin.
func runURIs(t *testing.T, origin string, cases []uriCase) {
	t.Helper()
	c := newChecker(t, dpop.Config{Origins: []string{origin, "https://other.example.com"}})
	for _, tt := range cases {
		p := jwkstest.Proof(clientKey, http.MethodGet, tt.htu, token, nil)
		err := confirm(c, dpop.Request{Method: http.MethodGet, Target: tt.target, Fields: []string{p}})
		if tt.detail == "" {
			assert.NoError(t, err, "%s: %s for %s", tt.rule, tt.htu, tt.target)
			continue
		}
		e := refusalOf(t, err)
		assert.Equal(t, tt.detail, e.Detail(), "%s: %s for %s", tt.rule, tt.htu, tt.target)
		assert.ErrorIs(t, e, dpop.ErrProof)
	}
}

// Rule 7.6, and RFC 3986 sections 6.2.2 and 6.2.3.
func TestURIIsComparedInNormalForm(t *testing.T) {
	runURIs(t, "https://api.example.com", []uriCase{
		{"the same", "https://api.example.com/orders", "/orders", ""},
		{"the second origin", "https://other.example.com/orders", "/orders", ""},
		{"6.2.2.1 case of scheme and host", "HTTPS://API.Example.COM/orders", "/orders", ""},
		{"6.2.2.1 case of triplets", "https://api.example.com/a%2fb%c3%a9", "/a%2Fb%C3%A9", ""},
		{"6.2.2.1 case of triplets in the target", "https://api.example.com/a%2Fb", "/a%2fb", ""},
		{"6.2.2.1 the path has a case", "https://api.example.com/Orders", "/orders", otherPath},
		{"6.2.2.2 unreserved characters", "https://api.example.com/%7Euser/%41%2d%2E%5f", "/~user/A-._", ""},
		{"6.2.2.2 unreserved characters in the target", "https://api.example.com/~user", "/%7euser", ""},
		{"6.2.2.2 reserved characters are no delimiters", "https://api.example.com/a%2Fb", "/a/b", otherPath},
		{"3.3 characters that no path has", `https://api.example.com/a|b^[{"<c>"}]`, "/a%7Cb%5E%5B%7B%22%3Cc%3E%22%7D%5D", ""},
		{"3.3 characters that no path has, in the target", "https://api.example.com/a%7cb%60%5c", "/a|b`\\", ""},
		{"3.3 characters that a path has", "https://api.example.com/a!$&'()*+,;=:@", "/a%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40", otherPath},
		{"3.3 a backslash is no slash", `https://api.example.com/a\b`, "/a/b", otherPath},
		{"6.2.2.2 decoded once", "https://api.example.com/%257E", "/~", otherPath},
		{"6.2.2.2 decoded once in the target", "https://api.example.com/~", "/%257E", otherPath},
		{"6.2.2.2 a percent sign stays one", "https://api.example.com/%25", "/%25", ""},
		{"6.2.2 the example of the RFC", "https://api.example.com/a/./b/../b/%63/%7bfoo%7d", "/a/b/c/%7Bfoo%7D", ""},
		{"6.2.2.3 dot segments", "https://api.example.com/a/../orders/./", "/orders/", ""},
		{"6.2.2.3 dot segments in the target", "https://api.example.com/orders", "/a/%2e%2E/./orders", ""},
		{"6.2.2.3 above the root", "https://api.example.com/../../orders", "/orders", ""},
		{"6.2.2.3 at the end", "https://api.example.com/a/b/..", "/a/", ""},
		{"6.2.2.3 one dot at the end", "https://api.example.com/a/.", "/a/", ""},
		{"6.2.2.3 back to the root", "https://api.example.com/a/..", "/", ""},
		{"5.2.4 the example of the RFC", "https://api.example.com/a/b/c/./../../g", "/a/g", ""},
		{"5.2.4 over an empty segment", "https://api.example.com/a//../b", "/a/b", ""},
		{"names that only begin with dots", "https://api.example.com/.well-known/..a/...", "/.well-known/..a/...", ""},
		{"empty segments count", "https://api.example.com/a//b", "/a/b", otherPath},
		{"empty segments at the front", "https://api.example.com//orders", "//orders", ""},
		{"a target that looks like a host", "https://api.example.com//evil.example/a", "//evil.example/a", ""},
		{"6.2.3 default port", "https://api.example.com:443/orders", "/orders", ""},
		{"6.2.3 empty port", "https://api.example.com:/orders", "/orders", ""},
		{"6.2.3 empty path", "https://api.example.com", "/", ""},
		{"6.2.3 empty path and a query", "https://api.example.com?a=b", "/?c", ""},
		{"query of htu", "https://api.example.com/orders?limit=1", "/orders", ""},
		{"query of the target", "https://api.example.com/orders", "/orders?limit=1&next=/a#b", ""},
		{"queries may differ", "https://api.example.com/orders?a", "/orders?b", ""},
		{"fragment of htu", "https://api.example.com/orders#a?b", "/orders", ""},
		{"fragment without a path", "https://api.example.com#a/orders", "/", ""},
		{"slash at the end", "https://api.example.com/orders/", "/orders", otherPath},
		{"no slash at the end", "https://api.example.com/orders", "/orders/", otherPath},
		{"a long query", "https://api.example.com/orders", "/orders?" + strings.Repeat("q", 20_000), ""},
		{"a long path", "https://api.example.com/a", strings.Repeat("/.", 6143) + "/a", ""},
		{"absolute-form: its host is not read", "https://api.example.com/orders", "http://evil.example/orders?a", ""},
		{"absolute-form without a path", "https://api.example.com/", "https://api.example.com", ""},
		{"absolute-form with a query only", "https://api.example.com/", "https://api.example.com?a=/b", ""},
		{"absolute-form with another path", "https://api.example.com/orders", "https://api.example.com/", otherPath},
		{"a method of gRPC", "https://api.example.com/pkg.Service/Method", "/pkg.Service/Method", ""},
	})
}

func TestURIOfAnotherPlaceIsRefused(t *testing.T) {
	const (
		scheme   = "htu: the scheme is not https, or http"
		userinfo = "htu: it has userinfo"
		host     = "htu: the host is neither a name in ASCII nor an address"
		path     = "htu: the path is not that of a URI"
		target   = "the target of the request: the path is not that of a URI"
		noTarget = "the target of the request: it has no path"
	)
	runURIs(t, "https://api.example.com", []uriCase{
		{"another host", "https://evil.example/orders", "/orders", elsewhere},
		{"host as a prefix", "https://api.example.com.evil.example/orders", "/orders", elsewhere},
		{"host as a suffix", "https://evil-api.example.com/orders", "/orders", elsewhere},
		{"host with a dot at the end", "https://api.example.com./orders", "/orders", elsewhere},
		{"another port", "https://api.example.com:8443/orders", "/orders", elsewhere},
		{"the default port of http", "https://api.example.com:80/orders", "/orders", elsewhere},
		{"port with a zero in front", "https://api.example.com:0443/orders", "/orders", elsewhere},
		{"port that is no number", "https://api.example.com:https/orders", "/orders", "htu: the port is not a number"},
		{"http", "http://api.example.com/orders", "/orders", elsewhere},
		{"http at the port of https", "http://api.example.com:443/orders", "/orders", elsewhere},
		{"another scheme", "wss://api.example.com/orders", "/orders", scheme},
		{"no scheme", "//api.example.com/orders", "/orders", scheme},
		{"a path only", "/orders", "/orders", scheme},
		{"a scheme with a letter of Unicode", "httpſ://api.example.com/orders", "/orders", scheme},
		{"userinfo", "https://user@api.example.com/orders", "/orders", userinfo},
		{"userinfo that looks like the host", "https://api.example.com@evil.example/orders", "/orders", userinfo},
		{"backslash", `https://evil.example\@api.example.com/orders`, "/orders", userinfo},
		{"no host", "https:///orders", "/orders", host},
		{"a port only", "https://:443/orders", "/orders", host},
		{"one slash", "https:/api.example.com/orders", "/orders", scheme},
		{"a host in Unicode", "https://äpi.example.com/orders", "/orders", host},
		{"a letter that folds to ASCII", "https://api.example.com/orders", "/orders", ""},
		{"the Kelvin sign", "https://api.example.com\u212a/orders", "/orders", host},
		{"a percent-encoded host", "https://%61pi.example.com/orders", "/orders", host},
		{"space in the host", "https://api.example.com /orders", "/orders", host},
		{"bracket", "https://[api.example.com]/orders", "/orders", host},
		{"two colons", "https://a:b:1/orders", "/orders", host},
		{"triplet cut off", "https://api.example.com/%4", "/%4", path},
		{"triplet cut off at the sign", "https://api.example.com/%", "/%", path},
		{"triplet without digits", "https://api.example.com/%zz", "/%zz", path},
		{"triplet with one digit", "https://api.example.com/%4g", "/%4g", path},
		{"space", "https://api.example.com/a b", "/a b", path},
		{"control character", "https://api.example.com/a\x00", "/a\x00", path},
		{"DEL", "https://api.example.com/a\x7f", "/a\x7f", path},
		{"not encoded", "https://api.example.com/é", "/é", path},
		{"bytes of the target", "https://api.example.com/a", "/a\xff", target},
		{"triplet of the target", "https://api.example.com/a", "/a%", target},
		{"# in the target is a part of its path", "https://api.example.com/orders", "/orders#/1", target},
		{"too long", "https://api.example.com/a", strings.Repeat("/.", 6144) + "/a", "the target of the request: its path is too long"},
		{"the target of CONNECT", "https://api.example.com/", "api.example.com:443", noTarget},
		{"the target of OPTIONS *", "https://api.example.com/", "*", noTarget},
		{"no target", "https://api.example.com/", "", noTarget},
		{"a relative target", "https://api.example.com/orders", "orders", noTarget},
	})
}

// A gateway strips the prefix, so the server does not see it.
func TestOriginWithAPrefix(t *testing.T) {
	for _, origin := range []string{"https://api.example.com/v1", "https://api.example.com/v1/", "HTTPS://API.example.com:443/a/../v%31"} {
		runURIs(t, origin, []uriCase{
			{"with the prefix", "https://api.example.com/v1/orders", "/orders", ""},
			{"in another form", "https://api.example.com/x/../%761/orders", "/./orders", ""},
			{"the root", "https://api.example.com/v1/", "/", ""},
			{"without the prefix", "https://api.example.com/orders", "/orders", otherPath},
			{"another prefix", "https://api.example.com/v2/orders", "/orders", otherPath},
			{"a longer prefix", "https://api.example.com/v11/orders", "/orders", otherPath},
			{"the prefix in another case", "https://api.example.com/V1/orders", "/orders", otherPath},
			{"the prefix twice", "https://api.example.com/v1/v1/orders", "/orders", otherPath},
			{"no slash at the end", "https://api.example.com/v1", "/", otherPath},
			{"out of the prefix", "https://api.example.com/orders", "/../orders", otherPath},
			{"out of the prefix, to its own form", "https://api.example.com/v1/orders", "/../orders", ""},
		})
	}
}

func TestHTTPOnLoopback(t *testing.T) {
	for _, host := range []string{"localhost", "127.0.0.1", "127.1.2.3", "[::1]"} {
		runURIs(t, "http://"+host+":8080", []uriCase{
			{"the same", "http://" + host + ":8080/orders", "/orders", ""},
			{"https", "https://" + host + ":8080/orders", "/orders", elsewhere},
			{"another port", "http://" + host + "/orders", "/orders", elsewhere},
		})
		runURIs(t, "http://"+host, []uriCase{
			{"default port", "http://" + host + ":80/orders", "/orders", ""},
			{"default port of https", "http://" + host + ":443/orders", "/orders", elsewhere},
		})
	}
}

// Rule 7.7: http.Request.Host and the X-Forwarded fields have no way into the Checker.
func TestOriginIsConfigured(t *testing.T) {
	c := newChecker(t, dpop.Config{Origins: []string{"https://[2001:DB8::1]:8443"}})
	p := jwkstest.Proof(clientKey, http.MethodGet, "https://[2001:db8::1]:8443/orders", token, nil)
	require.NoError(t, confirm(c, request(p)))
}
