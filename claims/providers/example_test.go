package providers_test

import (
	"fmt"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
	"github.com/bearerguard/bearerguard/middleware"
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

// Scopes are in the array scp of Okta's tokens, which is read by default.
func ExampleOkta() {
	issuer := providers.Okta("acme.okta.com", "default", "api://default")
	fmt.Println(issuer.URL)
	// Output: https://acme.okta.com/oauth2/default
}

// Tokens without aud are accepted from the listed app clients.
func ExampleCognito() {
	issuer := providers.Cognito("eu-west-1", "eu-west-1_AbCdEfGhI", "1h57kf5cpq17m0eml12example")
	fmt.Println(issuer.URL)
	// Output: https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI
}

// While a pool changes its issuer type, both Issuers are configured.
func ExampleCognitoUpdated() {
	const pool, client = "eu-west-1_AbCdEfGhI", "1h57kf5cpq17m0eml12example"
	for _, issuer := range []claims.Issuer{
		providers.Cognito("eu-west-1", pool, client),
		providers.CognitoUpdated("eu-west-1", pool, client),
	} {
		fmt.Println(issuer.URL)
	}
	// Output:
	// https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI
	// https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI
}

// The token is in a field of its own, and keys are at an address that the constructor knows.
func ExampleCloudflareAccess() {
	tag := "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228" // of the application
	auth, err := middleware.New(middleware.Config{
		TokenField: providers.CloudflareAccessField,
		Issuers:    []claims.Issuer{providers.CloudflareAccess("acme", tag)},
	})
	fmt.Println(auth != nil, err)
	// Output: true <nil>
}

func ExampleGoogleIAP() {
	auth, err := middleware.New(middleware.Config{
		TokenField: providers.GoogleIAPField,
		Issuers:    []claims.Issuer{providers.GoogleIAP("/projects/1234567890/global/backendServices/9876543210")},
	})
	fmt.Println(auth != nil, err)
	// Output: true <nil>
}

// A profile is a change to an Issuer.
func ExampleFAPI2() {
	issuer := providers.FAPI2(providers.Keycloak("https://id.example.com", "bank", "payments"))
	fmt.Println(issuer.Algorithms)
	// Output: [PS256 ES256 EdDSA Ed25519]
}
