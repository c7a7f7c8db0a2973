package forwardauth_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/forwardauth"
)

// Caddy asks about a request of a client.
func Example() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}
	h, err := forwardauth.New(forwardauth.Config{
		Format:         forwardauth.XForwarded,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")},
		Routes: []forwardauth.Route{
			{Pattern: "GET /timesheets", Guard: auth.Guard(middleware.AllScopes("read:timesheets"))},
			{Pattern: "GET /healthz", Guard: auth.GuardOptional()},
		},
		Headers: map[string]func(*claims.Claims) []string{
			"X-Auth-Subject": forwardauth.Claim("sub"),
			"X-Auth-Scopes":  (*claims.Claims).Scopes,
		},
	})
	if err != nil {
		panic(err)
	}
	ask := func(target, authorization string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = "10.0.3.7:4711"
		r.Header.Set("X-Forwarded-Method", "GET")
		r.Header.Set("X-Forwarded-Uri", target)
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Printf("%d %s %q\n", w.Code, target, w.Header().Get("X-Auth-Subject"))
	}
	token := issuer.Token(map[string]any{"sub": "alice", "scope": "read:timesheets"})
	ask("/timesheets", "Bearer "+token)
	ask("/timesheets", "")
	ask("/healthz", "")
	ask("/other", "Bearer "+token)
	ask("/healthz/../timesheets", "")
	// Output:
	// 200 /timesheets "alice"
	// 401 /timesheets ""
	// 200 /healthz ""
	// 403 /other ""
	// 400 /healthz/../timesheets ""
}

// Without the addresses of the gateways, any client could say which route it asks about.
func ExampleNew_mistake() {
	_, err := forwardauth.New(forwardauth.Config{Format: forwardauth.Nginx})
	fmt.Println(err)
	// Output:
	// forwardauth: invalid Config.TrustedProxies []: write the addresses of your gateways
	// forwardauth: invalid Config.Routes: at least one is required: what is in no Route is refused
}

// Several values are sent with a space between them.
func ExampleClaim() {
	c, err := claims.ParseUnverified([]byte(`{"realm_access":{"roles":["auditor","editor"]}}`))
	if err != nil {
		panic(err)
	}
	fmt.Println(forwardauth.Claim("realm_access", "roles")(c))
	// Output: [auditor editor]
}
