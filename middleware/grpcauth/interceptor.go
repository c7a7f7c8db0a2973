package grpcauth

import (
	"context"

	"google.golang.org/grpc"

	"github.com/bearerguard/bearerguard/middleware"
)

// ServerOptions protects all methods of a server, unary ones and streams. It panics if a
// rule's name is not a full method name, or if Config.TokenField ends with "-Bin".
//
// Interceptors given to [grpc.NewServer] before these options run for every call, and
// interceptors given after them only for admitted calls. The options of a second
// ServerOptions do not verify the token again.
func ServerOptions(auth *middleware.Middleware, rules Rules) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(UnaryInterceptor(auth, rules)),
		grpc.ChainStreamInterceptor(StreamInterceptor(auth, rules)),
	}
}

// UnaryInterceptor protects only unary methods. Without the [StreamInterceptor], the
// streams of the server are open to every caller. Most programs use [ServerOptions].
func UnaryInterceptor(auth *middleware.Middleware, rules Rules) grpc.UnaryServerInterceptor {
	gates := newGates(auth, rules)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		allowed, refused := gates.admit(ctx, info.FullMethod)
		if refused != nil {
			_ = grpc.SetTrailer(ctx, refused.metadata) // fails if there is no transport
			return nil, refused
		}
		return handler(allowed, req)
	}
}

// StreamInterceptor protects only streams; see [UnaryInterceptor].
func StreamInterceptor(auth *middleware.Middleware, rules Rules) grpc.StreamServerInterceptor {
	gates := newGates(auth, rules)
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		allowed, refused := gates.admit(ss.Context(), info.FullMethod)
		if refused != nil {
			ss.SetTrailer(refused.metadata)
			return refused
		}
		s, stop := newStream(allowed, ss, auth)
		defer stop()
		err := handler(srv, s)
		if end := s.ended(); end != nil {
			return end // without the challenge, which RFC 9110 section 6.5.1 does not allow in a trailer
		}
		return err
	}
}
