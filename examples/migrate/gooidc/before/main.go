// Command before serves a Timesheets API that is protected by coreos/go-oidc.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
)

func main() {
	handler, err := newHandler(context.Background(), os.Getenv("ISSUER_URL"), os.Getenv("AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

type accessClaims struct {
	Subject     string   `json:"sub"`
	Scope       string   `json:"scope"`
	Permissions []string `json:"permissions"`
}

type contextKey struct{}

func newHandler(ctx context.Context, issuer, audience string) (http.Handler, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	verifier := provider.Verifier(&oidc.Config{
		ClientID:             audience,
		SupportedSigningAlgs: []string{oidc.RS256},
	})
	mux := http.NewServeMux()
	mux.Handle("GET /me", protect(verifier, func(*accessClaims) bool { return true }))
	mux.Handle("GET /timesheets", protect(verifier, func(c *accessClaims) bool {
		return slices.Contains(strings.Fields(c.Scope), "read:timesheets")
	}))
	mux.Handle("GET /reports", protect(verifier, func(c *accessClaims) bool {
		return slices.Contains(c.Permissions, "read:reports")
	}))
	return mux, nil
}

func protect(verifier *oidc.IDTokenVerifier, allowed func(*accessClaims) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			unauthorized(w)
			return
		}
		token, err := verifier.Verify(r.Context(), raw)
		if err != nil {
			unauthorized(w)
			return
		}
		c := &accessClaims{}
		if err := token.Claims(c); err != nil {
			unauthorized(w)
			return
		}
		if !allowed(c) {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		greet(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, c)))
	})
}

func unauthorized(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	http.Error(w, "unauthorized", http.StatusUnauthorized)
}

func greet(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(contextKey{}).(*accessClaims)
	fmt.Fprint(w, c.Subject)
}
