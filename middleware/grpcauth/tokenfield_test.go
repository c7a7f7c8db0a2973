package grpcauth_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/grpcauth"
)

func TestTokenField(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer, func(c *middleware.Config) { c.TokenField = "Txn-Token" })
	server := grpc.NewServer(grpcauth.ServerOptions(auth, grpcauth.Rules{
		"/grpc.testing.TestService/EmptyCall":      grpcauth.Authenticated(),
		"/grpc.testing.TestService/FullDuplexCall": grpcauth.Authenticated(),
	})...)
	grpc_testing.RegisterTestServiceServer(server, new(testService))
	client := grpc_testing.NewTestServiceClient(dial(t, server))
	token := issuer.Token(nil)
	for rule, tt := range map[string]struct {
		fields metadata.MD
		want   codes.Code
	}{
		"the token":                         {metadata.MD{"txn-token": {token}}, codes.OK},
		"beside another authorization":      {metadata.MD{"txn-token": {token}, "authorization": {"Bearer x"}}, codes.OK},
		"no field":                          {metadata.MD{}, codes.Unauthenticated},
		"only authorization":                {metadata.MD{"authorization": {"Bearer " + token}}, codes.Unauthenticated},
		"junk, and a good authorization":    {metadata.MD{"txn-token": {"junk"}, "authorization": {"Bearer " + token}}, codes.Unauthenticated},
		"two fields":                        {metadata.MD{"txn-token": {token, token}}, codes.InvalidArgument},
		"a scheme":                          {metadata.MD{"txn-token": {"Bearer " + token}}, codes.InvalidArgument},
		"empty, and a good authorization":   {metadata.MD{"txn-token": {""}, "authorization": {"Bearer " + token}}, codes.InvalidArgument},
		"a field that begins with its name": {metadata.MD{"txn-token-2": {token}}, codes.Unauthenticated},
	} {
		ctx := metadata.NewOutgoingContext(t.Context(), tt.fields)
		_, err := client.EmptyCall(ctx, new(grpc_testing.Empty))
		assert.Equal(t, tt.want, status.Code(err), rule)
		stream, err := client.FullDuplexCall(ctx)
		require.NoError(t, err, rule)
		assert.Equal(t, tt.want, status.Code(drain(stream)), "%s: a stream", rule)
	}
}

// gRPC would hand on what the base64 in such a field encodes, and a token is not that.
func TestTokenFieldThatGRPCDecodes(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	for _, field := range []string{"Txn-Token-Bin", "txn-token-bin", "X-BIN"} {
		auth := newAuth(t, issuer, func(c *middleware.Config) { c.TokenField = field })
		assert.Panics(t, func() { grpcauth.ServerOptions(auth, nil) }, field)
		assert.Panics(t, func() { grpcauth.UnaryInterceptor(auth, nil) }, field)
		assert.Panics(t, func() { grpcauth.StreamInterceptor(auth, nil) }, field)
	}
	auth := newAuth(t, issuer, func(c *middleware.Config) { c.TokenField = "X-Bin-Token" })
	assert.NotPanics(t, func() { grpcauth.ServerOptions(auth, nil) })
}
