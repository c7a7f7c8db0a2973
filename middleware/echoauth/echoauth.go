// Package echoauth protects routes of echo v5 with package middleware: it decides and
// answers as net/http does, and keeps echo's habits.
//
//	e.GET("/timesheets", list, echoauth.Require(auth, middleware.AllScopes("read:timesheets")))
//
//	api := e.Group("/api", echoauth.Handler(auth)) // each token is verified once
//	api.POST("/timesheets", create, echoauth.Require(auth, middleware.AllScopes("write:timesheets")))
//
// An echo handler finds the claims with [Claims]. Code below it, which has the request's
// context, finds them with [claims.FromContext].
//
// Refusals are answered, with a problem document or by Config.ErrorHandler, and the
// middleware returns nil. With [ReturnErrors] it returns them instead, for echo's
// HTTPErrorHandler.
//
// Echo v4 needs no adapter: echo.WrapMiddleware(auth.RequireScopes("read:timesheets")) is
// a middleware of echo v4, and its handlers find the claims in the request's context.
package echoauth

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// Handler demands a valid token, whatever its scopes. See [middleware.Middleware.Handler].
func Handler(auth *middleware.Middleware) echo.MiddlewareFunc { return adapt(auth.Handler) }

// Require demands a valid token and the consent of every policy. It panics without
// policies. See [middleware.Middleware.Require].
func Require(auth *middleware.Middleware, policies ...middleware.Policy) echo.MiddlewareFunc {
	return adapt(auth.Require(policies...))
}

// Optional lets requests without a token through as well; Claims finds none for them.
// See [middleware.Middleware.Optional].
func Optional(auth *middleware.Middleware) echo.MiddlewareFunc { return adapt(auth.Optional) }

// Claims returns the claims of the request's verified token, and whether there are any.
func Claims(c *echo.Context) (*claims.Claims, bool) {
	return claims.FromContext(c.Request().Context())
}

// ReturnErrors is a Config.ErrorHandler that leaves the answer to echo's error pipeline:
//
//	auth, err := middleware.New(middleware.Config{…, ErrorHandler: echoauth.ReturnErrors})
//
// The middleware then returns an error, and echo's HTTPErrorHandler answers it as it
// answers all others. Challenge or Retry-After are set already. The error has the
// status ([echo.HTTPStatusCoder]), errors.As finds the [*middleware.Error] in it, and
// its own text is fit for callers.
func ReturnErrors(w http.ResponseWriter, _ *http.Request, err *middleware.Error) {
	if e := exchangeOf(w); e != nil {
		e.refused = err
		w.WriteHeader(err.Status) // says that there is an answer; e does not send it
	}
}

// A refusal is what a middleware returns to echo. Its text is not that of the Error,
// because echo sends it if it is told to expose errors.
type refusal struct{ err *middleware.Error }

func (r refusal) Error() string   { return http.StatusText(r.err.Status) }
func (r refusal) StatusCode() int { return r.err.Status }
func (r refusal) Unwrap() error   { return r.err }

// An exchange is the writer of a request on its way through the Middleware, and what has
// become of the request.
type exchange struct {
	http.ResponseWriter
	allowed *http.Request     // nil unless it was let through
	refused *middleware.Error // nil unless it was left to echo
}

func (e *exchange) WriteHeader(status int) {
	if e.refused == nil {
		e.ResponseWriter.WriteHeader(status)
	}
}

// Write drops what is written after a refusal was left to echo, which answers it.
func (e *exchange) Write(p []byte) (int, error) {
	if e.refused != nil {
		return len(p), nil
	}
	return e.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the writer.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// exchangeOf returns the exchange that w wraps, or nil.
func exchangeOf(w http.ResponseWriter) *exchange {
	for {
		switch inner := w.(type) {
		case *exchange:
			return inner
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return nil
		}
	}
}

func adapt(protect func(http.Handler) http.Handler) echo.MiddlewareFunc {
	h := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { exchangeOf(w).allowed = r }))
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			e := &exchange{ResponseWriter: c.Response()}
			h.ServeHTTP(e, c.Request())
			switch {
			case e.allowed != nil:
				c.SetRequest(e.allowed)
				return next(c)
			case e.refused != nil:
				return refusal{e.refused}
			}
			return nil
		}
	}
}
