// Command before serves a Timesheets API that is protected by labstack/echo-jwt.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v5"
	"github.com/labstack/echo/v5"
)

func main() {
	handler, err := newHandler(context.Background(),
		os.Getenv("ISSUER_URL"), os.Getenv("JWKS_URL"), os.Getenv("AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

type accessClaims struct {
	jwt.RegisteredClaims
	Scope       string   `json:"scope"`
	Permissions []string `json:"permissions"`
}

func newHandler(ctx context.Context, issuer, jwksURL, audience string) (http.Handler, error) {
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{jwksURL})
	if err != nil {
		return nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired())
	config := echojwt.Config{ParseTokenFunc: func(c *echo.Context, auth string) (any, error) {
		return parser.ParseWithClaims(auth, &accessClaims{}, keys.KeyfuncCtx(c.Request().Context()))
	}}
	optional := config
	optional.ContinueOnIgnoredError = true
	optional.ErrorHandler = func(_ *echo.Context, err error) error {
		if errors.Is(err, echojwt.ErrJWTMissing) {
			return nil
		}
		return echojwt.ErrJWTInvalid.Wrap(err)
	}
	e := echo.New()
	e.GET("/hello", greet, echojwt.WithConfig(optional))
	api := e.Group("", echojwt.WithConfig(config))
	api.GET("/me", greet)
	api.GET("/timesheets", greet, allow(func(c *accessClaims) bool {
		return slices.Contains(strings.Fields(c.Scope), "read:timesheets")
	}))
	api.GET("/reports", greet, allow(func(c *accessClaims) bool {
		return slices.Contains(c.Permissions, "read:reports")
	}))
	return e, nil
}

func allow(allowed func(*accessClaims) bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			token, ok := c.Get("user").(*jwt.Token)
			if !ok || !allowed(token.Claims.(*accessClaims)) {
				return echo.ErrForbidden
			}
			return next(c)
		}
	}
}

func greet(c *echo.Context) error {
	token, ok := c.Get("user").(*jwt.Token)
	if !ok {
		return c.String(http.StatusOK, "stranger")
	}
	return c.String(http.StatusOK, token.Claims.(*accessClaims).Subject)
}
