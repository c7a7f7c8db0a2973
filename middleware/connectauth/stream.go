package connectauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// A stream ends with its token.
type stream struct {
	connect.StreamingHandlerConn
	ctx  context.Context // has the claims, and the token's end as its deadline
	auth *middleware.Middleware
	end  time.Time // zero if there is none
}

// newStream returns conn with a context that ends with the token. The function that it
// returns frees the context's timer.
func newStream(ctx context.Context, conn connect.StreamingHandlerConn, auth *middleware.Middleware) (*stream, context.CancelFunc) {
	// Without the caller's deadline, which may come first and hide when the token ends.
	token, release := auth.UntilExpiry(context.WithoutCancel(ctx))
	end, _ := token.Deadline()
	release()
	ctx, stop := auth.UntilExpiry(ctx)
	return &stream{StreamingHandlerConn: conn, ctx: ctx, auth: auth, end: end}, stop
}

// ended returns the refusal if the token has expired, and otherwise nil. It also asks the
// clock, because the context may have ended earlier, at the caller's deadline.
func (s *stream) ended() error {
	expired := errors.Is(context.Cause(s.ctx), claims.ErrExpired) || !s.end.IsZero() && !time.Now().Before(s.end)
	if !expired {
		return nil
	}
	return s.refusal()
}

func (s *stream) refusal() error {
	return newRefusal(s.auth, &middleware.Error{
		Status: http.StatusUnauthorized, Code: "invalid_token", Reason: claims.ErrExpired,
	})
}

// Send sends nothing once the token has expired.
func (s *stream) Send(m any) error {
	if end := s.ended(); end != nil {
		return end
	}
	return s.StreamingHandlerConn.Send(m)
}

// Receive waits no longer than the token is valid. Only the end of the call interrupts the
// Receive of Connect, so a goroutine waits in it. The goroutine ends soon after the handler
// has returned. Until then it may write to m, which a caller must not use after an error.
func (s *stream) Receive(m any) error {
	if s.end.IsZero() {
		return s.StreamingHandlerConn.Receive(m)
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
		r.err = s.StreamingHandlerConn.Receive(m)
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

// A reception is the result of a Receive.
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
