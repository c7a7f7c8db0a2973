package jwks_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

var (
	_ claims.KeySet = (*jwks.Static)(nil)
	_ claims.KeySet = (*jwks.Secrets)(nil)
)

func TestNewStaticWithoutAUsableKeyNamesTheReasons(t *testing.T) {
	_, err := jwks.NewStatic([]byte(`{"keys":[{"kty":"oct","kid":"a\n","k":"AA"},{"kty":"XMSS"}]}`))
	assert.EqualError(t, err, `jwks: key set has no usable key: kid "a?": a symmetric key; kid "": unsupported kty`)

	_, err = jwks.NewStatic([]byte(`{"keys":[]}`))
	assert.EqualError(t, err, "jwks: key set has no usable key")

	_, err = jwks.NewStatic([]byte(`{"keys":[` + strings.Repeat("0,", 99) + "0]}"))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "; and 92 more")
	assert.Less(t, len(err.Error()), 1000)

	_, err = jwks.NewStatic([]byte("<html>"))
	assert.EqualError(t, err, "jwks: not a JWK Set: it looks like a page of HTML, such as a login page")
}

func TestZeroSetsHoldNoKeys(t *testing.T) {
	for _, set := range []claims.KeySet{&jwks.Static{}, (*jwks.Static)(nil), &jwks.Secrets{}, (*jwks.Secrets)(nil)} {
		_, err := set.Keys(t.Context(), "RS256", "a")
		assert.ErrorIs(t, err, claims.ErrUnknownKey)
	}
}

// A static set has nothing to wait for.
func TestStaticIgnoresTheContext(t *testing.T) {
	set, err := jwks.NewStatic(newIssuer().Document())
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = set.Keys(ctx, alg, "known")
	assert.NoError(t, err)
}

func TestStaticKeysWithoutAKeyIsAMistake(t *testing.T) {
	_, err := jwks.StaticKeys()
	assert.EqualError(t, err, "jwks: StaticKeys without a key")
}
