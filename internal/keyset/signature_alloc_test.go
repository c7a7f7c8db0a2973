//go:build !race

package keyset_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A check allocates little more than the bare check. The ceilings leave some room for other Go
// releases.
func TestVerifyAllocations(t *testing.T) {
	ceilings := map[string]float64{
		"RS256": 14, "RS384": 14, "RS512": 14, "PS256": 18, "PS384": 18, "PS512": 18,
		"ES256": 28, "ES384": 40, "ES512": 40, "EdDSA": 4, "Ed25519": 4,
	}
	for _, tt := range algorithmTests {
		set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: tt.key().Public()})
		require.NoError(t, err)
		key := onlyKey(t, set, tt.alg, "")
		input, signature := []byte(signingInput), signWith(t, tt.alg, tt.key(), signingInput)
		allocations := testing.AllocsPerRun(20, func() { _ = key.Verify(input, signature) })
		assert.LessOrEqual(t, allocations, ceilings[tt.alg], tt.alg)
	}
}
