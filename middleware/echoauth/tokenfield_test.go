package echoauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v5"
	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/echoauth"
)

func TestTokenField(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer, func(c *middleware.Config) { c.TokenField = "Txn-Token" })
	e := echo.New()
	ok := func(c *echo.Context) error { return c.NoContent(http.StatusOK) }
	e.GET("/", ok, echoauth.Handler(auth))
	e.GET("/optional", ok, echoauth.Optional(auth))
	token := issuer.Token(nil)
	for rule, tt := range map[string]struct {
		header            http.Header
		guarded, optional int
	}{
		"the token":          {http.Header{"Txn-Token": {token}}, 200, 200},
		"no field":           {http.Header{}, 401, 200},
		"only Authorization": {http.Header{"Authorization": {"Bearer " + token}}, 401, 200},
		"two fields":         {http.Header{"Txn-Token": {token, token}}, 400, 400},
		"junk":               {http.Header{"Txn-Token": {"junk"}}, 401, 401},
	} {
		for path, want := range map[string]int{"/": tt.guarded, "/optional": tt.optional} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header = tt.header
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			assert.Equal(t, want, w.Code, "%s: %s", path, rule)
		}
	}
}
