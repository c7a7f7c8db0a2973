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
	// A deadline of the caller may come first, and hide when the token ends.
	token, release := auth.UntilExpiry(context.WithoutCancel(ctx))
	end, _ := token.Deadline()
	release()
	ctx, stop := auth.UntilExpiry(ctx)
	return &stream{StreamingHandlerConn: conn, ctx: ctx, auth: auth, end: end}, stop
}

// ended returns the refusal if the token has expired, and otherwise nil. The context
// alone does not tell: a caller may have set it a deadline that came first, and a handler
// may not care.
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

// Receive waits no longer than the token is valid. Nothing but the end of the call
// interrupts the Receive of Connect, so that one waits in a goroutine of its own. It
// returns soon after the handler has; until then it may write to m, which the caller
// leaves alone after an error.
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
				r.value = recover() // for a recovery further out, which watches the caller only
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

// A reception is what became of a Receive.
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
