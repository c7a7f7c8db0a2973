// Package echov4 protects routes of echo v4. echo.WrapMiddleware makes a middleware of echo of
// each one of net/http, and gives the handler the request with the claims. It returns no error for
// a refusal, whose answer is already written: echo's HTTPErrorHandler does not see it.
//
// A group with a middleware also answers for what matches none of its routes: 401 without a token,
// and then 404, also for a method. So CORS belongs around the router, with Use: the preflight
// request of a browser has no token.
package echov4

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// New returns the API.
func New(auth *middleware.Middleware) http.Handler {
	scopes := func(scopes ...string) echo.MiddlewareFunc { return echo.WrapMiddleware(auth.RequireScopes(scopes...)) }
	e := echo.New()
	e.GET("/healthz", func(c echo.Context) error { return c.NoContent(http.StatusOK) })
	timesheets := e.Group("/timesheets", echo.WrapMiddleware(auth.Handler)) // verified once for both layers
	timesheets.GET("", hello, scopes("read:timesheets"))
	timesheets.POST("", hello, scopes("write:timesheets"))
	return e
}

func hello(c echo.Context) error {
	who, _ := claims.FromContext(c.Request().Context()) // every route with hello requires a token
	return c.String(http.StatusOK, "hello "+who.Subject())
}
