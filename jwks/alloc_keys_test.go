//go:build !race

package jwks_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

// A look-up is a map access: nothing is allocated, found or not.
func TestKeysAllocatesNothing(t *testing.T) {
	secrets, err := jwks.NewSecrets(jwks.Secret{KeyID: "0", Algorithm: "HS256", Value: randomSecret(32)})
	require.NoError(t, err)
	ctx := t.Context()
	check := func(set claims.KeySet, alg, kid string) {
		allocations := testing.AllocsPerRun(100, func() { _, _ = set.Keys(ctx, alg, kid) })
		assert.Zero(t, allocations, "%T %s %q", set, alg, kid)
	}
	for _, n := range []int{1, 10, 256} {
		set := ed25519Set(t, n)
		for _, kid := range []string{"0", fmt.Sprint(n - 1), "unknown", ""} {
			check(set, "EdDSA", kid)
			check(set, "RS256", kid)
		}
	}
	check(secrets, "HS256", "0")
	check(secrets, "HS256", "unknown")
}

// A check costs what crypto costs and little more. The ceilings leave some room for
// another Go release.
func TestVerifyAllocations(t *testing.T) {
	ceilings := map[string]float64{
		"RS256": 14, "RS384": 14, "RS512": 14, "PS256": 18, "PS384": 18, "PS512": 18,
		"ES256": 28, "ES384": 40, "ES512": 40, "EdDSA": 4, "Ed25519": 4,
	}
	for _, tt := range algorithmTests {
		set, err := jwks.StaticKeys(jwks.PublicKey{Key: tt.key().Public()})
		require.NoError(t, err)
		key := onlyKey(t, set, tt.alg, "")
		input, signature := []byte(signingInput), signWith(t, tt.alg, tt.key(), signingInput)
		allocations := testing.AllocsPerRun(20, func() { _ = key.Verify(input, signature) })
		assert.LessOrEqual(t, allocations, ceilings[tt.alg], tt.alg)
	}
}
