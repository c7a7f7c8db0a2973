package providers_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/providers"
)

// FAPI 2.0 Security Profile, "Cryptography and secrets". TestFAPI2 of package middleware sends
// tokens.
func TestFAPI2ChangesTheAlgorithmsOnly(t *testing.T) {
	issuer := claims.Issuer{URL: "https://issuer.example/", Audiences: []string{"api"}, Algorithms: []string{"RS256"}}
	got := providers.FAPI2(issuer)
	assert.Equal(t, []string{"PS256", "ES256", "EdDSA", "Ed25519"}, got.Algorithms)
	assert.Equal(t, []string{"RS256"}, issuer.Algorithms, "the argument is not changed")
	got.Algorithms = issuer.Algorithms
	assert.Equal(t, issuer, got)
}
