package grpcauth_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/grpcauth"
)

const streamMethod = "/test.Streams/Stream"

// newStreams serves one method in both directions, and returns a function that calls it
// with a token.
func newStreams(
	t testing.TB, auth *middleware.Middleware, rule grpcauth.Rule, handler func(grpc.ServerStream) error, options ...grpc.ServerOption,
) func(ctx context.Context, token string) grpc.ClientStream {
	t.Helper()
	options = append(options, grpcauth.ServerOptions(auth, grpcauth.Rules{streamMethod: rule})...)
	server := grpc.NewServer(options...)
	description := grpc.StreamDesc{
		StreamName: "Stream", ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, stream grpc.ServerStream) error { return handler(stream) },
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Streams", HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{description},
	}, nil)
	client := dial(t, server)
	return func(ctx context.Context, token string) grpc.ClientStream {
		stream, err := client.NewStream(with(ctx, "Bearer "+token), &description, streamMethod)
		require.NoError(t, err)
		return stream
	}
}

// forAMinute returns a valid token that expires in a minute.
func forAMinute(issuer *jwkstest.Issuer) string {
	return issuer.Token(map[string]any{"exp": time.Now().Add(time.Minute).Unix()})
}

// handlers differ in what they do when their stream ends, and in what they return.
var handlers = map[string]func(grpc.ServerStream) error{
	"receives": func(s grpc.ServerStream) error { return s.RecvMsg(new(emptypb.Empty)) },
	"receives, and returns no error": func(s grpc.ServerStream) error {
		_ = s.RecvMsg(new(emptypb.Empty))
		return nil
	},
	"sends": func(s grpc.ServerStream) error {
		for {
			if err := s.SendMsg(new(emptypb.Empty)); err != nil {
				return err
			}
			time.Sleep(time.Second)
		}
	},
	"waits for its context": func(s grpc.ServerStream) error {
		<-s.Context().Done()
		return s.Context().Err()
	},
	"waits, and returns no error": func(s grpc.ServerStream) error {
		<-s.Context().Done()
		return nil
	},
	"waits, and returns another error": func(s grpc.ServerStream) error {
		<-s.Context().Done()
		return status.Error(codes.NotFound, "gone")
	},
}

func TestStreamsEndWithTheirToken(t *testing.T) {
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				open := newStreams(t, newAuth(t, issuer), grpcauth.Authenticated(), handler)
				began := time.Now()
				stream := open(t.Context(), forAMinute(issuer))
				err := drain(stream)
				assert.GreaterOrEqual(t, time.Since(began), 65*time.Second, "exp and the leeway")
				assert.LessOrEqual(t, time.Since(began), 66*time.Second, "until a handler notices")
				assert.Equal(t, codes.Unauthenticated, status.Code(err))
				assert.Equal(t, "The access token expired", status.Convert(err).Message())
				assert.Empty(t, stream.Trailer()["www-authenticate"], "RFC 9110 section 6.5.1")
			})
		})
	}
}

// A stream is checked again every 24 to 30 seconds, whether messages pass or not.
func TestC2StreamsEndWhenTheirTokenIsWithdrawn(t *testing.T) {
	for rule, tt := range map[string]struct {
		withdraw func(b *withdrawable)
		within   time.Duration
		code     codes.Code
		message  string
	}{
		"key blocked":   {func(b *withdrawable) { b.keys.Block(b.issuer.SigningKey().ID) }, 31 * time.Second, codes.Unauthenticated, "The access token is signed with an unknown key"},
		"revoked":       {func(b *withdrawable) { b.refuse(claims.ErrRevoked) }, 31 * time.Second, codes.Unauthenticated, "The access token was revoked"},
		"forbidden":     {func(b *withdrawable) { b.refuse(claims.ErrForbidden) }, 31 * time.Second, codes.PermissionDenied, "The request requires higher privileges than the access token provides"},
		"a long outage": {func(b *withdrawable) { b.refuse(claims.ErrUnavailable) }, 2*time.Minute + time.Second, codes.Unavailable, "The access token cannot be verified at the moment"},
	} {
		for name, handler := range handlers {
			t.Run(rule+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newWithdrawable(t)
					open := newStreams(t, b.auth, grpcauth.Authenticated(), handler)
					stream := open(t.Context(), b.issuer.Token(nil))
					time.Sleep(10 * time.Minute)
					tt.withdraw(b)
					began := time.Now()
					err := drain(stream)
					assert.LessOrEqual(t, time.Since(began), tt.within)
					assert.Equal(t, tt.code, status.Code(err))
					assert.Equal(t, tt.message, status.Convert(err).Message())
					time.Sleep(6 * time.Second) // a fetch that may be under way ends
				})
			})
		}
	}
}

// A stream ends when a new call with its token would be refused.
func TestStreamsEndWithTheLeewayOfTheirIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		patient := func(c *middleware.Config) {
			c.Issuers = []claims.Issuer{{URL: c.Issuer, Audiences: c.Audiences, Leeway: time.Minute}}
			c.Issuer, c.Audiences = "", nil
		}
		open := newStreams(t, newAuth(t, issuer, patient), grpcauth.Authenticated(), handlers["receives"])
		began := time.Now()
		err := drain(open(t.Context(), forAMinute(issuer)))
		assert.Equal(t, 2*time.Minute, time.Since(began))
		assert.Equal(t, codes.Unauthenticated, status.Code(err))
	})
}

