package connectauth

import (
	"context"

	"connectrpc.com/connect"

	"github.com/bearerguard/bearerguard/middleware"
)

// HandlerOption protects all procedures of the handlers that are made with it. It panics if
// a rule's name is not a full procedure name. An option for several services must have the
// rules of all of them.
//
// All interceptors run only for admitted calls. For streams, interceptors of options before
// this one run around it, and those of options after it within it. A second HandlerOption
// does not verify the token again.
func HandlerOption(auth *middleware.Middleware, rules Rules) connect.HandlerOption {
	gates := newGates(auth, rules)
	return connect.WithHandlerOptions(
		connect.WithRequestGate(gates.admit),
		connect.WithInterceptors(&interceptor{gates: gates}),
	)
}

// An interceptor does what remains to be done for an admitted call.
type interceptor struct{ gates *gates }

// WrapUnary adds the field of the token to the Vary field of optional procedures (RFC 9110
// section 12.5.5). Otherwise a cache may give the answer for one caller to another.
func (i *interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		if i.gates.rule(request.Spec().Procedure).kind == optional {
			if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
				call.ResponseHeader().Add("Vary", i.gates.tokenField)
			}
		}
		return next(ctx, request)
	}
}

// WrapStreamingClient does nothing, because a handler option has no clients.
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
