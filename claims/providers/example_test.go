package providers_test

import (
	"fmt"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// The Issuer is a plain value. A Config of package middleware takes it as it is, and finds its
// keys.
func ExampleKeycloak() {
	issuer := providers.Keycloak("https://id.example.com", "staff", "timesheets")
	issuer.AllowedScopes = []string{"read:timesheets", "write:timesheets"}
	fmt.Println(issuer.URL)
	// Output: https://id.example.com/realms/staff
}

// A common mistake: the domain has a scheme. NewVerifier reports it, and middleware.New does.
func ExampleAuth0_mistake() {
	issuer := providers.Auth0("https://tenant.eu.auth0.com", "https://timesheets.example.com")
	issuer.Keys = oneKey{} // for example a *jwks.Cache
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	fmt.Println(err)
	// Output:
	// claims: invalid Issuer "https://https://tenant.eu.auth0.com/": the domain must be a host name, without a scheme or a path, in lower case
}

// Managed identities without an app role are accepted only if their object IDs are listed.
func ExampleEntra_managedIdentities() {
	issuers := providers.Entra("6e74172b-be56-4843-9ff4-e66a39bb12e3", "11111111-2222-3333-4444-555555555555")
	for n := range issuers {
		issuers[n].RequiredAny = nil // neither scp nor roles is required
		issuers[n].ClaimOneOf = map[string][]string{"oid": {"99999999-0000-0000-0000-000000000001"}}
		issuers[n].Keys = oneKey{} // package middleware sets it
	}
	_, err := claims.NewVerifier(claims.Config{Issuers: issuers})
	fmt.Println(err)
	// Output: <nil>
}
