package claims_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/jwks"
)

// A developer asks why a token is refused.
func ExampleVerifier_Explain() {
	keys, err := jwks.StaticKeys(jwks.PublicKey{KeyID: "k1", Key: signer.Public()})
	if err != nil {
		panic(err)
	}
	verifier, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{{URL: "https://issuer.example/", Audiences: []string{"https://api.example"}, Keys: keys}},
		Now:     func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) },
	})
	if err != nil {
		panic(err)
	}
	token := sign(`{"alg":"EdDSA","kid":"k1"}`, `{"iss":"https://issuer.example/","aud":["https://other.example"],"exp":1893557045}`)

	report := verifier.Explain(context.Background(), token, explain.Options{})
	for _, step := range report.Steps {
		if step.Check == report.Deciding() {
			fmt.Println(step.Check, step.Result, step.Reason)
			fmt.Println("expected:", step.Expected)
			fmt.Println("received:", step.Received)
			fmt.Println(step.Hint)
		}
	}
	// Output:
	// aud fail audience
	// expected: one of "https://api.example"
	// received: "https://other.example"
	// The token is for another API: the client must ask for "https://api.example". If aud is another name of this API, add it to Issuer.Audiences.
}
