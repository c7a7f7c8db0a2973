package claims_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// One issuer can have different rules for two audiences: a Verifier for each, which share the
// issuer's keys. Each part of the API then uses its own Verifier.
func ExampleIssuer_audiences() {
	keys := exampleKeys // one *jwks.Cache for both
	verifier := func(audience string, change func(*claims.Issuer)) *claims.Verifier {
		issuer := claims.Issuer{URL: issuerURL, Audiences: []string{audience}, Keys: keys}
		change(&issuer)
		return newExampleVerifier(issuer)
	}
	reports := verifier("https://api.example/reports", func(*claims.Issuer) {})
	admin := verifier("https://api.example/admin", func(i *claims.Issuer) {
		i.RequiredClaims = []string{"acr"}
		i.ClaimOneOf = map[string][]string{"department": {"finance", "audit"}}
	})

	token := token(members{"aud": `["https://api.example/reports","https://api.example/admin"]`})
	_, err := reports.Verify(context.Background(), token)
	fmt.Println("reports:", err)
	_, err = admin.Verify(context.Background(), token)
	fmt.Println("admin:", err)
	// Output:
	// reports: <nil>
	// admin: claims: a required claim or value is missing: acr
}

// With one Verifier, a rule can look at the audience of the token. Validate runs for each request.
func ExampleIssuer_validateByAudience() {
	verifier := newExampleVerifier(claims.Issuer{
		URL:       issuerURL,
		Audiences: []string{"https://api.example/reports", "https://api.example/admin"},
		Keys:      exampleKeys,
		Validate: func(_ context.Context, c *claims.Claims) error {
			for _, audience := range c.Audience() {
				if audience == "https://api.example/admin" && c.Strings("acr") == nil {
					return fmt.Errorf("no acr: %w", claims.ErrForbidden)
				}
			}
			return nil
		},
	})
	_, err := verifier.Verify(context.Background(), token(members{"aud": `"https://api.example/reports"`}))
	fmt.Println("reports:", err)
	_, err = verifier.Verify(context.Background(), token(members{"aud": `"https://api.example/admin"`}))
	fmt.Println("admin:", errors.Is(err, claims.ErrForbidden))
	// Output:
	// reports: <nil>
	// admin: true
}

// Scopes of a partner count only if the API lists them.
func Example_partner() {
	partner := claims.Issuer{
		URL: "https://partner.example/", Audiences: []string{audience}, Keys: exampleKeys,
		AllowedScopes: []string{"read:x"},
	}
	home := claims.Issuer{URL: issuerURL, Audiences: []string{audience}, Keys: exampleKeys}
	verifier := newExampleVerifier(home, partner)

	text := token(members{"iss": `"https://partner.example/"`, "scope": `"admin read:x"`})
	c, err := verifier.Verify(context.Background(), text)
	if err != nil {
		panic(err)
	}
	// The partner's alice is not the home issuer's alice.
	fmt.Println(c.Issuer(), c.Subject(), c.Scopes())
	// Output: https://partner.example/ alice [read:x]
}

func newExampleVerifier(issuers ...claims.Issuer) *claims.Verifier {
	verifier, err := claims.NewVerifier(claims.Config{Issuers: issuers, Now: func() time.Time { return now }})
	if err != nil {
		panic(err)
	}
	return verifier
}
