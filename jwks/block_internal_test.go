package jwks

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

// An issuer that publishes ever new keys under a blocked kid must not fill the memory.
func TestBlockedMaterialIsBounded(t *testing.T) {
	leaked := block{}.with("leaked")
	for document := range maxBlockedMaterial/keyset.MaxKeys + 1 {
		set := manyKeysUnder(t, "leaked", document)
		leaked = leaked.learn(set)
		allBlocked := set.Without(leaked.material).Len() == 0
		assert.Equal(t, document < maxBlockedMaterial/keyset.MaxKeys, allBlocked)
	}
	assert.Len(t, leaked.material, maxBlockedMaterial)
}

// manyKeysUnder returns a full set of keys under one kid. Other seeds make other keys.
func manyKeysUnder(t *testing.T, kid string, seed int) *keyset.Set {
	t.Helper()
	var jwks []string
	for n := range keyset.MaxKeys {
		private := ed25519.NewKeyFromSeed(fmt.Appendf(nil, "%16d%16d", seed, n))
		x := base64.RawURLEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
		jwks = append(jwks, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, kid, x))
	}
	set, err := keyset.Parse([]byte(`{"keys":[`+strings.Join(jwks, ",")+`]}`), nil)
	require.NoError(t, err)
	require.Equal(t, keyset.MaxKeys, set.Len())
	return set
}
