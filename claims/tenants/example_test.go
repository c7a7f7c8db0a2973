package tenants_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A service has its tenants in a table of its database, and not in a map. With real issuers, Keys
// can be left out.
func ExampleNew() {
	issuer := jwkstest.NewIssuer(jwkstest.Config{URL: "https://login.example.com/realms/acme"})
	audiences := map[string]string{issuer.URL(): jwkstest.Audience}
	resolver, err := tenants.New(tenants.Config{
		Patterns: []string{"https://login.example.com/realms/*"},
		Lookup: func(_ context.Context, iss string) (claims.Issuer, bool, error) {
			audience, found := audiences[iss]
			return claims.Issuer{URL: iss, Audiences: []string{audience}}, found, nil
		},
		Keys: jwks.Config{Client: issuer.Client(), Logger: slog.New(slog.DiscardHandler)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	auth, err := middleware.New(middleware.Config{Tenants: resolver})
	if err != nil {
		fmt.Println(err)
		return
	}
	protected := auth.Handler(http.NotFoundHandler())
	call := func() int {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+issuer.Token(nil))
		w := httptest.NewRecorder()
		protected.ServeHTTP(w, r)
		return w.Code
	}
	fmt.Println(call())

	delete(audiences, issuer.URL()) // the tenant has left
	resolver.Forget(issuer.URL())
	fmt.Println(call())
	// Output:
	// 404
	// 401
}

// A common mistake: a pattern that has the whole name of the host as a star, over http.
func ExampleNew_mistakes() {
	_, err := tenants.New(tenants.Config{Patterns: []string{"http://*/realms/*"}})
	fmt.Println(err)
	// Output:
	// tenants: invalid Config.Lookup: it is required
	// tenants: invalid Config.Patterns "http://*/realms/*": https is required; to allow http, name the host in Config.Keys.InsecureHTTPHosts
}
