// Command readme is the program of README.md, which a test compares: go -C examples run ./readme
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

func main() {
	auth, err := middleware.New(middleware.Config{
		Issuer:    "https://tenant.eu.auth0.com/", // exactly as in iss: the slash is part of it
		Audiences: []string{"https://timesheets.example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	list := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		caller, err := c.Principal() // iss and sub: each issuer can give any sub
		if err != nil {
			auth.Refuse(w, r, err)
			return
		}
		fmt.Fprintln(w, "hello", caller)
	})
	http.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(list))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
