package jwks_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A mistake in the configuration shows in the first line of the log, with the field that mends it.
func TestD6LogNamesTheFieldThatMendsAMistake(t *testing.T) {
	for name, tt := range map[string]struct {
		edit  func(issuer *jwkstest.Issuer, c *jwks.Config)
		error string
	}{
		"URL of the discovery document": {func(issuer *jwkstest.Issuer, c *jwks.Config) {
			c.URL = issuer.URL() + ".well-known/openid-configuration"
		}, "it looks like a discovery document: set Config.Issuer and no URL"},
		"URL of a login page": {func(issuer *jwkstest.Issuer, c *jwks.Config) {
			c.URL = issuer.JWKSURL()
			issuer.Fail(jwkstest.JWKS, respond(200, "<!doctype html>"+secret))
		}, "it looks like a page of HTML, such as a login page"},
		"issuer with a login page": {func(issuer *jwkstest.Issuer, _ *jwks.Config) {
			issuer.Fail(jwkstest.Discovery, respond(200, "<!doctype html>"+secret))
			issuer.Fail(jwkstest.Metadata, respond(404, ""))
		}, "jwks: discovery document: not the JSON of one: it looks like a page of HTML"},
		"issuer whose answer is a key set": {func(issuer *jwkstest.Issuer, _ *jwks.Config) {
			for _, endpoint := range []jwkstest.Endpoint{jwkstest.Discovery, jwkstest.Metadata} {
				issuer.Fail(endpoint, respond(200, string(issuer.Document())))
			}
		}, "jwks: discovery document: not the JSON of one: it looks like a JWK Set"},
		"redirect on the host": {func(issuer *jwkstest.Issuer, c *jwks.Config) {
			c.URL = issuer.JWKSURL()
			issuer.FailNext(1, jwkstest.JWKS, jwkstest.Redirect("/certs"))
		}, "to follow it, set Config.AllowRedirects"},
		"redirect to another host": {func(issuer *jwkstest.Issuer, c *jwks.Config) {
			c.URL, c.AllowRedirects = issuer.JWKSURL(), true
			issuer.FailNext(1, jwkstest.JWKS, jwkstest.Redirect("https://login.example.net/?"+secret))
		}, `a redirect to host "login.example.net", which is never followed`},
		"redirects without end": {func(issuer *jwkstest.Issuer, c *jwks.Config) {
			c.URL, c.AllowRedirects = issuer.JWKSURL(), true
			issuer.Fail(jwkstest.JWKS, jwkstest.Redirect(""))
		}, "status 302, more than 3 redirects"},
		"key set on a private address": {func(issuer *jwkstest.Issuer, _ *jwks.Config) {
			issuer.MoveJWKS("https://10.1.2.3/jwks.json")
		}, `host "10.1.2.3": address is not public: if the host is right, name it in jwks.Config.PrivateHosts`},
		"key set by http": {func(issuer *jwkstest.Issuer, _ *jwks.Config) {
			issuer.MoveJWKS("http://keys.example.net/jwks.json")
		}, `http on host "keys.example.net" is not allowed, because the issuer is on https`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log loudLog
				issuer := newIssuer()
				cache := newCache(t, issuer, log.use, func(c *jwks.Config) { tt.edit(issuer, c) })
				requireUnavailable(t, cache, "known")
				synctest.Wait()
				lines := log.all()
				require.Len(t, lines, 1)
				assert.Equal(t, unusableEvent, lines[0].level.String()+" "+lines[0].text)
				err := lines[0].attrs["error"].Any().(error)
				assert.ErrorContains(t, err, tt.error)
				assert.NotContains(t, err.Error(), secret)
				assert.Equal(t, err, cache.Status().LastError)
			})
		})
	}
}
