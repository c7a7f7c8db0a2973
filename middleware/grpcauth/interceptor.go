package grpcauth

import (
	"context"

	"google.golang.org/grpc"

	"github.com/bearerguard/bearerguard/middleware"
)

// ServerOptions protects all methods of a server, unary ones and streams. It panics if a
// rule's name is not a full method name.
//
// Interceptors that are given to [grpc.NewServer] before these run outside of them, and
// those that are given after them run for admitted calls only. So do the interceptors
// of a second ServerOptions: what the first has verified is not verified again.
func ServerOptions(auth *middleware.Middleware, rules Rules) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(UnaryInterceptor(auth, rules)),
		grpc.ChainStreamInterceptor(StreamInterceptor(auth, rules)),
	}
}

// UnaryInterceptor protects unary methods, and these alone: a server that does not have
// the [StreamInterceptor] as well leaves its streams open to everybody. Most programs
// use [ServerOptions].
func UnaryInterceptor(auth *middleware.Middleware, rules Rules) grpc.UnaryServerInterceptor {
	gates := newGates(auth, rules)
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		allowed, refused := gates.admit(ctx, info.FullMethod)
		if refused != nil {
			_ = grpc.SetTrailer(ctx, refused.metadata) // fails where there is no transport to tell
			return nil, refused
		}
		return handler(allowed, req)
	}
}

// StreamInterceptor protects streams, and these alone; see [UnaryInterceptor].
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
