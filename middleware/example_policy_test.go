package middleware_test

import (
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// Each identity provider puts roles into another claim. This one is Keycloak's.
func ExampleClaim() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	roles := middleware.Claim("resource_access", "timesheets", "roles")
	h := auth.Require(roles.Any("editor", "approver"))(whoami)

	token := func(role string) string {
		return "Bearer " + issuer.Token(map[string]any{
			"sub":             "alice",
			"resource_access": map[string]any{"timesheets": map[string]any{"roles": []string{role}}},
		})
	}
	call(h, "GET", "/", token("approver"))
	call(h, "GET", "/", token("viewer"))
	// Output:
	// 200 subject alice
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"error":"insufficient_scope","error_description":"The request requires higher privileges than the access token provides"}
	// WWW-Authenticate: Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides"
}

// The rules say once which scopes include others. Routes name what they need.
func ExampleImpliedScopes() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	rules := middleware.ImpliedScopes(map[string][]string{
		"admin":  {"editor", "read:*"},
		"editor": {"write:timesheets"},
	})
	h := auth.Require(rules.AllScopes("read:timesheets", "write:timesheets"))(whoami)

	for _, scope := range []string{"admin", "editor read:timesheets", "read:* write:timesheets"} {
		call(h, "GET", "/", "Bearer "+issuer.Token(map[string]any{"sub": "alice", "scope": scope}))
	}
	// Output:
	// 200 subject alice
	// 200 subject alice
	// 403 {"type":"about:blank","title":"Forbidden","status":403,"error":"insufficient_scope","error_description":"The request requires higher privileges than the access token provides"}
	// WWW-Authenticate: Bearer realm="api", error="insufficient_scope", error_description="The request requires higher privileges than the access token provides", scope="read:timesheets write:timesheets"
}

// A transfer needs a second factor, and a recent one.
func ExampleRequireAuthentication() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newExampleAuth(issuer)
	h := auth.Require(
		middleware.AllScopes("transfer"),
		middleware.RequireAuthentication(10*time.Minute, "phrh", "phr"), // phrh preferred
	)(whoami)

	token := func(acr string, at time.Time) string {
		return "Bearer " + issuer.Token(map[string]any{
			"sub": "alice", "scope": "transfer", "acr": acr, "auth_time": at.Unix(),
		})
	}
	call(h, "POST", "/transfers", token("phr", time.Now().Add(-time.Minute)))
	call(h, "POST", "/transfers", token("phr", time.Now().Add(-time.Hour)))
	// Output:
	// 200 subject alice
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"error":"insufficient_user_authentication","error_description":"The request requires a stronger or more recent authentication of the user"}
	// WWW-Authenticate: Bearer realm="api", error="insufficient_user_authentication", error_description="The request requires a stronger or more recent authentication of the user", acr_values="phrh phr", max_age="600", scope="transfer"
}

// A client that knows only the address of the API learns where to get a token.
func ExampleMiddleware_ResourceMetadata() {
	auth, err := middleware.New(middleware.Config{
		Issuer:    "https://tenant.eu.auth0.com/",
		Audiences: []string{"https://api.example.com/mcp"},
		Resource:  "https://api.example.com/mcp",
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", auth.RequireScopes("tools:call")(whoami))
	metadata, err := auth.ResourceMetadata("tools:call") // after the routes
	if err != nil {
		log.Fatal(err)
	}
	mux.Handle("/.well-known/", metadata)

	call(mux, "POST", "/mcp", "")
	call(mux, "GET", "/.well-known/oauth-protected-resource/mcp", "")

	_, err = auth.ResourceMetadata("tools:cal")
	fmt.Println(err)
	// Output:
	// 401 {"type":"about:blank","title":"Unauthorized","status":401,"detail":"The request has no bearer token in its Authorization header"}
	// WWW-Authenticate: Bearer realm="api", scope="tools:call", resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/mcp"
	// 200 {"resource":"https://api.example.com/mcp","authorization_servers":["https://tenant.eu.auth0.com/"],"scopes_supported":["tools:call"],"bearer_methods_supported":["header"]}
	// middleware: ResourceMetadata would publish scopes that no route needs: ["tools:cal"]
}
