package grpcauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// A stream ends with its token.
type stream struct {
	grpc.ServerStream
	ctx   context.Context // has the claims; ends with the call, and with token
	token context.Context // ends with the token only, because the call's deadline may hide that
	auth  *middleware.Middleware
}

// newStream returns ss with a context that ends with the token. The function that it
// returns frees what watches the token.
func newStream(ctx context.Context, ss grpc.ServerStream, auth *middleware.Middleware) (*stream, context.CancelFunc) {
	token, release := auth.UntilExpiry(context.WithoutCancel(ctx))
	free := func() {}
	if end, ok := token.Deadline(); ok {
		ctx, free = context.WithDeadlineCause(ctx, end, expired())
	}
	ctx, cancel := context.WithCancelCause(ctx)
	unlink := context.AfterFunc(token, func() { cancel(context.Cause(token)) })
	return &stream{ServerStream: ss, ctx: ctx, token: token, auth: auth}, func() {
		unlink()
		release()
		cancel(nil)
		free()
	}
}

func expired() *middleware.Error {
	return &middleware.Error{Status: http.StatusUnauthorized, Code: "invalid_token", Reason: claims.ErrExpired}
}

// Context returns the context with the claims.
func (s *stream) Context() context.Context { return s.ctx }

// ended returns the refusal if the token is not valid any more, and otherwise nil. It also
// asks the clock, because a timer is late after the machine has slept.
func (s *stream) ended() *refusal {
	if e, ok := errors.AsType[*middleware.Error](context.Cause(s.token)); ok {
		return newRefusal(s.auth, e)
	}
	if end, ok := s.token.Deadline(); ok && !time.Now().Before(end) {
		return newRefusal(s.auth, expired())
	}
	return nil
}

// SendMsg sends nothing once the token is not valid any more.
func (s *stream) SendMsg(m any) error {
	if end := s.ended(); end != nil {
		return end
	}
	return s.ServerStream.SendMsg(m)
}

// RecvMsg waits no longer than the token is valid. Only the end of the call interrupts the
// RecvMsg of gRPC, so a goroutine waits in it. The goroutine ends when the handler returns,
// at the latest. Until then it may write to m, which a caller must not use after an error.
func (s *stream) RecvMsg(m any) error {
	if _, found := claims.FromContext(s.ctx); !found {
		return s.ServerStream.RecvMsg(m)
	}
	if end := s.ended(); end != nil {
		return end
	}
	done := make(chan reception, 1)
	go func() {
		r := reception{panicked: true}
		defer func() {
			if r.panicked {
				r.value = recover() // to panic again in the handler's goroutine, for its recovery
			}
			done <- r
		}()
		r.err = s.ServerStream.RecvMsg(m)
		r.panicked = false
	}()
	select {
	case r := <-done:
		return r.result()
	case <-s.token.Done():
		if end := s.ended(); end != nil {
			return end
		}
		return s.token.Err() // the handler has returned
	}
}

// A reception is the result of a RecvMsg.
type reception struct {
	err      error
	panicked bool
	value    any
}

func (r reception) result() error {
	if r.panicked {
		panic(r.value)
	}
	return r.err
}
