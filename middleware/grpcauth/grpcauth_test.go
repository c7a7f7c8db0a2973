package grpcauth_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/grpcauth"
)

// A testService counts its calls. It implements a generated service.
type testService struct {
	grpc_testing.UnimplementedTestServiceServer
	calls int
}

func (s *testService) EmptyCall(context.Context, *grpc_testing.Empty) (*grpc_testing.Empty, error) {
	s.calls++
	return new(grpc_testing.Empty), nil
}

func (s *testService) FullDuplexCall(grpc.BidiStreamingServer[grpc_testing.StreamingOutputCallRequest, grpc_testing.StreamingOutputCallResponse]) error {
	s.calls++
	return nil
}

// callBoth calls a unary method and a stream, and returns their codes.
func callBoth(ctx context.Context, t testing.TB, server *grpc.Server) (unary, stream codes.Code) {
	t.Helper()
	client := grpc_testing.NewTestServiceClient(dial(t, server))
	_, err := client.EmptyCall(ctx, new(grpc_testing.Empty))
	duplex, streamErr := client.FullDuplexCall(ctx)
	require.NoError(t, streamErr)
	return status.Code(err), status.Code(drain(duplex))
}

func TestUnlistedMethodsAreDenied(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer)
	for name, rules := range map[string]grpcauth.Rules{
		"no rules": nil,
		"rules for other methods": {
			"/grpc.testing.TestService/UnaryCall": grpcauth.Public(),
			"/grpc.testing.TestService/emptyCall": grpcauth.Public(),
		},
		"zero rules": {
			"/grpc.testing.TestService/EmptyCall": {}, "/grpc.testing.TestService/FullDuplexCall": {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			service := new(testService)
			server := grpc.NewServer(grpcauth.ServerOptions(auth, rules)...)
			grpc_testing.RegisterTestServiceServer(server, service)

			unary, stream := callBoth(with(t.Context(), "Bearer "+issuer.Token(nil)), t, server)
			assert.Equal(t, []codes.Code{codes.PermissionDenied, codes.PermissionDenied}, []codes.Code{unary, stream})
			assert.Zero(t, service.calls)
		})
	}
}

// A caller without a token does not learn which methods have rules.
func TestUnlistedMethodsDemandATokenFirst(t *testing.T) {
	server := grpc.NewServer(grpcauth.ServerOptions(newAuth(t, jwkstest.NewIssuer(jwkstest.Config{})), nil)...)
	grpc_testing.RegisterTestServiceServer(server, new(testService))
	unary, stream := callBoth(t.Context(), t, server)
	assert.Equal(t, []codes.Code{codes.Unauthenticated, codes.Unauthenticated}, []codes.Code{unary, stream})
}

func TestUnknownMethodsAreDeniedBeforeAProxySeesThem(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	options := append(grpcauth.ServerOptions(newAuth(t, issuer), nil),
		grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
			t.Error("the handler ran after a refusal")
			return nil
		}))
	unary, stream := callBoth(with(t.Context(), "Bearer "+issuer.Token(nil)), t, grpc.NewServer(options...))
	assert.Equal(t, []codes.Code{codes.PermissionDenied, codes.PermissionDenied}, []codes.Code{unary, stream})
}

// A health check carries no token, and must pass with an invalid one.
func TestPublicMethodsIgnoreTokens(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}))
	service := new(testService)
	server := grpc.NewServer(grpcauth.ServerOptions(auth, grpcauth.Rules{
		"/grpc.testing.TestService/EmptyCall":      grpcauth.Public(),
		"/grpc.testing.TestService/FullDuplexCall": grpcauth.Public(),
	})...)
	grpc_testing.RegisterTestServiceServer(server, service)
	unary, stream := callBoth(with(t.Context(), "Bearer forged", "Bearer twice"), t, server)
	assert.Equal(t, []codes.Code{codes.OK, codes.OK}, []codes.Code{unary, stream})
	assert.Equal(t, 2, service.calls)
}

// Claims that an outer interceptor has put into the context do not reach the handler.
func TestOptionalMasksTheClaimsOfOthers(t *testing.T) {
	intercept := grpcauth.UnaryInterceptor(newAuth(t, jwkstest.NewIssuer(jwkstest.Config{})), grpcauth.Rules{"/a.B/C": grpcauth.Optional()})
	ctx := claims.NewContext(t.Context(), new(claims.Claims))
	found, err := intercept(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/a.B/C"}, func(ctx context.Context, _ any) (any, error) {
		_, ok := claims.FromContext(ctx)
		return ok, nil
	})
	require.NoError(t, err)
	assert.Equal(t, false, found)
}

// The Middleware's error is for logs and metrics. Its text is not sent.
func TestOuterInterceptorsSeeTheError(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	var seen []error
	outer := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			answer, err := next(ctx, req)
			seen = append(seen, err)
			return answer, err
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			err := next(srv, ss)
			seen = append(seen, err)
			return err
		}),
	}
	secretive := grpcauth.Require(middleware.PolicyFunc(func(context.Context, *claims.Claims) error {
		return errors.New("secret of the policy")
	}))
	server := grpc.NewServer(append(outer, grpcauth.ServerOptions(newAuth(t, issuer), grpcauth.Rules{
		"/grpc.testing.TestService/EmptyCall":      secretive,
		"/grpc.testing.TestService/FullDuplexCall": secretive,
	})...)...)
	grpc_testing.RegisterTestServiceServer(server, new(testService))
	callBoth(with(t.Context(), "Bearer "+issuer.Token(nil)), t, server)
	require.Len(t, seen, 2)
	for _, err := range seen {
		var refusal *middleware.Error
		require.ErrorAs(t, err, &refusal)
		assert.Equal(t, claims.ErrForbidden, refusal.Reason)
		assert.ErrorContains(t, refusal, "secret of the policy")
		assert.NotContains(t, err.Error(), "secret")
		assert.Equal(t, "The request requires higher privileges than the access token provides", status.Convert(err).Message())
	}
}

func TestUnaryInterceptorWithoutATransport(t *testing.T) {
	intercept := grpcauth.UnaryInterceptor(newAuth(t, jwkstest.NewIssuer(jwkstest.Config{})), nil)
	_, err := intercept(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/a.B/C"}, nil)
	assert.Equal(t, codes.Unauthenticated, status.Code(err))
	assert.Equal(t, "The request has no bearer token in its Authorization header", status.Convert(err).Message())
}

func TestMistakesPanicAtSetUp(t *testing.T) {
	auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}))
	for _, method := range []string{"", "/", "a.B/C", "/a.B", "/a.B/", "//C", "/a.B/C/D", "a.B.C"} {
		assert.Panics(t, func() { grpcauth.ServerOptions(auth, grpcauth.Rules{method: grpcauth.Public()}) }, method)
	}
	assert.Panics(t, func() { grpcauth.Require() })
	assert.Panics(t, func() { grpcauth.ServerOptions(nil, nil) })
}

func TestRulesAreCopied(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	rules := grpcauth.Rules{}
	options := grpcauth.ServerOptions(newAuth(t, issuer), rules)
	rules["/grpc.testing.TestService/EmptyCall"] = grpcauth.Public()
	rules["/grpc.testing.TestService/FullDuplexCall"] = grpcauth.Public()
	server := grpc.NewServer(options...)
	grpc_testing.RegisterTestServiceServer(server, new(testService))
	unary, stream := callBoth(t.Context(), t, server)
	assert.Equal(t, []codes.Code{codes.Unauthenticated, codes.Unauthenticated}, []codes.Code{unary, stream})
}
