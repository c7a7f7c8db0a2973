// Command before serves a Timesheets API that is protected by auth0/go-jwt-middleware.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	"github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
)

func main() {
	handler, err := newHandler(os.Getenv("ISSUER_URL"), os.Getenv("AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

type customClaims struct {
	Scope       string   `json:"scope"`
	Permissions []string `json:"permissions"`
}

func (*customClaims) Validate(context.Context) error { return nil }

func newHandler(issuer, audience string) (http.Handler, error) {
	issuerURL, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	provider, err := jwks.NewCachingProvider(jwks.WithIssuerURL(issuerURL))
	if err != nil {
		return nil, err
	}
	tokens, err := validator.New(
		validator.WithKeyFunc(provider.KeyFunc),
		validator.WithAlgorithm(validator.RS256),
		validator.WithIssuer(issuer),
		validator.WithAudience(audience),
		validator.WithCustomClaims(func() *customClaims { return &customClaims{} }),
	)
	if err != nil {
		return nil, err
	}
	required, err := jwtmiddleware.New(jwtmiddleware.WithValidator(tokens))
	if err != nil {
		return nil, err
	}
	optional, err := jwtmiddleware.New(
		jwtmiddleware.WithValidator(tokens), jwtmiddleware.WithCredentialsOptional(true))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /me", required.CheckJWT(http.HandlerFunc(greet)))
	mux.Handle("GET /timesheets", required.CheckJWT(allow(func(c *customClaims) bool {
		return slices.Contains(strings.Fields(c.Scope), "read:timesheets")
	})))
	mux.Handle("GET /reports", required.CheckJWT(allow(func(c *customClaims) bool {
		return slices.Contains(c.Permissions, "read:reports")
	})))
	mux.Handle("GET /hello", optional.CheckJWT(http.HandlerFunc(greet)))
	return mux, nil
}

func allow(allowed func(*customClaims) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := jwtmiddleware.GetClaims[*validator.ValidatedClaims](r.Context())
		if err != nil || !allowed(token.CustomClaims.(*customClaims)) {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		greet(w, r)
	})
}

func greet(w http.ResponseWriter, r *http.Request) {
	token, err := jwtmiddleware.GetClaims[*validator.ValidatedClaims](r.Context())
	if err != nil {
		fmt.Fprint(w, "stranger")
		return
	}
	fmt.Fprint(w, token.RegisteredClaims.Subject)
}
