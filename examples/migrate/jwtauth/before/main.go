// Command before serves a Timesheets API that is protected by go-chi/jwtauth.
package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/jwtauth/v5"
	"github.com/lestrrat-go/jwx/v2/jwt"
)

func main() {
	key, err := os.ReadFile(os.Getenv("PUBLIC_KEY_FILE"))
	if err != nil {
		log.Fatal(err)
	}
	handler, err := newHandler(os.Getenv("ISSUER_URL"), os.Getenv("AUDIENCE"), key)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

func newHandler(issuer, audience string, publicKeyPEM []byte) (http.Handler, error) {
	block, _ := pem.Decode(publicKeyPEM)
	if block == nil {
		return nil, errors.New("PUBLIC_KEY_FILE has no PEM block")
	}
	publicKey, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	tokens := jwtauth.New("RS256", nil, publicKey,
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithRequiredClaim("exp"))

	router := chi.NewRouter()
	router.Use(jwtauth.Verifier(tokens))
	router.Get("/hello", greet)
	router.Group(func(r chi.Router) {
		r.Use(jwtauth.Authenticator(tokens))
		r.Get("/me", greet)
		r.With(allow(func(c map[string]any) bool {
			scope, _ := c["scope"].(string)
			return slices.Contains(strings.Fields(scope), "read:timesheets")
		})).Get("/timesheets", greet)
		r.With(allow(func(c map[string]any) bool {
			permissions, _ := c["permissions"].([]any)
			return slices.Contains(permissions, any("read:reports"))
		})).Get("/reports", greet)
	})
	return router, nil
}

func allow(allowed func(map[string]any) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, c, err := jwtauth.FromContext(r.Context()); err != nil || !allowed(c) {
				http.Error(w, "forbidden", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func greet(w http.ResponseWriter, r *http.Request) {
	token, _, err := jwtauth.FromContext(r.Context())
	if err != nil || token == nil {
		fmt.Fprint(w, "stranger")
		return
	}
	fmt.Fprint(w, token.Subject())
}
