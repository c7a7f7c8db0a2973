// Command after serves the same Timesheets API with bearerguard.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

func main() {
	handler, err := newHandler(os.Getenv("ISSUER_URL"), os.Getenv("AUDIENCE"))
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler))
}

func newHandler(issuer, audience string) (http.Handler, error) {
	auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{{
		URL:        issuer,
		Audiences:  []string{audience},
		Algorithms: []string{"RS256"},
	}}})
	if err != nil {
		return nil, err
	}
	router := chi.NewRouter()
	router.With(auth.Optional).Get("/hello", greet)
	router.Group(func(r chi.Router) {
		r.Use(auth.Handler)
		r.Get("/me", greet)
		r.With(auth.RequireScopes("read:timesheets")).Get("/timesheets", greet)
		r.With(auth.Require(middleware.Claim("permissions").All("read:reports"))).Get("/reports", greet)
	})
	return router, nil
}

func greet(w http.ResponseWriter, r *http.Request) {
	token, ok := claims.FromContext(r.Context())
	if !ok {
		fmt.Fprint(w, "stranger")
		return
	}
	fmt.Fprint(w, token.Subject())
}
