package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// The error codes of RFC 6750 section 3.1 and RFC 9470 section 3.
const (
	codeInvalidRequest             = "invalid_request"
	codeInvalidToken               = "invalid_token"
	codeInsufficientScope          = "insufficient_scope"
	codeInsufficientAuthentication = "insufficient_user_authentication"
)

// ErrNoToken matches, under [errors.Is], the [*Error] for a request without a bearer token.
// The request has no Authorization field, or one of another scheme. The answer is a 401
// whose challenge has no error (RFC 6750 section 3.1).
//
// The handler of an optional route can demand a token with it:
//
//	c, ok := claims.FromContext(r.Context())
//	if !ok {
//		auth.Refuse(w, r, middleware.ErrNoToken)
//		return
//	}
var ErrNoToken = errors.New("middleware: no bearer token")

// An Error says why a request was not let through. [Guard.Check], [Guard.Authenticate] and
// [Authorize] return it; [Middleware.Answer] returns what to tell the caller.
//
// Under [errors.Is] it matches its Reason, everything that Err wraps, and [ErrNoToken] for
// a request without a bearer token:
//
//	if errors.Is(err, claims.ErrExpired) { … }
type Error struct {
	_ [0]func() // written with field names

	// Status is the HTTP status: 400, 401, 403 or 503.
	Status int

	// Code is the OAuth error code. It is invalid_request, invalid_token or insufficient_scope
	// (RFC 6750 section 3.1), insufficient_user_authentication (RFC 9470 section 3), or
	// invalid_dpop_proof or use_dpop_nonce (RFC 9449 section 12.2). It is empty for a request
	// without a bearer token (401), and for a 503.
	Code string

	// Reason is the stable code for logs and metrics, one of the constants of package
	// claims. It is empty for a request without a bearer token, and for a malformed one.
	Reason claims.Reason

	// Scheme is the scheme whose challenge is the answer: "DPoP", or empty for Bearer. Without
	// a token, there is a challenge for each scheme that is accepted. Refuse and WriteError
	// answer under the scheme of the request, if an Error of the application leaves it empty.
	Scheme string

	// DPoPNonce is the nonce for the client's next proof, if Code is use_dpop_nonce.
	DPoPNonce string

	// Scopes are all the scopes that the route needs, for a 401 and for a 403 that scopes
	// decided. They include those by which the token has passed the layers around the one
	// that refused it. The slice is a copy.
	Scopes []string

	// ACRValues and MaxAge are what the route demands of the user's authentication. They are set
	// for insufficient_user_authentication. One of these acr values is demanded, in order of
	// preference, and an authentication at most MaxAge ago. Either is zero if it is not demanded.
	// A challenge has MaxAge in whole seconds. The slice is a copy.
	ACRValues []string
	MaxAge    time.Duration

	// RetryAfter is how long to wait after a 503; 0 if that is not known.
	RetryAfter time.Duration

	// Err is the cause, for logs. It can have the text of a key source, a hook or a
	// policy, and is never sent. It may be nil.
	Err error
}

// Error returns a text for logs. It is never sent to callers.
func (e *Error) Error() string {
	code := e.Code
	switch {
	case code != "":
	case e.lacksToken():
		code = "no bearer token"
	default:
		code = "unavailable"
	}
	switch {
	case e.Err != nil:
		return fmt.Sprintf("middleware: %d %s: %v", e.Status, code, e.Err)
	case e.Reason != "":
		return fmt.Sprintf("middleware: %d %s: %v", e.Status, code, e.Reason)
	}
	return fmt.Sprintf("middleware: %d %s", e.Status, code)
}

// Unwrap returns the Reason, [ErrNoToken] for a request without a bearer token, and Err, each
// if there is one. The Reason comes first, so that [errors.As] finds it and not one in Err.
func (e *Error) Unwrap() []error {
	var all []error
	if e.Reason != "" {
		all = append(all, e.Reason)
	}
	if e.lacksToken() {
		all = append(all, ErrNoToken)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// lacksToken reports whether e is for a request without a bearer token. It is the only 401
// without a code (RFC 6750 section 3.1).
func (e *Error) lacksToken() bool { return e.Status == http.StatusUnauthorized && e.Code == "" }

// unauthenticated is for a request without a bearer token. It has no code: the caller may
// not have known that a token is needed (RFC 6750 section 3.1).
func unauthenticated() *Error { return &Error{Status: http.StatusUnauthorized} }

func malformedRequest() *Error {
	return &Error{Status: http.StatusBadRequest, Code: codeInvalidRequest}
}

func invalidToken(reason claims.Reason, err error) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: codeInvalidToken, Reason: reason, Err: err}
}

func forbidden(err error) *Error {
	return &Error{
		Status: http.StatusForbidden, Code: codeInsufficientScope, Reason: claims.ErrForbidden, Err: err,
	}
}

// insufficientAuthentication is for a valid token whose user must authenticate better, or
// again (RFC 9470 section 3).
func insufficientAuthentication(err error) *Error {
	return &Error{
		Status: http.StatusUnauthorized, Code: codeInsufficientAuthentication,
		Reason: claims.ErrAuthentication, Err: err,
	}
}

// unavailable is for a request that could not be checked.
func unavailable(reason claims.Reason, err error) *Error {
	e := &Error{Status: http.StatusServiceUnavailable, Reason: reason, Err: err}
	if outage, ok := errors.AsType[*claims.UnavailableError](err); ok {
		e.RetryAfter = outage.RetryAfter
	}
	return e
}

// fromVerifier returns the Error for what a Verifier returned. An error without a Reason
// refuses the token, as that of a Validate hook does.
func fromVerifier(err error) *Error {
	var reason claims.Reason
	switch known := errors.As(err, &reason); {
	case !known && contextEnded(err):
		return unavailable(claims.ErrUnavailable, err)
	case reason == claims.ErrUnavailable, reason == claims.ErrKeysUnavailable:
		return unavailable(reason, err)
	case reason == claims.ErrForbidden:
		return forbidden(err)
	case invalidTokenTexts[reason] == "":
		return invalidToken(claims.ErrRejected, err)
	}
	return invalidToken(reason, err)
}

// fromPolicy returns the Error for a policy's error: the policy could not decide, demands
// a better authentication, or denies.
func fromPolicy(err error) *Error {
	switch _, weak := errors.AsType[*weakness](err); {
	case errors.Is(err, claims.ErrKeysUnavailable):
		return unavailable(claims.ErrKeysUnavailable, err)
	case isUnavailable(err):
		return unavailable(claims.ErrUnavailable, err)
	case weak:
		return insufficientAuthentication(err)
	case errors.Is(err, errNotBoundAtAll):
		return invalidToken(claims.ErrConfirmation, err)
	}
	return forbidden(err)
}

func isUnavailable(err error) bool {
	return errors.Is(err, claims.ErrUnavailable) || errors.Is(err, claims.ErrKeysUnavailable) || contextEnded(err)
}

func contextEnded(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// asError returns the *Error in err, or one for any other error, nil included. Its status
// never lets a request through.
func asError(err error) *Error {
	e, found := errors.AsType[*Error](err)
	switch {
	case !found && errors.Is(err, ErrNoToken):
		return unauthenticated()
	case !found:
		return fromVerifier(err)
	case e == nil:
		return fromVerifier(nil)
	case e.Status < 400 || e.Status > 599:
		return fromVerifier(e.Reason) // made by hand, without a status
	}
	return e
}
