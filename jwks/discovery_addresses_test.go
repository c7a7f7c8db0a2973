package jwks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestDiscoveryAddresses(t *testing.T) {
	for url, want := range map[string]struct{ openID, oauth string }{
		"https://a.example":               {"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"},
		"https://a.example/":              {"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"},
		"https://a.example:8443/":         {"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"},
		"https://a.example/realms/demo":   {"/realms/demo/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/realms/demo"},
		"https://a.example/oauth2/":       {"/oauth2/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/oauth2"},
		"https://a.example/a%2Fb/c%20d/e": {"/a%2Fb/c%20d/e/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/a%2Fb/c%20d/e"},
	} {
		t.Run(url, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var requests recorder
				issuer := jwkstest.NewIssuer(jwkstest.Config{URL: url, Key: namedKey("known")})
				issuer.Fail(jwkstest.Discovery, jwkstest.Respond(http.StatusNotFound, nil, ""))
				cache := newCache(t, issuer, func(c *jwks.Config) { c.Client = requests.client(issuer.Client()) })
				requireKnown(t, cache, "known")
				all := requests.all()
				require.Len(t, all, 3)
				assert.Equal(t, want.openID, all[0].URL.EscapedPath())
				assert.Equal(t, want.oauth, all[1].URL.EscapedPath())
				assert.True(t, strings.HasPrefix(url, "https://"+all[1].URL.Host))
			})
		})
	}
}

// A status that a retry can change says nothing about the address. The next attempt begins with
// the second address: see below.
func TestB6SecondAddressIsAskedAtOnceUnlessTheFirstHasADocumentOrCannotAnswer(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html"}}
	for name, tt := range map[string]struct {
		fault jwkstest.Fault
		first int // requests to the first address: a refused one is repeated without Cache-Control
		asked int // requests to the second
	}{
		"404":                {respond(404, ""), 1, 1},
		"410":                {respond(410, ""), 1, 1},
		"200, no body":       {respond(200, ""), 1, 1},
		"200, HTML":          {jwkstest.Respond(200, html, "<!DOCTYPE html><title>Sign in</title>"), 1, 1},
		"200, other JSON":    {respond(200, `{"error":"not_found"}`), 1, 1},
		"200, a long page":   {respond(200, strings.Repeat(" ", 513<<10)), 1, 1},
		"204":                {respond(204, ""), 1, 1},
		"302":                {redirect("https://issuer.example.test/login"), 1, 1},
		"304":                {respond(304, ""), 1, 1},
		"400":                {respond(400, ""), 2, 1},
		"401":                {respond(401, ""), 1, 1},
		"403":                {respond(403, ""), 2, 1},
		"405":                {respond(405, ""), 2, 1},
		"408":                {respond(408, ""), 1, 0},
		"429":                {respond(429, ""), 1, 0},
		"500":                {respond(500, ""), 1, 0},
		"503":                {respond(503, ""), 1, 0},
		"connection refused": {jwkstest.Refuse(), 1, 0},
		"hangs":              {jwkstest.Hang(), 1, 0},
		"truncated":          {jwkstest.Truncate(), 1, 0},
		"another issuer":     {edit("issuer", "https://evil.example/"), 1, 0},
		"no jwks_uri":        {edit("jwks_uri", jwkstest.Absent), 1, 0},
		"http jwks_uri":      {edit("jwks_uri", "http://issuer.example.test/jwks"), 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.Discovery, tt.fault)
				_, err := newCache(t, issuer).Keys(t.Context(), alg, "known")
				assert.Equal(t, tt.first, issuer.Count(jwkstest.Discovery))
				assert.Equal(t, tt.asked, issuer.Count(jwkstest.Metadata))
				assert.Equal(t, tt.asked == 1, err == nil)
			})
		})
	}
}

// An authorization server without OpenID Connect can answer at that address with anything, for
// ever. In an outage of the host each attempt of a cold cache is still one request.
func TestB6SecondAddressIsAskedFirstAfterAStatusThatARetryCanChange(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"408": respond(408, ""), "429": respond(429, ""), "500": respond(500, ""), "502": respond(502, ""),
		"503": respond(503, ""), "504": respond(504, ""),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.Discovery, fault)
				cache := newCache(t, issuer)
				failure := requireUnavailable(t, cache, "known")
				assert.Zero(t, issuer.Count(jwkstest.Metadata))
				time.Sleep(failure.RetryAfter)
				requireKnown(t, cache, "known")
				assert.Equal(t, 1, issuer.Count(jwkstest.Discovery))
			})
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.Fail(jwkstest.Discovery, fault)
				issuer.Fail(jwkstest.Metadata, fault)
				cache := newCache(t, issuer)
				for n := range 10 {
					failure := requireUnavailable(t, cache, "known")
					assert.Equal(t, n/2+1, issuer.Count(jwkstest.Discovery))
					assert.Equal(t, (n+1)/2, issuer.Count(jwkstest.Metadata))
					time.Sleep(failure.RetryAfter)
				}
			})
		})
	}
}

// The first address of most issuers is OpenID Connect's, and the second one answers 404.
func TestOpenIDConnectsAddressIsAskedInEveryAttemptThatGetsAnAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.FailNext(1, jwkstest.Discovery, respond(http.StatusServiceUnavailable, ""))
		issuer.Fail(jwkstest.Metadata, respond(http.StatusNotFound, ""))
		cache := newCache(t, issuer)
		time.Sleep(requireUnavailable(t, cache, "known").RetryAfter)
		requireKnown(t, cache, "known")
		assert.Equal(t, 1, issuer.Count(jwkstest.Metadata))
	})
}
