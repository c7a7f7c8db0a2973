package providers

import "github.com/bearerguard/bearerguard/claims"

// FAPI2 returns issuer with the signature algorithms of the FAPI 2.0 Security Profile. They are
// PS256, ES256, and EdDSA with Ed25519 (Final, February 2025, "Cryptography and secrets"). RS256
// is not one of them. The profile also demands tokens that are bound to their client (section
// 5.3.4), of the Middleware:
//
//	middleware.Config{
//		Issuers: []claims.Issuer{providers.FAPI2(issuer)},
//		DPoP: &dpop.Config{
//			Origins:    []string{"https://api.example.com"},
//			Algorithms: []string{"PS256", "ES256", "EdDSA", "Ed25519"},
//		},
//		RequireBinding: true,
//	}
//
// What else the profile demands of a resource server holds for every Middleware: tokens are read
// from the header only, and validity, integrity and expiration are checked. Revocation is for
// Issuer.Validate.
func FAPI2(issuer claims.Issuer) claims.Issuer {
	issuer.Algorithms = []string{"PS256", "ES256", "EdDSA", "Ed25519"}
	return issuer
}
