package connectauth_test

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"connectrpc.com/connect"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

const baseURL = "http://api.example.test"

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

// serve serves the handler in memory until the test ends, and returns an HTTP/2 client of
// it.
func serve(t testing.TB, handler http.Handler) *http.Client {
	t.Helper()
	var http2 http.Protocols
	http2.SetUnencryptedHTTP2(true)
	listener := &memory{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler, Protocols: &http2, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	transport := &http.Transport{DialContext: listener.dial, Protocols: &http2}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = server.Close()
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return &http.Client{Transport: transport}
}

// A memory is a listener for connections within the process, which work inside
// testing/synctest.
type memory struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (m *memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.conns:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case m.conns <- server:
		return client, nil
	case <-m.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) Close() error {
	m.once.Do(func() { close(m.closed) })
	return nil
}

func (m *memory) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// protocols are all protocols of Connect.
var protocols = map[string][]connect.ClientOption{
	"Connect": nil, "gRPC": {connect.WithGRPC()}, "gRPC-Web": {connect.WithGRPCWeb()},
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
