// Command before serves a Timesheets API that is protected by golang-jwt/jwt and
// MicahParks/keyfunc.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/golang-jwt/jwt/v5/request"
)

func main() {
	handler, err := newHandler(context.Background(),
		os.Getenv("ISSUER_URL"), os.Getenv("JWKS_URL"), os.Getenv("AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

type accessClaims struct {
	jwt.RegisteredClaims
	Scope       string   `json:"scope"`
	Permissions []string `json:"permissions"`
}

type contextKey struct{}

type verifier struct {
	keys   keyfunc.Keyfunc
	parser *jwt.Parser
}

func newHandler(ctx context.Context, issuer, jwksURL, audience string) (http.Handler, error) {
	keys, err := keyfunc.NewDefaultCtx(ctx, []string{jwksURL})
	if err != nil {
		return nil, err
	}
	v := &verifier{keys, jwt.NewParser(
		jwt.WithValidMethods([]string{"RS256"}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
	)}
	mux := http.NewServeMux()
	mux.Handle("GET /me", v.protect(func(*accessClaims) bool { return true }))
	mux.Handle("GET /timesheets", v.protect(func(c *accessClaims) bool {
		return slices.Contains(strings.Fields(c.Scope), "read:timesheets")
	}))
	mux.Handle("GET /reports", v.protect(func(c *accessClaims) bool {
		return slices.Contains(c.Permissions, "read:reports")
	}))
	return mux, nil
}

func (v *verifier) protect(allowed func(*accessClaims) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &accessClaims{}
		_, err := request.ParseFromRequest(r, request.BearerExtractor{}, v.keys.KeyfuncCtx(r.Context()),
			request.WithClaims(c), request.WithParser(v.parser))
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		if !allowed(c) {
			http.Error(w, "forbidden", http.StatusForbidden)
			return
		}
		greet(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, c)))
	})
}

func greet(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(contextKey{}).(*accessClaims)
	fmt.Fprint(w, c.Subject)
}
