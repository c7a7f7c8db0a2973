package forwardauth_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

// A gateway that signs users in stands in front of the one that asks the Handler.
func TestTokenField(t *testing.T) {
	auth := newAuth(t, `{"sub":"alice"}`, func(c *middleware.Config) { c.TokenField = "Cf-Access-Jwt-Assertion" })
	h := newHandler(t, forwardauth.Config{
		Routes:  []forwardauth.Route{{Pattern: "/", Guard: auth.GuardAuthenticated()}, {Pattern: "/public", Guard: auth.GuardOptional()}},
		Headers: map[string]func(*claims.Claims) []string{"X-Auth-Subject": forwardauth.Claim("sub")},
	})
	const good, junk = "Cf-Access-Jwt-Assertion: good", "Cf-Access-Jwt-Assertion: junk"
	for rule, tt := range map[string]struct {
		lines             []string
		guarded, optional int
		subject           string
	}{
		"the token":                      {[]string{good}, 200, 200, "alice"},
		"beside another Authorization":   {[]string{good, "Authorization: Bearer x"}, 200, 200, "alice"},
		"no field":                       {nil, 401, 200, ""},
		"only Authorization":             {[]string{bearer}, 401, 200, ""},
		"junk, and a good Authorization": {[]string{junk, bearer}, 401, 401, ""},
		"two fields":                     {[]string{good, good}, 400, 400, ""},
		"a scheme":                       {[]string{"Cf-Access-Jwt-Assertion: Bearer good"}, 400, 400, ""},
		"empty":                          {[]string{"Cf-Access-Jwt-Assertion: "}, 400, 400, ""},
		"no keys":                        {[]string{"Cf-Access-Jwt-Assertion: down"}, 503, 503, ""},
	} {
		w := ask(h, "GET", "/x", tt.lines...)
		assert.Equal(t, tt.guarded, w.Code, rule)
		assert.Equal(t, tt.subject, w.Header().Get("X-Auth-Subject"), rule)
		w = ask(h, "GET", "/public", tt.lines...)
		assert.Equal(t, tt.optional, w.Code, rule)
		assert.Equal(t, tt.subject, w.Header().Get("X-Auth-Subject"), rule)
	}
}
