package grpcauth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/grpcauth"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// newCertificate returns a self-signed certificate, and its x5t#S256.
func newCertificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	hash := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, base64.RawURLEncoding.EncodeToString(hash[:])
}

// dialLoopback serves both methods on loopback until the test ends, and returns a client.
func dialLoopback(t testing.TB, auth *middleware.Middleware, server, client credentials.TransportCredentials) grpc_testing.TestServiceClient {
	t.Helper()
	s := grpc.NewServer(append(grpcauth.ServerOptions(auth, grpcauth.Rules{
		"/grpc.testing.TestService/EmptyCall":      grpcauth.Authenticated(),
		"/grpc.testing.TestService/FullDuplexCall": grpcauth.Authenticated(),
	}), grpc.Creds(server))...)
	grpc_testing.RegisterTestServiceServer(s, new(testService))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///"+listener.Addr().String(), grpc.WithTransportCredentials(client))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		s.Stop()
		require.NoError(t, <-served)
	})
	return grpc_testing.NewTestServiceClient(conn)
}

// codesOf calls both methods.
func codesOf(ctx context.Context, t testing.TB, client grpc_testing.TestServiceClient) [2]codes.Code {
	t.Helper()
	_, err := client.EmptyCall(ctx, new(grpc_testing.Empty))
	duplex, streamErr := client.FullDuplexCall(ctx)
	require.NoError(t, streamErr)
	return [2]codes.Code{status.Code(err), status.Code(drain(duplex))}
}

var (
	accepted = [2]codes.Code{codes.OK, codes.OK}
	refused  = [2]codes.Code{codes.Unauthenticated, codes.Unauthenticated}
)

// RFC 8705 section 3: the certificate of the connection, which gRPC has in the peer.
func TestMTLSOfTheConnection(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	mine, x5t := newCertificate(t)
	other, _ := newCertificate(t)
	own, _ := newCertificate(t)
	auth := newAuth(t, issuer, func(c *middleware.Config) { c.MTLS = &mtls.Config{Source: mtls.FromTLS} })
	server := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert})
	token := issuer.Token(map[string]any{"cnf": map[string]any{"x5t#S256": x5t}})
	for _, tt := range []struct {
		rule string
		own  []tls.Certificate
		want [2]codes.Code
	}{
		{"right", []tls.Certificate{mine}, accepted},
		{"wrong", []tls.Certificate{other}, refused},
		{"none", nil, refused},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			client := dialLoopback(t, auth, server, credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, Certificates: tt.own}))
			assert.Equal(t, tt.want, codesOf(with(t.Context(), "Bearer "+token), t, client))
		})
	}
}

func TestMTLSOfAProxy(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	_, x5t := newCertificate(t)
	_, other := newCertificate(t)
	token := issuer.Token(map[string]any{"cnf": map[string]any{"x5t#S256": x5t}})
	for _, tt := range []struct {
		rule, proxies string
		fields        []string
		want          [2]codes.Code
	}{
		{"right", "127.0.0.0/8", []string{x5t}, accepted},
		{"wrong", "127.0.0.0/8", []string{other}, refused},
		{"none", "127.0.0.0/8", nil, refused},
		{"two fields", "127.0.0.0/8", []string{x5t, x5t}, refused},
		{"spoofed peer", "10.0.0.0/8", []string{x5t}, refused},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := newAuth(t, issuer, func(c *middleware.Config) {
				c.MTLS = &mtls.Config{
					Source: mtls.FromFingerprint, Header: "X-Client-Fingerprint",
					TrustedProxies: []netip.Prefix{netip.MustParsePrefix(tt.proxies)},
				}
			})
			client := dialLoopback(t, auth, insecure.NewCredentials(), insecure.NewCredentials())
			ctx := metadata.NewOutgoingContext(t.Context(), metadata.MD{"authorization": {"Bearer " + token}, "x-client-fingerprint": tt.fields})
			assert.Equal(t, tt.want, codesOf(ctx, t, client))
		})
	}
}