// drain receives until the stream ends, and returns its error, or nil.
func drain(stream grpc.ClientStream) error {
	for {
		err := stream.RecvMsg(new(emptypb.Empty))
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func TestNoMessagePassesAfterTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		var sent, received error
		open := newStreams(t, newAuth(t, issuer), grpcauth.Authenticated(), func(s grpc.ServerStream) error {
			time.Sleep(2 * time.Minute) // ignores its context
			sent, received = s.SendMsg(new(emptypb.Empty)), s.RecvMsg(new(emptypb.Empty))
			return nil
		})
		stream := open(t.Context(), forAMinute(issuer))
		require.NoError(t, stream.SendMsg(new(emptypb.Empty)))
		assert.Equal(t, codes.Unauthenticated, status.Code(drain(stream)))
		assert.Equal(t, codes.Unauthenticated, status.Code(sent))
		assert.Equal(t, codes.Unauthenticated, status.Code(received))
		assert.ErrorIs(t, received, claims.ErrExpired)
	})
}

func TestStreamsWithinTheirTokenAreLeftAlone(t *testing.T) {
	answer := status.Error(codes.NotFound, "no such timesheet")
	for name, tt := range map[string]struct {
		handler func(grpc.ServerStream) error
		want    codes.Code
	}{
		"without an error": {func(s grpc.ServerStream) error { time.Sleep(time.Minute); return nil }, codes.OK},
		"with an error":    {func(s grpc.ServerStream) error { time.Sleep(time.Minute); return answer }, codes.NotFound},
		"end of messages":  {func(s grpc.ServerStream) error { return eof(s.RecvMsg(new(emptypb.Empty))) }, codes.OK},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				open := newStreams(t, newAuth(t, issuer), grpcauth.Authenticated(), tt.handler)
				stream := open(t.Context(), forAMinute(issuer))
				require.NoError(t, stream.CloseSend())
				assert.Equal(t, tt.want, status.Code(drain(stream)))
				assert.Empty(t, stream.Trailer()["www-authenticate"])
			})
		})
	}
}

func eof(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// A stream that its caller ends does not end because of its token.
func TestCallersEndTheirStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		seen := make(chan error, 1)
		open := newStreams(t, newAuth(t, issuer), grpcauth.Authenticated(), func(s grpc.ServerStream) error {
			err := s.RecvMsg(new(emptypb.Empty))
			seen <- err
			return err
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		assert.Equal(t, codes.DeadlineExceeded, status.Code(drain(open(ctx, forAMinute(issuer)))))
		assert.NotErrorIs(t, <-seen, claims.ErrExpired)

		ctx, cancel = context.WithCancel(t.Context())
		stream := open(ctx, forAMinute(issuer))
		synctest.Wait()
		cancel()
		assert.Equal(t, codes.Canceled, status.Code(drain(stream)))
		assert.Equal(t, codes.Canceled, status.Code(<-seen))
	})
}

// A caller may set a deadline before exp, and a handler may ignore it.
func TestNoMessagePassesAfterTheTokenBelowAnEarlierDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		sent, received := make(chan error, 1), make(chan error, 1)
		open := newStreams(t, newAuth(t, issuer), grpcauth.Authenticated(), func(s grpc.ServerStream) error {
			time.Sleep(2 * time.Minute) // ignores its context
			sent <- s.SendMsg(new(emptypb.Empty))
			received <- s.RecvMsg(new(emptypb.Empty))
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		assert.Equal(t, codes.DeadlineExceeded, status.Code(drain(open(ctx, forAMinute(issuer)))))
		assert.ErrorIs(t, <-sent, claims.ErrExpired)
		assert.ErrorIs(t, <-received, claims.ErrExpired)
	})
}

// A public stream has no token, and a Verifier of the application may accept a token without
// an exp.
func TestStreamsWithoutAnExpDoNotEnd(t *testing.T) {
	endless := func(c *middleware.Config) {
		*c = middleware.Config{Verifier: acceptEverything{}, Logger: c.Logger}
	}
	for name, tt := range map[string]struct {
		rule grpcauth.Rule
		edit func(*middleware.Config)
	}{
		"public":      {grpcauth.Public(), func(*middleware.Config) {}},
		"without exp": {grpcauth.Authenticated(), endless},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), tt.edit)
				open := newStreams(t, auth, tt.rule, func(s grpc.ServerStream) error {
					time.Sleep(24 * time.Hour)
					return eof(s.RecvMsg(new(emptypb.Empty)))
				})
				stream := open(t.Context(), "opaque")
				require.NoError(t, stream.CloseSend())
				assert.NoError(t, drain(stream))
			})
		})
	}
}

type acceptEverything struct{}

func (acceptEverything) Verify(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
	return claims.ParseUnverified([]byte(`{"sub":"alice"}`))
}

// A recovery sees only panics in the goroutine of the handler.
func TestPanicsWhileReceivingReachTheHandler(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	recovery := func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = status.Errorf(codes.Internal, "recovered: %v", v)
			}
		}()
		return next(srv, panicking{ss})
	}
	open := newStreams(t, newAuth(t, issuer), grpcauth.Authenticated(), func(s grpc.ServerStream) error {
		return s.RecvMsg(new(emptypb.Empty))
	}, grpc.ChainStreamInterceptor(recovery))
	err := drain(open(t.Context(), issuer.Token(nil)))
	assert.Equal(t, codes.Internal, status.Code(err))
	assert.Equal(t, "recovered: codec", status.Convert(err).Message())
}

type panicking struct{ grpc.ServerStream }

func (panicking) RecvMsg(any) error { panic("codec") }

func TestTrailersOfTheHandlerArriveIfTheTokenEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		open := newStreams(t, newAuth(t, issuer), grpcauth.Authenticated(), func(s grpc.ServerStream) error {
			s.SetTrailer(metadata.Pairs("page", "7"))
			<-s.Context().Done()
			return nil
		})
		stream := open(t.Context(), forAMinute(issuer))
		assert.Error(t, drain(stream))
		assert.Equal(t, []string{"7"}, stream.Trailer()["page"])
	})
}
