// Command after serves the same Timesheets API with bearerguard.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

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
	mux := http.NewServeMux()
	mux.Handle("GET /me", auth.Handler(http.HandlerFunc(greet)))
	mux.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(http.HandlerFunc(greet)))
	mux.Handle("GET /reports", auth.Require(
		middleware.Claim("permissions").All("read:reports"))(http.HandlerFunc(greet)))
	return mux, nil
}

func greet(w http.ResponseWriter, r *http.Request) {
	token, _ := claims.FromContext(r.Context()) // every route requires a token
	fmt.Fprint(w, token.Subject())
}
