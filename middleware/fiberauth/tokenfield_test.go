package fiberauth_test

import (
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
)

func TestTokenField(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer, func(c *middleware.Config) { c.TokenField = "txn-token" })
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp()
		app.All("/", fiberauth.Handler(auth), hello)
		app.Get("/optional", fiberauth.Optional(auth), hello)
		return app
	})
	token := issuer.Token(nil)
	for rule, tt := range map[string]struct {
		fields            []string
		guarded, optional int
	}{
		"the token":                       {[]string{"Txn-Token", token}, 200, 200},
		"in lower case":                   {[]string{"txn-token", token}, 200, 200},
		"beside another Authorization":    {[]string{"Txn-Token", token, "Authorization", "Bearer x"}, 200, 200},
		"no field":                        {nil, 401, 200},
		"only Authorization":              {bearer(token), 401, 200},
		"junk, and a good Authorization":  {append(bearer(token), "Txn-Token", "junk"), 401, 401},
		"two fields":                      {[]string{"Txn-Token", token, "Txn-Token", token}, 400, 400},
		"a scheme":                        {[]string{"Txn-Token", "Bearer " + token}, 400, 400},
		"empty, and a good Authorization": {append(bearer(token), "Txn-Token", ""), 400, 400},
	} {
		assert.Equal(t, tt.guarded, s.get("/", tt.fields...).Code, rule)
		w := s.get("/optional", tt.fields...)
		assert.Equal(t, tt.optional, w.Code, rule)
		assert.Equal(t, "Txn-Token", w.Header().Get("Vary"), rule)
	}

	// fasthttp adds the fields of a trailer to the header. A gateway that removes a forged field
	// from the header may let a trailer pass.
	chunked := "POST / HTTP/1.1\r\nHost: api.example.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
	for rule, tt := range map[string]struct {
		request string
		status  int
	}{
		"in the header":             {chunked + "Txn-Token: " + token + "\r\n\r\n1\r\na\r\n0\r\n\r\n", http.StatusOK},
		"in a trailer":              {chunked + "\r\n1\r\na\r\n0\r\nTxn-Token: " + token + "\r\n\r\n", http.StatusUnauthorized},
		"in the header and trailer": {chunked + "Txn-Token: " + token + "\r\n\r\n1\r\na\r\n0\r\nTxn-Token: junk\r\n\r\n", http.StatusOK},
	} {
		assert.Equal(t, tt.status, raw(t, s.dial(t, "192.0.2.1:4711"), tt.request).StatusCode, rule)
	}
}
