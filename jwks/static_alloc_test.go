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

// A look-up is a map access. It allocates nothing, whether or not it finds a key.
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
