package grpcauth_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/grpcauth"
)

// A greeter implements a service that the gRPC compiler has generated.
type greeter struct {
	grpc_testing.UnimplementedTestServiceServer
}

func (greeter) EmptyCall(ctx context.Context, _ *grpc_testing.Empty) (*grpc_testing.Empty, error) {
	who, _ := claims.FromContext(ctx)
	fmt.Println("hello", who.Subject())
	return new(grpc_testing.Empty), nil
}

// Each method has its scopes in one line.
func ExampleServerOptions() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{}) // plays the authorization server
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer(grpcauth.ServerOptions(auth, grpcauth.Rules{
		"/grpc.testing.TestService/EmptyCall": grpcauth.Require(middleware.AllScopes("read:timesheets")),
		"/grpc.health.v1.Health/Check":        grpcauth.Public(),
	})...)
	grpc_testing.RegisterTestServiceServer(server, greeter{})

	client, stop := connect(server)
	defer stop()
	for _, scope := range []string{"read:timesheets", "write:timesheets"} {
		token := issuer.Token(map[string]any{"sub": "alice", "scope": scope})
		ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+token)
		var trailer metadata.MD
		_, err := client.EmptyCall(ctx, new(grpc_testing.Empty), grpc.Trailer(&trailer))
		fmt.Println(status.Code(err), trailer["www-authenticate"])
	}
	// Output:
	// hello alice
	// OK []
	// PermissionDenied [Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="read:timesheets"]
}

// connect serves in memory, as a program would over a network.
func connect(server *grpc.Server) (client grpc_testing.TestServiceClient, stop func()) {
	listener := bufconn.Listen(1 << 16)
	go func() { _ = server.Serve(listener) }() // ends with stop
	conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		panic(err)
	}
	return grpc_testing.NewTestServiceClient(conn), server.Stop
}
