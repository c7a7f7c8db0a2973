// Command after serves the same Timesheets API with bearerguard.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/labstack/echo/v5"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/echoauth"
)

func main() {
	handler, err := newHandler(os.Getenv("ISSUER_URL"), os.Getenv("AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

func newHandler(issuer, audience string) (http.Handler, error) {
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL:        issuer,
		Audiences:  []string{audience},
		Algorithms: []string{"RS256"},
	}}})
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.GET("/hello", greet, echoauth.Optional(auth))
	api := e.Group("", echoauth.Handler(auth))
	api.GET("/me", greet)
	api.GET("/timesheets", greet, echoauth.Require(auth, middleware.AllScopes("read:timesheets")))
	api.GET("/reports", greet, echoauth.Require(auth, middleware.Claim("permissions").All("read:reports")))
	return e, nil
}

func greet(c *echo.Context) error {
	token, ok := echoauth.Claims(c)
	if !ok {
		return c.String(http.StatusOK, "stranger")
	}
	return c.String(http.StatusOK, token.Subject())
}
