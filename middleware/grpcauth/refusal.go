package grpcauth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bearerguard/bearerguard/middleware"
)

// A refusal is an error of the Middleware in terms of gRPC. Its text is what is sent; its
// cause is for outer interceptors.
type refusal struct {
	status *status.Status
	// metadata is for the trailer of a call that has had no answer yet: gRPC sends both in
	// one header section then (Trailers-Only).
	metadata metadata.MD
	cause    error
}

func (r *refusal) Error() string              { return r.status.String() }
func (r *refusal) GRPCStatus() *status.Status { return r.status }
func (r *refusal) Unwrap() error              { return r.cause }

// newRefusal has the Middleware write its answer for HTTP, and translates it.
func newRefusal(auth *middleware.Middleware, err error) *refusal {
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
	r := &refusal{
		status: status.New(codeOf(w.status), cmp.Or(text.Description, text.Detail, text.Title)),
		cause:  err,
	}
	if challenge := w.header.Get("WWW-Authenticate"); challenge != "" {
		r.metadata = metadata.Pairs("www-authenticate", challenge)
	}
	if seconds, err := strconv.Atoi(w.header.Get("Retry-After")); err == nil {
		r.status = withRetryInfo(r.status, time.Duration(seconds)*time.Second)
	}
	return r
}

func withRetryInfo(s *status.Status, delay time.Duration) *status.Status {
	detailed, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	if err != nil {
		return s // cannot happen: the message can be marshalled
	}
	return detailed
}

func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	}
	return codes.Unavailable
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
