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
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/grpcauth"
)

// The htm and htu of a proof for gRPC are POST and the full method (RFC 9449 section 4.2).
func TestDPoP(t *testing.T) {
	const method = "/grpc.testing.TestService/EmptyCall"
	issuer, key := jwkstest.NewIssuer(jwkstest.Config{}), jwkstest.NewKey("ES256")
	auth := newAuth(t, issuer, func(c *middleware.Config) {
		c.DPoP = &dpop.Config{
			Origins: []string{"https://api.example.test"},
			Nonces:  &dpop.Nonces{Secrets: [][]byte{[]byte("a secret of thirty-two bytes, ok")}, Always: true},
		}
	})
	server := grpc.NewServer(grpcauth.ServerOptions(auth, grpcauth.Rules{method: grpcauth.Authenticated()})...)
	grpc_testing.RegisterTestServiceServer(server, &testService{})
	client := dial(t, server)
	token := issuer.Token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
	call := func(htm, nonce string) (codes.Code, metadata.MD) {
		claims := map[string]any{}
		if nonce != "" {
			claims["nonce"] = nonce
		}
		proof := jwkstest.Proof(key, htm, "https://api.example.test"+method, token, claims)
		ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("authorization", "DPoP "+token, "dpop", proof))
		var trailer metadata.MD
		err := client.Invoke(ctx, method, new(emptypb.Empty), new(emptypb.Empty), grpc.Trailer(&trailer))
		return status.Code(err), trailer
	}
	code, trailer := call("POST", "")
	assert.Equal(t, codes.Unauthenticated, code)
	require.Len(t, trailer["www-authenticate"], 1)
	assert.Contains(t, trailer["www-authenticate"][0], `DPoP realm="api", error="use_dpop_nonce"`)
	require.Len(t, trailer["dpop-nonce"], 1)

	code, _ = call("POST", trailer["dpop-nonce"][0])
	assert.Equal(t, codes.OK, code)
	code, _ = call("GET", trailer["dpop-nonce"][0])
	assert.Equal(t, codes.Unauthenticated, code)
}
