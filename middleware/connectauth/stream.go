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

// leeway is how long a stream outlives exp: what claims.Issuer.Leeway is by default. It
// keeps a token that was accepted in that time from ending its stream at once.
const leeway = 5 * time.Second

// errExpired is the cause of a context that ended with its token.
var errExpired = errors.New("connectauth: the token of the stream has expired")

// A stream ends with its token.
type stream struct {
	connect.StreamingHandlerConn
	ctx  context.Context // has the claims, and the token's end as its deadline
	auth *middleware.Middleware
	end  time.Time // zero if there is none
}

// newStream returns conn with another context. The function that it returns frees the
// context's timer.
func newStream(ctx context.Context, conn connect.StreamingHandlerConn, auth *middleware.Middleware) (*stream, context.CancelFunc) {
	s, stop := &stream{StreamingHandlerConn: conn, ctx: ctx, auth: auth}, func() {}
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

// ended returns the refusal if the token has expired, and otherwise nil. The context
// alone does not tell: a caller may have set it a deadline that came first, and a handler
// may not care.
func (s *stream) ended() error {
	expired := errors.Is(context.Cause(s.ctx), errExpired) || !s.end.IsZero() && !time.Now().Before(s.end)
	if !expired {
		return nil
	}
	return s.refusal()
}

func (s *stream) refusal() error {
	return newRefusal(s.auth, &middleware.Error{
		Status: http.StatusUnauthorized, Code: "invalid_token", Reason: claims.ErrExpired, Err: errExpired,
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
