package grpcauth

import (
	"net/http"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/bearerguard/bearerguard/middleware"
)

// A refusal is an error of the Middleware in terms of gRPC. Its text is sent; its cause is
// for outer interceptors.
type refusal struct {
	status *status.Status
	// metadata is for the trailer of a call that has no answer yet. gRPC then sends both in
	// one header section (Trailers-Only).
	metadata metadata.MD
	cause    error
}

func (r *refusal) Error() string              { return r.status.String() }
func (r *refusal) GRPCStatus() *status.Status { return r.status }
func (r *refusal) Unwrap() error              { return r.cause }

// newRefusal returns the Middleware's answer to err in terms of gRPC.
func newRefusal(auth *middleware.Middleware, err error) *refusal {
	answer := auth.Answer(err)
	r := &refusal{status: status.New(codeOf(answer.Status), answer.Description), cause: err}
	if len(answer.Challenges) > 0 {
		r.metadata = metadata.MD{"www-authenticate": answer.Challenges}
	}
	if answer.DPoPNonce != "" {
		r.metadata.Set("dpop-nonce", answer.DPoPNonce)
	}
	if answer.RetryAfter > 0 {
		r.status = withRetryInfo(r.status, answer.RetryAfter)
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
