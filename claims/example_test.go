package claims_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/bearerguard/bearerguard/claims"
)

// A queue consumer verifies the token that came with a message.
func ExampleNewVerifier() {
	verifier, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{{
			URL:       "https://issuer.example/",
			Audiences: []string{"https://api.example"},
			Keys:      exampleKeys, // for instance a *jwks.Cache
		}},
	})
	if err != nil {
		panic(err)
	}
	_, err = verifier.Verify(context.Background(), "not-a-token")
	var reason claims.Reason
	fmt.Println(errors.As(err, &reason), string(reason))
	// Output: true malformed
}

var exampleKeys = oneKey()

// All mistakes of a Config are reported together.
func ExampleNewVerifier_mistakes() {
	_, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{{URL: "https://issuer.example/", Algorithms: []string{"none"}}},
	})
	fmt.Println(err)
	// Output:
	// claims: invalid Issuer "https://issuer.example/": Keys is nil
	// claims: invalid Issuer "https://issuer.example/": Audiences is empty
	// claims: invalid Issuer "https://issuer.example/": algorithm "none" is not supported
}

// A handler can be tested with handwritten claims, without a token or a network.
func ExampleParseUnverified() {
	c, err := claims.ParseUnverified([]byte(`{"sub":"alice","scope":"read:timesheets"}`))
	if err != nil {
		panic(err)
	}
	ctx := claims.NewContext(context.Background(), c)

	// What the handler does:
	seen, ok := claims.FromContext(ctx)
	fmt.Println(ok, seen.Subject(), seen.HasScope("read:timesheets"))
	// Output: true alice true
}

// Custom claims are decoded by the same strict rules as the registered ones.
func ExampleAs() {
	c, _ := claims.ParseUnverified([]byte(`{"org_id":"org_9","realm_access":{"roles":["editor"]}}`))
	org, err := claims.As[struct {
		ID string `json:"org_id"`
	}](c)
	fmt.Println(org.ID, err)
	fmt.Println(c.Strings("realm_access", "roles"))
	// Output:
	// org_9 <nil>
	// [editor]
}

// A scope matches only as a whole. strings.Contains would take this scope for a match.
func ExampleClaims_HasScope() {
	c, _ := claims.ParseUnverified([]byte(`{"scope":"read:timesheets-archive"}`))
	fmt.Println(c.HasScope("read:timesheets"))
	// Output: false
}
