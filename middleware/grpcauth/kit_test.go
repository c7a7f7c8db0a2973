package grpcauth_test

import (
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

func newAuth(t testing.TB, issuer *jwkstest.Issuer, edits ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth
}

// dial serves the server in memory until the test ends, and returns a client of it.
func dial(t testing.TB, server *grpc.Server) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	client, err := grpc.NewClient("passthrough:///bufconn",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, client.Close())
		server.Stop()
		require.NoError(t, <-served)
	})
	return client
}

// with returns a context for a call with these authorization fields.
func with(ctx context.Context, authorization ...string) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.MD{"authorization": authorization})
}

// withProofs returns a context for a call with these authorization and dpop fields.
func withProofs(ctx context.Context, authorization, proofs []string) context.Context {
	return metadata.NewOutgoingContext(ctx, metadata.MD{"authorization": authorization, "dpop": proofs})
}

// A withdrawable is a Middleware whose keys and hook can change.
type withdrawable struct {
	issuer *jwkstest.Issuer
	keys   *jwks.Cache
	auth   *middleware.Middleware
	hook   atomic.Pointer[error] // nil: accepts
}

func newWithdrawable(t testing.TB) *withdrawable {
	t.Helper()
	b := &withdrawable{issuer: jwkstest.NewIssuer(jwkstest.Config{})}
	var err error
	b.keys, err = jwks.New(jwks.Config{
		Issuer: b.issuer.URL(), Client: b.issuer.Client(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	b.auth = newAuth(t, b.issuer, func(c *middleware.Config) {
		c.Issuers = []claims.Issuer{{URL: c.Issuer, Audiences: c.Audiences, Keys: b.keys, Validate: b.validate}}
		c.Issuer, c.Audiences, c.Client = "", nil, nil
	})
	return b
}

func (b *withdrawable) validate(context.Context, *claims.Claims) error {
	if err := b.hook.Load(); err != nil {
		return *err
	}
	return nil
}

func (b *withdrawable) refuse(err error) { b.hook.Store(&err) }
