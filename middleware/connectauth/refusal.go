package connectauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"

	"connectrpc.com/connect"

	"github.com/bearerguard/bearerguard/middleware"
)

// A cause is an error of the Middleware whose text is fit for callers: Connect sends it.
type cause struct {
	text string
	err  error
}

func (c *cause) Error() string { return c.text }
func (c *cause) Unwrap() error { return c.err }

// newRefusal has the Middleware write its answer for HTTP, and translates it.
func newRefusal(auth *middleware.Middleware, err error) *connect.Error {
	w := &answer{header: make(http.Header)}
	auth.WriteError(w, new(http.Request), err)
	var text struct {
		Title       string `json:"title"`
		Detail      string `json:"detail"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(w.body.Bytes(), &text) != nil {
		text.Title = http.StatusText(w.status) // cannot happen: a problem document
	}
	message := cmp.Or(text.Description, text.Detail, text.Title)
	refusal := connect.NewError(codeOf(w.status), &cause{text: message, err: err})
	for _, name := range []string{"WWW-Authenticate", "Retry-After", "Cache-Control"} {
		if value := w.header.Get(name); value != "" {
			refusal.Meta().Set(name, value)
		}
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

// An answer is a writer that keeps what is written.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
