// Command before serves a Timesheets API that is protected by lestrrat-go/jwx.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

func main() {
	handler, err := newHandler(context.Background(),
		os.Getenv("ISSUER_URL"), os.Getenv("JWKS_URL"), os.Getenv("AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

type contextKey struct{}

func newHandler(ctx context.Context, issuer, jwksURL, audience string) (http.Handler, error) {
	cache, err := jwk.NewCache(ctx, httprc.NewClient())
	if err != nil {
		return nil, err
	}
	first, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := cache.Register(first, jwksURL); err != nil {
		return nil, err
	}
	keys, err := cache.CachedSet(jwksURL)
	if err != nil {
		return nil, err
	}
	options := []jwt.ParseOption{
		jwt.WithKeySet(keys), jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithRequiredClaim("exp"),
	}
	mux := http.NewServeMux()
	mux.Handle("GET /me", protect(options, func(jwt.Token) bool { return true }))
	mux.Handle("GET /timesheets", protect(options, func(token jwt.Token) bool {
		var scope string
		return token.Get("scope", &scope) == nil && slices.Contains(strings.Fields(scope), "read:timesheets")
	}))
	mux.Handle("GET /reports", protect(options, func(token jwt.Token) bool {
		var permissions []any
		return token.Get("permissions", &permissions) == nil && slices.Contains(permissions, any("read:reports"))
	}))
	return mux, nil
}

func protect(options []jwt.ParseOption, allowed func(jwt.Token) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := jwt.ParseRequest(r, options...)
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		if !allowed(token) {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		greet(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, token)))
	})
}

func greet(w http.ResponseWriter, r *http.Request) {
	token := r.Context().Value(contextKey{}).(jwt.Token)
	subject, _ := token.Subject()
	fmt.Fprint(w, subject)
}
