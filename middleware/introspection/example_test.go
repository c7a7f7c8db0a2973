package introspection_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

func Example() {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("token") != "ory_at_a-token-of-the-issuer" {
			_, _ = io.WriteString(w, `{"active":false}`)
			return
		}
		_, _ = io.WriteString(w, `{"active":true,"aud":"https://api.example.com","sub":"alice","scope":"read:orders"}`)
	}))
	defer issuer.Close()

	opaque, err := introspection.New(introspection.Config{
		Endpoint:     issuer.URL + "/introspect",
		Prefix:       "ory_at_",
		ClientID:     "orders-api",
		ClientSecret: []byte("a secret from the environment"),
	})
	if err != nil {
		panic(err)
	}
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL:       "https://issuer.example.com/",
		Audiences: []string{"https://api.example.com"},
		Opaque:    opaque,
	}}})
	if err != nil {
		panic(err)
	}
	orders := auth.RequireScopes("read:orders")(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		_, _ = fmt.Fprint(w, "orders of ", c.Subject())
	}))

	for _, token := range []string{"ory_at_a-token-of-the-issuer", "ory_at_a-token-that-was-revoked", "another-kind-of-token"} {
		r := httptest.NewRequest("GET", "/orders", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		orders.ServeHTTP(w, r)
		fmt.Println(token, w.Code)
	}
	s := opaque.Status()
	fmt.Println(s.Requests, "requests to the issuer,", s.Active, "active")
	// Output:
	// ory_at_a-token-of-the-issuer 200
	// ory_at_a-token-that-was-revoked 401
	// another-kind-of-token 401
	// 2 requests to the issuer, 1 active
}

// JWTs are verified by the keys of the issuer, and introspected after that: a revoked one is
// refused within 30 seconds.
func ExampleNew_jWTs() {
	keycloak, err := introspection.New(introspection.Config{
		Endpoint:     "https://keycloak.example.com/realms/shop/protocol/openid-connect/token/introspect",
		OnlyJWT:      true,
		ClientID:     "orders-api",
		ClientSecret: []byte("a secret from the environment"),
	})
	if err != nil {
		panic(err)
	}
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL:       "https://keycloak.example.com/realms/shop",
		Audiences: []string{"orders-api"},
		Opaque:    keycloak, // the keys are found by discovery
	}}})
	fmt.Println(auth != nil, err)
	// Output: true <nil>
}

// A common mistake: two issuers whose tokens look alike. Each token would go to both, and so each
// issuer would see the tokens of the other.
func ExampleNew_mistake() {
	var issuers []claims.Issuer
	for _, name := range []string{"one", "two"} {
		opaque, err := introspection.New(introspection.Config{
			Endpoint: "https://" + name + ".example.com/introspect", ClientID: "api", ClientSecret: []byte("secret"),
		})
		if err != nil {
			panic(err)
		}
		issuers = append(issuers, claims.Issuer{
			URL: "https://" + name + ".example.com", Audiences: []string{"https://api.example.com"}, Opaque: opaque,
		})
	}
	_, err := claims.NewVerifier(claims.Config{Issuers: issuers})
	fmt.Println(err)
	// Output: claims: invalid Config.Issuers: the opaque tokens of "https://one.example.com" and "https://two.example.com" cannot be told apart: each needs a prefix, and none can begin with another
}

func ExampleIntrospector_Introspect() {
	endpoint := always(200, `{"active":true,"exp":4102444800,"sub":"alice"}`)
	config := goodConfig(endpoint)
	opaque, err := introspection.New(config)
	if err != nil {
		panic(err)
	}
	payload, remembered, err := opaque.Introspect(context.Background(), "https://issuer.example.com/", "an-opaque-token")
	fmt.Println(payload, remembered, err)
	// Output: {"iss":"https://issuer.example.com/","active":true,"exp":4102444800,"sub":"alice"} false <nil>
}
