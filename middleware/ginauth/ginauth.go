// Package ginauth protects gin routes with package middleware: it decides and answers as
// net/http does, and keeps gin's habits.
//
//	r.GET("/timesheets", ginauth.Require(auth, middleware.AllScopes("read:timesheets")), list)
//
//	api := r.Group("/api", ginauth.Handler(auth)) // each token is verified once
//	api.POST("/timesheets", ginauth.Require(auth, middleware.AllScopes("write:timesheets")), create)
//
// A gin handler finds the claims with [Claims]. Code below it, which has the request's
// context, finds them with [claims.FromContext]. A *gin.Context is such a context only
// if the engine's ContextWithFallback is set.
//
// Refusals are answered, with a problem document or by Config.ErrorHandler, and the
// chain is aborted. [AttachErrors] hands them to gin's error pipeline instead.
package ginauth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// Handler demands a valid token, whatever its scopes. See [middleware.Middleware.Handler].
func Handler(auth *middleware.Middleware) gin.HandlerFunc { return adapt(auth.Handler) }

// Require demands a valid token and the consent of every policy. It panics without
// policies. See [middleware.Middleware.Require].
func Require(auth *middleware.Middleware, policies ...middleware.Policy) gin.HandlerFunc {
	return adapt(auth.Require(policies...))
}

// Optional lets requests without a token through as well; Claims finds none for them.
// See [middleware.Middleware.Optional].
func Optional(auth *middleware.Middleware) gin.HandlerFunc { return adapt(auth.Optional) }

// Claims returns the claims of the request's verified token, and whether there are any.
func Claims(c *gin.Context) (*claims.Claims, bool) {
	return claims.FromContext(c.Request.Context())
}

// AttachErrors is a Config.ErrorHandler that leaves the answer to gin's error pipeline:
//
//	auth, err := middleware.New(middleware.Config{…, ErrorHandler: ginauth.AttachErrors})
//
// The error is attached with [gin.Context.Error], for a middleware further out that
// answers for all errors; errors.As finds the [*middleware.Error] in it. Status,
// challenge and Retry-After are set, but nothing is written: if nobody else does, gin
// sends them without a body.
//
// The error's text is for logs, not for callers.
func AttachErrors(w http.ResponseWriter, _ *http.Request, err *middleware.Error) {
	if e := exchangeOf(w); e != nil {
		_ = e.gin.Error(err)
		w.WriteHeader(err.Status) // gin sends it with the first byte, or at the end
	}
}

// An exchange is the writer of a request on its way through the Middleware, and what has
// become of the request.
type exchange struct {
	gin.ResponseWriter
	gin     *gin.Context
	allowed *http.Request // nil unless it was let through
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

func adapt(protect func(http.Handler) http.Handler) gin.HandlerFunc {
	h := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { exchangeOf(w).allowed = r }))
	return func(c *gin.Context) {
		e := &exchange{ResponseWriter: c.Writer, gin: c}
		// Deferred, since gin goes on with the chain if a policy panics and a recovery
		// further out does not abort it.
		defer func() {
			if e.allowed == nil {
				c.Abort()
				return
			}
			c.Request = e.allowed
		}()
		h.ServeHTTP(e, c.Request)
	}
}
