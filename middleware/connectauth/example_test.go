package connectauth_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/connectauth"
)

// list implements a procedure that the Connect compiler has generated.
func list(ctx context.Context, _ *connect.Request[emptypb.Empty]) (*connect.Response[wrapperspb.StringValue], error) {
	who, _ := claims.FromContext(ctx)
	return connect.NewResponse(wrapperspb.String("timesheets of " + who.Subject())), nil
}

// Each procedure has its scopes in one line.
func ExampleHandlerOption() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{}) // plays the authorization server
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	const procedure = "/timesheets.v1.Timesheets/List"
	guarded := connectauth.HandlerOption(auth, connectauth.Rules{
		procedure: connectauth.Require(middleware.AllScopes("read:timesheets")),
	})
	mux := http.NewServeMux()
	mux.Handle(procedure, connect.NewUnaryHandler(procedure, list, guarded)) // generated code has it in one call

	for _, scope := range []string{"read:timesheets", "write:timesheets"} {
		request := httptest.NewRequest(http.MethodPost, procedure, strings.NewReader("{}"))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"sub": "alice", "scope": scope}))
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Body)
		fmt.Println(answer.Header()["Www-Authenticate"])
	}
	// Output:
	// 200 "timesheets of alice"
	// []
	// 403 {"code":"permission_denied","message":"The request requires higher privileges than the access token provides"}
	// [Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="read:timesheets"]
}
