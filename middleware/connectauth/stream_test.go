package connectauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/connectauth"
)

const streamProcedure = "/test.Streams/Stream"

type (
	serverStream = connect.BidiStream[emptypb.Empty, emptypb.Empty]
	clientStream = connect.BidiStreamForClient[emptypb.Empty, emptypb.Empty]
	handler      = func(context.Context, *serverStream) error
)

// newStreams serves one procedure in both directions, and returns a function that calls it
// with a token.
func newStreams(
	t testing.TB, auth *middleware.Middleware, rule connectauth.Rule, handler handler, options ...connect.HandlerOption,
) func(ctx context.Context, token string, options ...connect.ClientOption) *clientStream {
	t.Helper()
	options = append(options, connectauth.HandlerOption(auth, connectauth.Rules{streamProcedure: rule}))
	client := serve(t, connect.NewBidiStreamHandler(streamProcedure, handler, options...))
	return func(ctx context.Context, token string, options ...connect.ClientOption) *clientStream {
		caller := connect.NewClient[emptypb.Empty, emptypb.Empty](client, baseURL+streamProcedure, options...)
		stream := caller.CallBidiStream(ctx)
		stream.RequestHeader().Set("Authorization", "Bearer "+token)
		require.NoError(t, stream.Send(nil)) // only the header
		return stream
	}
}

// forAMinute returns a valid token that expires in a minute.
func forAMinute(issuer *jwkstest.Issuer) string {
	return issuer.Token(map[string]any{"exp": time.Now().Add(time.Minute).Unix()})
}

// handlers differ in what they do when their stream ends, and in what they return.
var handlers = map[string]handler{
	"receives": func(_ context.Context, s *serverStream) error {
		_, err := s.Receive()
		return err
	},
	"receives, and returns no error": func(_ context.Context, s *serverStream) error {
		_, _ = s.Receive()
		return nil
	},
	"sends": func(_ context.Context, s *serverStream) error {
		for {
			if err := s.Send(new(emptypb.Empty)); err != nil {
				return err
			}
			time.Sleep(time.Second)
		}
	},
	"waits for its context": func(ctx context.Context, _ *serverStream) error {
		<-ctx.Done()
		return ctx.Err()
	},
	"waits, and returns no error": func(ctx context.Context, _ *serverStream) error {
		<-ctx.Done()
		return nil
	},
	"waits, and returns another error": func(ctx context.Context, _ *serverStream) error {
		<-ctx.Done()
		return connect.NewError(connect.CodeNotFound, errors.New("gone"))
	},
}

func TestStreamsEndWithTheirToken(t *testing.T) {
	for protocol, options := range protocols {
		for name, handler := range handlers {
			t.Run(protocol+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					issuer := jwkstest.NewIssuer(jwkstest.Config{})
					open := newStreams(t, newAuth(t, issuer), connectauth.Authenticated(), handler)
					began := time.Now()
					err := drain(open(t.Context(), forAMinute(issuer), options...))
					assert.GreaterOrEqual(t, time.Since(began), 65*time.Second, "exp and the leeway")
					assert.LessOrEqual(t, time.Since(began), 66*time.Second, "until a handler notices")
					assert.EqualError(t, err, "unauthenticated: The access token expired")
				})
			})
		}
	}
}

// A stream is checked again every 24 to 30 seconds, whether messages pass or not.
func TestC2StreamsEndWhenTheirTokenIsWithdrawn(t *testing.T) {
	for rule, tt := range map[string]struct {
		withdraw func(b *withdrawable)
		within   time.Duration
		want     string
	}{
		"key blocked":   {func(b *withdrawable) { b.keys.Block(b.issuer.SigningKey().ID) }, 31 * time.Second, "unauthenticated: The access token is signed with an unknown key"},
		"revoked":       {func(b *withdrawable) { b.refuse(claims.ErrRevoked) }, 31 * time.Second, "unauthenticated: The access token was revoked"},
		"forbidden":     {func(b *withdrawable) { b.refuse(claims.ErrForbidden) }, 31 * time.Second, "permission_denied: The request requires higher privileges than the access token provides"},
		"a long outage": {func(b *withdrawable) { b.refuse(claims.ErrUnavailable) }, 2*time.Minute + time.Second, "unavailable: The access token cannot be verified at the moment"},
	} {
		for protocol, options := range protocols {
			for name, handler := range handlers {
				t.Run(rule+", "+protocol+" "+name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						b := newWithdrawable(t)
						open := newStreams(t, b.auth, connectauth.Authenticated(), handler)
						stream := open(t.Context(), b.issuer.Token(nil), options...)
						time.Sleep(10 * time.Minute)
						tt.withdraw(b)
						began := time.Now()
						err := drain(stream)
						assert.LessOrEqual(t, time.Since(began), tt.within)
						assert.EqualError(t, err, tt.want)
						time.Sleep(6 * time.Second) // a fetch that may be under way ends
					})
				})
			}
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
		open := newStreams(t, newAuth(t, issuer, patient), connectauth.Authenticated(), handlers["receives"])
		began := time.Now()
		err := drain(open(t.Context(), forAMinute(issuer)))
		assert.Equal(t, 2*time.Minute, time.Since(began))
		assert.Equal(t, connect.CodeUnauthenticated, connect.CodeOf(err))
	})
}

