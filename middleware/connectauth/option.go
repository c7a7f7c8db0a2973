package connectauth

import (
	"context"

	"connectrpc.com/connect"

	"github.com/bearerguard/bearerguard/middleware"
)

// HandlerOption protects all procedures of the handlers that are made with it. It panics
// if a rule's name is not a full procedure name. An option for several services has the
// rules of all of them.
//
// Interceptors of options after it run within its streams, and those of options before it
// around them; all of them run for admitted calls only. With several of these options,
// what the first has verified is not verified again.
func HandlerOption(auth *middleware.Middleware, rules Rules) connect.HandlerOption {
	gates := newGates(auth, rules)
	return connect.WithHandlerOptions(
		connect.WithRequestGate(gates.admit),
		connect.WithInterceptors(&interceptor{gates: gates}),
	)
}

// An interceptor does what has to be done after a call was admitted.
type interceptor struct{ gates *gates }

// WrapUnary adds Authorization to the Vary field where what anybody gets is not what a
// token gets, so that a cache does not mix them up (RFC 9110 section 12.5.5).
func (i *interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		if i.gates.rule(request.Spec().Procedure).kind == optional {
			if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
				call.ResponseHeader().Add("Vary", "Authorization")
			}
		}
		return next(ctx, request)
	}
}

// WrapStreamingClient does nothing: there are no clients with a handler option.
func (i *interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler ends streams with their token.
func (i *interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		s, stop := newStream(ctx, conn, i.gates.auth)
		defer stop()
		err := next(s.ctx, s)
		if end := s.ended(); end != nil {
			return end
		}
		return err
	}
}
