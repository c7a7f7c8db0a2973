// Package echoauth protects routes of echo v5 with package middleware. Its decisions and
// answers are those for net/http.
//
//	e.GET("/timesheets", list, echoauth.Require(auth, middleware.AllScopes("read:timesheets")))
//
//	api := e.Group("/api", echoauth.Handler(auth)) // each token is verified once
//	api.POST("/timesheets", create, echoauth.Require(auth, middleware.AllScopes("write:timesheets")))
//
// An echo handler finds the claims with [Claims]. Code that has the request's context finds
// them with [claims.FromContext].
//
// For a refusal the middleware returns nil. The answer is a problem document, or that of
// Config.ErrorHandler. [ReturnErrors] leaves it to echo's HTTPErrorHandler instead.
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

// Optional also lets requests without a token through. Claims finds none for them. See
// [middleware.Middleware.Optional].
func Optional(auth *middleware.Middleware) echo.MiddlewareFunc { return adapt(auth.Optional) }

// Claims returns the claims of the request's verified token, and whether there are any.
func Claims(c *echo.Context) (*claims.Claims, bool) {
	return claims.FromContext(c.Request().Context())
}

// ReturnErrors is a Config.ErrorHandler that leaves the answer to echo's error pipeline.
//
//	auth, err := middleware.New(middleware.Config{…, ErrorHandler: echoauth.ReturnErrors})
//
// The middleware then returns an error, which echo's HTTPErrorHandler answers like all
// others. The header already has the challenge or Retry-After. The error has the status
// ([echo.HTTPStatusCoder]), and errors.As finds the [*middleware.Error] in it. Its own text
// may be sent to callers. A status below 400, which a page from a file has, is not sent: it
// becomes that of the error.
func ReturnErrors(w http.ResponseWriter, r *http.Request, err *middleware.Error) {
	if e := exchangeOf(w); e != nil {
		e.refused, e.unconditional = err, r
		w.WriteHeader(err.Status) // tells the Middleware that it is answered; e does not send it
	}
}

// A refusal is the error that a middleware returns to echo. Its text is not the Error's,
// because echo can be told to send the text of errors.
type refusal struct{ err *middleware.Error }

func (r refusal) Error() string   { return http.StatusText(r.err.Status) }
func (r refusal) StatusCode() int { return r.err.Status }
func (r refusal) Unwrap() error   { return r.err }

// An exchange is the writer for a request in the Middleware, and what the Middleware has
// decided.
type exchange struct {
	http.ResponseWriter
	allowed *http.Request     // nil unless the request is let through
	refused *middleware.Error // nil unless the answer is left to echo

	unconditional *http.Request // the refused one, without its preconditions
}

func (e *exchange) WriteHeader(status int) {
	if e.refused == nil {
		e.ResponseWriter.WriteHeader(status)
	}
}

// Write drops the body of a refusal that echo answers.
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

// A refusedWriter does not turn a refusal that echo answers into a success.
type refusedWriter struct {
	http.ResponseWriter
	status  int // of the refusal
	written bool
}

func (w *refusedWriter) WriteHeader(status int) {
	final := status >= http.StatusOK || status == http.StatusSwitchingProtocols // for net/http
	if final && status < http.StatusBadRequest {
		status = w.status
	}
	w.written = w.written || final
	w.ResponseWriter.WriteHeader(status)
}

func (w *refusedWriter) Write(p []byte) (int, error) {
	if !w.written {
		w.WriteHeader(w.status)
	}
	return w.ResponseWriter.Write(p)
}

func (w *refusedWriter) FlushError() error {
	if !w.written {
		w.WriteHeader(w.status)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] reach the writer, and echo its Response.
func (w *refusedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

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
				c.SetRequest(e.unconditional)
				c.SetResponse(&refusedWriter{ResponseWriter: c.Response(), status: e.refused.Status})
				return refusal{e.refused}
			}
			return nil
		}
	}
}
