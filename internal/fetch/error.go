package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An Error is a request without a usable answer. Its text is safe for logs: it holds
// nothing of the answer's body.
type Error struct {
	What       string // from the Request
	Problem    string
	Cause      error         // can be nil, and can quote another machine: see Error
	Status     int           // of the answer; 0 if there was none
	RetryAfter time.Duration // of the answer; 0 if it has none
	Retry      bool          // a second attempt can help
}

// Error cuts the text of the cause, in which net/http quotes what the server sent.
func (e *Error) Error() string {
	text := e.What + ": " + e.Problem
	if e.Cause != nil {
		text += ": " + Printable(e.Cause.Error(), 200)
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Refused reports whether the server refused the request, although the document can exist. It is
// so for each 4xx but those that Gone and Retry speak of. A firewall answers so to a header field
// that it does not like.
func (e *Error) Refused() bool {
	return e.Status >= 400 && e.Status < 500 && !e.Gone() && !e.Retry && e.Status != http.StatusUnauthorized
}

// Gone reports whether the server said that there is nothing at the address.
func (e *Error) Gone() bool {
	return e.Status == http.StatusNotFound || e.Status == http.StatusGone
}

// Answered reports whether err is the answer of a server, of whatever status.
func Answered(err error) bool {
	var failure *Error
	return errors.As(err, &failure) && failure.Status != 0
}

// Printable returns at most limit bytes of text, with everything but printable ASCII
// replaced by "?".
func Printable(text string, limit int) string {
	cut := ""
	if len(text) > limit {
		text, cut = text[:limit], "..."
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text) + cut
}

// transferError drops the URL that net/http puts in front, because the URL can come from
// an issuer's document.
func transferError(ctx context.Context, what string, err error) *Error {
	var prefixed *url.Error
	if errors.As(err, &prefixed) {
		err = prefixed.Err
	}
	if ctx.Err() != nil {
		return &Error{What: what, Problem: "no complete answer in time", Cause: ctx.Err()}
	}
	var certificate *tls.CertificateVerificationError
	final := errors.As(err, &certificate) || errors.Is(err, ErrNotPublic)
	return &Error{What: what, Problem: "no answer", Cause: err, Retry: !final}
}

func statusError(what string, res *http.Response) *Error {
	e := &Error{
		What:       what,
		Problem:    fmt.Sprintf("status %d", res.StatusCode),
		Status:     res.StatusCode,
		RetryAfter: retryAfter(res.Header, time.Now()),
	}
	switch {
	case e.Status >= 500, e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests:
		e.Retry = true
	case e.Status == http.StatusNotModified:
		e.Problem += ", although there was no condition"
	}
	return e
}
