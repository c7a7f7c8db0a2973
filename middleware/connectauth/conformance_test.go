package connectauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/connectauth"
	"github.com/bearerguard/bearerguard/middleware/middlewaretest"
)

func rule(layer middlewaretest.Layer) connectauth.Rule {
	switch {
	case layer.Optional:
		return connectauth.Optional()
	case len(layer.Policies) == 0:
		return connectauth.Authenticated()
	}
	return connectauth.Require(layer.Policies...)
}

// layered returns an option for each layer of the route.
func layered(auth *middleware.Middleware, route middlewaretest.Route) connect.HandlerOption {
	var options []connect.HandlerOption
	for _, layer := range route.Layers {
		rules := connectauth.Rules{route.Path: rule(layer)}
		options = append(options, connectauth.HandlerOption(auth, rules))
	}
	return connect.WithHandlerOptions(options...)
}

type (
	request  = connect.Request[emptypb.Empty]
	response = connect.Response[wrapperspb.StringValue]
)

func TestUnaryConformance(t *testing.T) {
	for protocol, options := range protocols {
		t.Run(protocol, func(t *testing.T) {
			middlewaretest.RunCalls(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) middlewaretest.Call {
				mux := http.NewServeMux()
				for _, route := range routes {
					mux.Handle(route.Path, connect.NewUnaryHandler(route.Path, unary(route), layered(auth, route)))
				}
				client := serve(t, mux)
				return func(route middlewaretest.Route, authorization, proofs []string) (middlewaretest.Answer, error) {
					caller := connect.NewClient[emptypb.Empty, wrapperspb.StringValue](client, baseURL+route.Path, options...)
					call := connect.NewRequest(new(emptypb.Empty))
					call.Header()["Authorization"], call.Header()["Dpop"] = authorization, proofs
					answer, err := caller.CallUnary(t.Context(), call)
					if err != nil {
						return refusal(err, protocol)
					}
					return middlewaretest.Answer{
						Status: http.StatusOK, Body: answer.Msg.GetValue(),
						Challenge: answer.Header().Get("WWW-Authenticate") + answer.Trailer().Get("WWW-Authenticate"),
					}, nil
				}
			})
		})
	}
}

func unary(route middlewaretest.Route) func(context.Context, *request) (*response, error) {
	return func(ctx context.Context, _ *request) (*response, error) {
		c, ok := claims.FromContext(ctx)
		return connect.NewResponse(wrapperspb.String(route.Serve(ctx, c, ok))), nil
	}
}

func TestStreamConformance(t *testing.T) {
	for protocol, options := range protocols {
		t.Run(protocol, func(t *testing.T) {
			middlewaretest.RunCalls(t, func(auth *middleware.Middleware, routes []middlewaretest.Route) middlewaretest.Call {
				mux := http.NewServeMux()
				for _, route := range routes {
					mux.Handle(route.Path, connect.NewBidiStreamHandler(route.Path, streaming(route), layered(auth, route)))
				}
				client := serve(t, mux)
				return func(route middlewaretest.Route, authorization, proofs []string) (middlewaretest.Answer, error) {
					caller := connect.NewClient[emptypb.Empty, wrapperspb.StringValue](client, baseURL+route.Path, options...)
					stream := caller.CallBidiStream(t.Context())
					stream.RequestHeader()["Authorization"], stream.RequestHeader()["Dpop"] = authorization, proofs
					return exchange(stream, protocol)
				}
			})
		})
	}
}

func streaming(route middlewaretest.Route) func(context.Context, *connect.BidiStream[emptypb.Empty, wrapperspb.StringValue]) error {
	return func(ctx context.Context, stream *connect.BidiStream[emptypb.Empty, wrapperspb.StringValue]) error {
		if _, err := stream.Receive(); err != nil {
			return err
		}
		c, ok := claims.FromContext(ctx)
		return stream.Send(wrapperspb.String(route.Serve(ctx, c, ok)))
	}
}

// exchange sends one message and receives until the stream ends.
func exchange(
	stream *connect.BidiStreamForClient[emptypb.Empty, wrapperspb.StringValue], protocol string,
) (middlewaretest.Answer, error) {
	defer func() { _ = stream.CloseResponse() }()
	if err := stream.Send(new(emptypb.Empty)); err != nil && !errors.Is(err, io.EOF) {
		return middlewaretest.Answer{}, err // io.EOF: Receive returns the reason
	}
	var text string
	for {
		message, err := stream.Receive()
		switch {
		case errors.Is(err, io.EOF):
			challenge := stream.ResponseHeader().Get("WWW-Authenticate") + stream.ResponseTrailer().Get("WWW-Authenticate")
			return middlewaretest.Answer{Status: http.StatusOK, Body: text, Challenge: challenge}, nil
		case err != nil:
			return refusal(err, protocol)
		}
		text += message.GetValue()
	}
}

// refusal reads an answer as the documentation of the package describes it.
func refusal(err error, protocol string) (middlewaretest.Answer, error) {
	status := map[connect.Code]int{
		connect.CodeInvalidArgument: 400, connect.CodeUnauthenticated: 401,
		connect.CodePermissionDenied: 403, connect.CodeUnavailable: 503,
	}[connect.CodeOf(err)]
	var e *connect.Error
	if status == 0 || !errors.As(err, &e) {
		return middlewaretest.Answer{}, err
	}
	seconds, _ := strconv.Atoi(e.Meta().Get("Retry-After")) // 0 without one
	return middlewaretest.Answer{
		Status: status, Challenge: strings.Join(e.Meta().Values("WWW-Authenticate"), "\n"),
		DPoPNonce:   e.Meta().Get("DPoP-Nonce"),
		NoChallenge: protocol == "gRPC", RetryAfter: time.Duration(seconds) * time.Second,
	}, nil
}
