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

// leeway is how long a stream outlives exp: what claims.Issuer.Leeway is by default. It
// keeps a token that was accepted in that time from ending its stream at once.
const leeway = 5 * time.Second

// errExpired is the cause of a context that ended with its token.
var errExpired = errors.New("grpcauth: the token of the stream has expired")

// A stream ends with its token.
type stream struct {
	grpc.ServerStream
	ctx  context.Context // has the claims, and the token's end as its deadline
	auth *middleware.Middleware
	end  time.Time // zero if there is none
}

// newStream returns ss with another context. The function that it returns frees the
// context's timer.
func newStream(ctx context.Context, ss grpc.ServerStream, auth *middleware.Middleware) (*stream, context.CancelFunc) {
	s, stop := &stream{ServerStream: ss, ctx: ctx, auth: auth}, func() {}
	if c, ok := claims.FromContext(ctx); ok && !c.ExpiresAt().IsZero() {
		s.end = c.ExpiresAt().Add(leeway)
		// An issuer's Leeway may be longer: what was accepted gets as long as any.
		if least := time.Now().Add(leeway); s.end.Before(least) {
			s.end = least
		}
		s.ctx, stop = context.WithDeadlineCause(ctx, s.end, errExpired)
	}
	return s, stop
}

// Context returns the context with the claims.
func (s *stream) Context() context.Context { return s.ctx }

// ended returns the refusal if the token has expired, and otherwise nil. The context
// alone does not tell: a caller may have set it a deadline that came first, and a handler
// may not care.
func (s *stream) ended() *refusal {
	expired := errors.Is(context.Cause(s.ctx), errExpired) || !s.end.IsZero() && !time.Now().Before(s.end)
	if !expired {
		return nil
	}
	return s.refusal()
}

func (s *stream) refusal() *refusal {
	return newRefusal(s.auth, &middleware.Error{
		Status: http.StatusUnauthorized, Code: "invalid_token", Reason: claims.ErrExpired, Err: errExpired,
	})
}

// SendMsg sends nothing once the token has expired.
func (s *stream) SendMsg(m any) error {
	if end := s.ended(); end != nil {
		return end
	}
	return s.ServerStream.SendMsg(m)
}

// RecvMsg waits no longer than the token is valid. Nothing but the end of the call
// interrupts the RecvMsg of gRPC, so that one waits in a goroutine of its own. It returns
// when the handler does, at the latest; until then it may write to m, which the caller
// leaves alone after an error.
func (s *stream) RecvMsg(m any) error {
	if s.end.IsZero() {
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
				r.value = recover() // for a recovery further out, which watches the caller only
			}
			done <- r
		}()
		r.err = s.ServerStream.RecvMsg(m)
		r.panicked = false
	}()
	timer := time.NewTimer(time.Until(s.end))
	defer timer.Stop()
	select {
	case r := <-done:
		return r.result()
	case <-timer.C:
		return s.refusal()
	}
}

// A reception is what became of a RecvMsg.
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