// drain receives until the stream ends, and returns its error, or nil.
func drain(stream *clientStream) error {
	defer func() { _, _ = stream.CloseRequest(), stream.CloseResponse() }()
	for {
		_, err := stream.Receive()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// A handler that ignores its context does not keep a stream open. Nor does an earlier deadline
// of the caller.
func TestNoMessagePassesAfterTheToken(t *testing.T) {
	for name, deadline := range map[string]time.Duration{"no deadline": time.Hour, "an earlier deadline": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				sent, received := make(chan error, 1), make(chan error, 1)
				open := newStreams(t, newAuth(t, issuer), connectauth.Authenticated(), func(_ context.Context, s *serverStream) error {
					time.Sleep(2 * time.Minute)
					sent <- s.Send(new(emptypb.Empty))
					_, err := s.Receive()
					received <- err
					return nil
				})
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				assert.Error(t, drain(open(ctx, forAMinute(issuer))))
				assert.ErrorIs(t, <-sent, claims.ErrExpired)
				assert.ErrorIs(t, <-received, claims.ErrExpired)
			})
		})
	}
}

func TestStreamsWithinTheirTokenAreLeftAlone(t *testing.T) {
	gone := connect.NewError(connect.CodeNotFound, errors.New("no such timesheet"))
	for name, tt := range map[string]struct {
		result error
		want   string
	}{
		"without an error": {nil, ""},
		"with an error":    {gone, "not_found: no such timesheet"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				open := newStreams(t, newAuth(t, issuer), connectauth.Authenticated(), func(_ context.Context, s *serverStream) error {
					time.Sleep(time.Minute)
					if _, err := s.Receive(); !errors.Is(err, io.EOF) {
						return err
					}
					return tt.result
				})
				stream := open(t.Context(), forAMinute(issuer))
				require.NoError(t, stream.CloseRequest())
				err := drain(stream)
				if tt.want == "" {
					assert.NoError(t, err)
					return
				}
				assert.EqualError(t, err, tt.want)
			})
		})
	}
}

// A stream that its caller ends does not end because of its token.
func TestCallersEndTheirStreams(t *testing.T) {
	for protocol, options := range protocols {
		t.Run(protocol, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				issuer := jwkstest.NewIssuer(jwkstest.Config{})
				seen := make(chan error, 1)
				open := newStreams(t, newAuth(t, issuer), connectauth.Authenticated(), func(_ context.Context, s *serverStream) error {
					_, err := s.Receive()
					seen <- err
					return err
				})
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				assert.Equal(t, connect.CodeDeadlineExceeded, connect.CodeOf(drain(open(ctx, forAMinute(issuer), options...))))
				assert.NotErrorIs(t, <-seen, claims.ErrExpired)

				ctx, cancel = context.WithCancel(t.Context())
				stream := open(ctx, forAMinute(issuer), options...)
				synctest.Wait()
				cancel()
				assert.Equal(t, connect.CodeCanceled, connect.CodeOf(drain(stream)))
				assert.NotErrorIs(t, <-seen, claims.ErrExpired)
			})
		})
	}
}

// A public stream has no token, and a Verifier of the application may accept a token without
// an exp.
func TestStreamsWithoutAnExpDoNotEnd(t *testing.T) {
	endless := func(c *middleware.Config) {
		*c = middleware.Config{Verifier: acceptEverything{}, Logger: c.Logger}
	}
	for name, tt := range map[string]struct {
		rule connectauth.Rule
		edit func(*middleware.Config)
	}{
		"public":      {connectauth.Public(), func(*middleware.Config) {}},
		"without exp": {connectauth.Authenticated(), endless},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				auth := newAuth(t, jwkstest.NewIssuer(jwkstest.Config{}), tt.edit)
				open := newStreams(t, auth, tt.rule, func(_ context.Context, s *serverStream) error {
					time.Sleep(24 * time.Hour)
					_, err := s.Receive()
					assert.ErrorIs(t, err, io.EOF)
					return nil
				})
				stream := open(t.Context(), "opaque")
				require.NoError(t, stream.CloseRequest())
				assert.NoError(t, drain(stream))
			})
		})
	}
}

type acceptEverything struct{}

func (acceptEverything) Verify(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
	return claims.ParseUnverified([]byte(`{"sub":"alice"}`))
}

// WithRecover sees only panics in the goroutine of the handler.
func TestPanicsWhileReceivingReachTheHandler(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	recovery := connect.WithRecover(func(_ context.Context, _ connect.Spec, _ http.Header, v any) error {
		return connect.NewError(connect.CodeInternal, errors.New("recovered: "+v.(string)))
	})
	open := newStreams(t, newAuth(t, issuer), connectauth.Authenticated(), func(_ context.Context, s *serverStream) error {
		_, err := s.Receive()
		return err
	}, recovery, connect.WithInterceptors(panicking{}))
	assert.EqualError(t, drain(open(t.Context(), issuer.Token(nil))), "internal: recovered: codec")
}

// panicking is an interceptor that gives handlers a connection that panics.
type panicking struct{ connect.Interceptor }

func (panicking) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return next(ctx, panickingConn{conn})
	}
}

type panickingConn struct{ connect.StreamingHandlerConn }

func (panickingConn) Receive(any) error { panic("codec") }
