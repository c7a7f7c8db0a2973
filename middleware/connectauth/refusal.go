package connectauth

import (
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"github.com/bearerguard/bearerguard/middleware"
)

// A cause is an error of the Middleware with a text for callers. Connect sends the text of
// an error.
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string { return c.text }
func (c *cause) Unwrap() error { return c.err }

// newRefusal returns the Middleware's answer to err in terms of Connect. Its metadata are the
// header fields of the answer in HTTP.
func newRefusal(auth *middleware.Middleware, err error) *connect.Error {
	answer := auth.Answer(err)
	refusal := connect.NewError(codeOf(answer.Status), &cause{text: answer.Description, err: err})
	refusal.Meta().Set("Cache-Control", "no-store")
	for _, challenge := range answer.Challenges {
		refusal.Meta().Add("WWW-Authenticate", challenge)
	}
	if answer.DPoPNonce != "" {
		refusal.Meta().Set("DPoP-Nonce", answer.DPoPNonce)
	}
	if answer.RetryAfter > 0 {
		refusal.Meta().Set("Retry-After", strconv.FormatInt(int64(answer.RetryAfter/time.Second), 10))
	}
	return refusal
}

func codeOf(httpStatus int) connect.Code {
	switch httpStatus {
	case http.StatusBadRequest:
		return connect.CodeInvalidArgument
	case http.StatusUnauthorized:
		return connect.CodeUnauthenticated
	case http.StatusForbidden:
		return connect.CodePermissionDenied
	}
	return connect.CodeUnavailable
}
