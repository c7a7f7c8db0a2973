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
		c, ok := claims.FromContext(r.Context())
		if !ok { // the route is not protected
			auth.Refuse(w, r, middleware.ErrNoToken)
			return
		}
		fmt.Fprintf(w, "hello %s of %s\n", c.Subject(), c.Issuer())
	})
	http.Handle("GET /timesheets", auth.RequireScopes("read:timesheets")(list))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
