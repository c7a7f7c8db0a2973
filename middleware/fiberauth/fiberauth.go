// Package fiberauth protects routes of fiber v3 with package middleware. Its decisions and
// answers are those for net/http.
//
//	app.Get("/timesheets", fiberauth.Require(auth, middleware.AllScopes("read:timesheets")), list)
//
//	api := app.Group("/api", fiberauth.Handler(auth)) // each token is verified once
//	api.Post("/timesheets", fiberauth.Require(auth, middleware.AllScopes("write:timesheets")), create)
//
// A fiber handler finds the claims with [Claims]. Code that has the request's context, which is
// c.Context(), finds them with [claims.FromContext]. A fiber.Ctx is a context as well, but one
// without the claims: [middleware.Authorize] and [claims.FromContext] find no token in it.
//
// For a refusal the middleware returns nil and does not call c.Next. The answer is a problem
// document, or that of Config.ErrorHandler. [ReturnErrors] leaves it to fiber's ErrorHandler
// instead.
//
// # What differs from net/http
//
// fiber is built on fasthttp, which uses the memory of a request again for the next one. This
// package gives the Middleware copies, so claims and contexts can be kept. fiber's package
// adaptor does not copy, and keeps only one of several Authorization fields. Do not use it around
// a Middleware, nor around the application.
//
// The context of a request does not end with the request, nor when the client goes away. Call the
// function that [middleware.Middleware.UntilExpiry] returns, after a stream as well: otherwise the
// token is verified again every 30 seconds until it expires.
//
// fasthttp adds the fields that follow a chunked body, its trailer, to the header. This package
// leaves them out: a proxy that removes a forged certificate field from the header may let a
// trailer pass.
//
// fiber refuses a header of more than 4096 bytes with a 431. Many tokens with a DPoP proof are
// longer: set ReadBufferSize of fiber.Config.
//
// fiber runs handlers in the order of their declaration. A group protects no route that is
// declared before it. A policy that panics ends the process, unless fiber's recover middleware is
// around it.
//
// fiber also runs the middleware of groups for a request that fasthttp cannot read, such as one
// with a header that is too long. Config.Observe gets a Decision about what was read, but fiber
// then answers with a 400, 413 or 431, and runs no handler of a route.
package fiberauth

import (
	"net/http"

	"github.com/gofiber/fiber/v3"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// Handler demands a valid token, whatever its scopes. See [middleware.Middleware.Handler].
func Handler(auth *middleware.Middleware) fiber.Handler { return adapt(auth.Handler) }

// Require demands a valid token and the consent of every policy. It panics without
// policies. See [middleware.Middleware.Require].
func Require(auth *middleware.Middleware, policies ...middleware.Policy) fiber.Handler {
	return adapt(auth.Require(policies...))
}

// Optional also lets requests without a token through. Claims finds none for them. See
// [middleware.Middleware.Optional].
func Optional(auth *middleware.Middleware) fiber.Handler { return adapt(auth.Optional) }

// Claims returns the claims of the request's verified token, and whether there are any. They
// can be kept after the request.
func Claims(c fiber.Ctx) (*claims.Claims, bool) { return claims.FromContext(c.Context()) }

// ReturnErrors is a Config.ErrorHandler that leaves the answer to fiber's error pipeline.
//
//	auth, err := middleware.New(middleware.Config{…, ErrorHandler: fiberauth.ReturnErrors})
//
// The middleware then returns an error, which fiber's ErrorHandler answers like all others. The
// response already has the status, and the challenge or Retry-After. In the error, errors.As
// finds a [*fiber.Error] with the status, and the [*middleware.Error]. Its own text may be sent to
// callers.
//
// An ErrorHandler of fiber must not set a status below 400. fiber runs nothing after it, so this
// package cannot correct that status, as the Middleware does for Config.ErrorHandler: the refusal
// would be sent as a success, although no handler has run. An ErrorHandler that answers 200 for
// all errors must make an exception if errors.As finds a *middleware.Error.
func ReturnErrors(w http.ResponseWriter, r *http.Request, err *middleware.Error) {
	if e := exchangeOf(w); e != nil {
		w.WriteHeader(err.Status) // tells the Middleware that it is answered
		e.refused = err
		e.dropConditions(r)
	}
}

// A refusal is the error that a middleware returns to fiber. Its text is not the Error's,
// because fiber sends the text of errors.
type refusal struct{ err *middleware.Error }

func (r refusal) Error() string { return http.StatusText(r.err.Status) }

// Unwrap returns the error in which fiber's ErrorHandler finds the status, and the Error.
func (r refusal) Unwrap() []error {
	return []error{fiber.NewError(r.err.Status, r.Error()), r.err}
}

func adapt(protect func(http.Handler) http.Handler) fiber.Handler {
	h := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { exchangeOf(w).allowed = r }))
	return func(c fiber.Ctx) error {
		e := &exchange{fiber: c}
		h.ServeHTTP(e, requestOf(c))
		switch {
		case e.allowed != nil:
			e.setHeader()
			c.SetContext(e.allowed.Context())
			return c.Next()
		case e.refused != nil:
			return refusal{e.refused}
		}
		e.setContentType()
		return nil
	}
}
