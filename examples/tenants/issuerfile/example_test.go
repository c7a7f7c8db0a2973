package issuerfile_test

import (
	"fmt"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/examples/tenants/issuerfile"
	"github.com/bearerguard/bearerguard/middleware"
)

func ExampleNew() {
	// The middleware cannot be made without an issuer. This one is replaced at once.
	auth, err := middleware.New(middleware.Config{
		Issuers: []claims.Issuer{{URL: "https://issuer.invalid/", Audiences: []string{"none"}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	watcher, err := issuerfile.New(issuerfile.Config{Path: "testdata/issuers.json", Replace: auth.Replace})
	if err != nil {
		fmt.Println(err)
		return
	}
	// go watcher.Run(ctx)
	fmt.Println(watcher.Status().Issuers)
	for _, issuer := range auth.Status().Issuers {
		fmt.Println(issuer.Issuer)
	}
	// Output:
	// 3
	// https://login.example.com/realms/acme
	// https://globex.eu.auth0.com/
	// https://token.actions.githubusercontent.com
}

// A common mistake: a template whose value is missing.
func ExampleParse() {
	_, err := issuerfile.Parse([]byte(`[{"url": "https://login.example.com/", "audiences": [""], "leeway": 10}]`))
	fmt.Println(err)
	// Output:
	// issuerfile: /0/audiences/0: it is empty: a value that is missing must not end a check; to use the default, leave the member out
	// issuerfile: /0/leeway: the member must be a duration such as "90s"
}
