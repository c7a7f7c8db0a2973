// Package ginauth protects gin routes with package middleware. Its decisions and answers
// are those for net/http.
//
//	r.GET("/timesheets", ginauth.Require(auth, middleware.AllScopes("read:timesheets")), list)
//
//	api := r.Group("/api", ginauth.Handler(auth)) // each token is verified once
//	api.POST("/timesheets", ginauth.Require(auth, middleware.AllScopes("write:timesheets")), create)
//
// A gin handler finds the claims with [Claims]. Code that has the request's context finds
// them with [claims.FromContext]. A *gin.Context works there only if the engine's
// ContextWithFallback is set.
//
// A refusal aborts the chain. Its answer is a problem document, or that of
// Config.ErrorHandler. [AttachErrors] leaves it to gin's error pipeline instead.
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

// Optional also lets requests without a token through. Claims finds none for them. See
// [middleware.Middleware.Optional].
func Optional(auth *middleware.Middleware) gin.HandlerFunc { return adapt(auth.Optional) }

// Claims returns the claims of the request's verified token, and whether there are any.
func Claims(c *gin.Context) (*claims.Claims, bool) {
	return claims.FromContext(c.Request.Context())
}

// AttachErrors is a Config.ErrorHandler that leaves the answer to gin's error pipeline.
//
//	auth, err := middleware.New(middleware.Config{…, ErrorHandler: ginauth.AttachErrors})
//
// The error is attached with [gin.Context.Error], for an outer middleware that answers all
// errors. errors.As finds the [*middleware.Error] in it, whose text is for logs and must
// not be sent. Status, challenge and Retry-After are set, but nothing is written. If no
// other middleware writes, gin sends them without a body. A status below 400, which a page
// from a file has, does not replace the status.
func AttachErrors(w http.ResponseWriter, r *http.Request, err *middleware.Error) {
	if e := exchangeOf(w); e != nil {
		_ = e.gin.Error(err)
		w.WriteHeader(err.Status) // gin sends it with the first byte, or at the end
		e.gin.Writer = refusedWriter{e.gin.Writer}
		e.gin.Request = r // without preconditions
	}
}

// A refusedWriter is the writer of a refused request, whose status is set.
type refusedWriter struct{ gin.ResponseWriter }

// WriteHeader does not turn a refusal into a success.
func (w refusedWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Unwrap lets [http.ResponseController] reach the writer.
func (w refusedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// An exchange is the writer for a request in the Middleware, and what the Middleware has
// decided.
type exchange struct {
	gin.ResponseWriter
	gin     *gin.Context
	allowed *http.Request // nil unless the request is let through
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
		// Deferred, because gin continues the chain if a policy panics and an outer recovery
		// does not abort it.
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
