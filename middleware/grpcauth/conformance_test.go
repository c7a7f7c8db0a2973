package grpcauth_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/grpcauth"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

const service = "middlewaretest.Conformance"

func rule(layer middlewaretest.Layer) grpcauth.Rule {
	switch {
	case layer.Optional:
		return grpcauth.Optional()
	case len(layer.Policies) == 0:
		return grpcauth.Authenticated()
	}
	return grpcauth.Require(layer.Policies...)
}

// layered returns the options of one ServerOptions for each depth of layers.
func layered(auth *middleware.Middleware, routes []middlewaretest.Route) []grpc.ServerOption {
	var options []grpc.ServerOption
	for depth, more := 0, true; more; depth++ {
		rules := make(grpcauth.Rules)
		more = false
		for _, route := range routes {
			rules[route.Path] = grpcauth.Public()
			if depth < len(route.Layers) {
				rules[route.Path] = rule(route.Layers[depth])
				more = true
			}
		}
		options = append(options, grpcauth.ServerOptions(auth, rules)...)
	}
	return options
}

func TestUnaryConformance(t *testing.T) {
	middlewaretest.RunCalls(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) middlewaretest.Call {
		server := grpc.NewServer(layered(auth, routes)...)
		description := grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil)}
		for _, route := range routes {
			description.Methods = append(description.Methods, grpc.MethodDesc{MethodName: route.Name, Handler: unary(route)})
		}
		server.RegisterService(&description, nil)
		client := dial(t, server)
		return func(route middlewaretest.Route, authorization, proofs []string) (middlewaretest.Answer, error) {
			var trailer metadata.MD
			answer := new(wrapperspb.StringValue)
			err := client.Invoke(withProofs(t.Context(), authorization, proofs), route.Path, new(emptypb.Empty), answer,
				grpc.Trailer(&trailer))
			return answerOf(answer.GetValue(), trailer, err)
		}
	})
}

func unary(route middlewaretest.Route) grpc.MethodHandler {
	handler := func(ctx context.Context, _ any) (any, error) {
		c, ok := claims.FromContext(ctx)
		return wrapperspb.String(route.Serve(ctx, c, ok)), nil
	}
	return func(srv any, ctx context.Context, decode func(any) error, i grpc.UnaryServerInterceptor) (any, error) {
		request := new(emptypb.Empty)
		if err := decode(request); err != nil {
			return nil, err
		}
		return i(ctx, request, &grpc.UnaryServerInfo{Server: srv, FullMethod: route.Path}, handler)
	}
}

func TestStreamConformance(t *testing.T) {
	middlewaretest.RunCalls(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) middlewaretest.Call {
		server := grpc.NewServer(layered(auth, routes)...)
		description := grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil)}
		for _, route := range routes {
			description.Streams = append(description.Streams,
				grpc.StreamDesc{StreamName: route.Name, Handler: streaming(route), ServerStreams: true, ClientStreams: true})
		}
		server.RegisterService(&description, nil)
		client := dial(t, server)
		return func(route middlewaretest.Route, authorization, proofs []string) (middlewaretest.Answer, error) {
			stream, err := client.NewStream(withProofs(t.Context(), authorization, proofs),
				&grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, route.Path)
			if err != nil {
				return middlewaretest.Answer{}, err
			}
			return exchange(stream)
		}
	})
}

func streaming(route middlewaretest.Route) grpc.StreamHandler {
	return func(_ any, stream grpc.ServerStream) error {
		if err := stream.RecvMsg(new(emptypb.Empty)); err != nil {
			return err
		}
		ctx := stream.Context()
		c, ok := claims.FromContext(ctx)
		return stream.SendMsg(wrapperspb.String(route.Serve(ctx, c, ok)))
	}
}

// exchange sends one message and receives until the stream ends.
func exchange(stream grpc.ClientStream) (middlewaretest.Answer, error) {
	if err := stream.SendMsg(new(emptypb.Empty)); err != nil && !errors.Is(err, io.EOF) {
		return middlewaretest.Answer{}, err // io.EOF: RecvMsg returns the reason
	}
	var text string
	for {
		answer := new(wrapperspb.StringValue)
		err := stream.RecvMsg(answer)
		switch {
		case errors.Is(err, io.EOF):
			return answerOf(text, stream.Trailer(), nil)
		case err != nil:
			return answerOf(text, stream.Trailer(), err)
		}
		text += answer.GetValue()
	}
}

// answerOf reads an answer as the documentation of the package describes it.
func answerOf(text string, trailer metadata.MD, err error) (middlewaretest.Answer, error) {
	answer := middlewaretest.Answer{Body: text, Status: map[codes.Code]int{
		codes.OK: 200, codes.InvalidArgument: 400, codes.Unauthenticated: 401,
		codes.PermissionDenied: 403, codes.Unavailable: 503,
	}[status.Code(err)]}
	if answer.Status == 0 {
		return answer, err
	}
	answer.Challenge = strings.Join(trailer["www-authenticate"], "\n")
	answer.DPoPNonce = strings.Join(trailer["dpop-nonce"], "\n")
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			answer.RetryAfter = retry.GetRetryDelay().AsDuration()
		}
	}
	return answer, nil
}
