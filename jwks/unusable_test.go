package jwks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// weakKey is a key that an issuer publishes and that is never used.
const (
	weakKey    = `{"kty":"RSA","kid":"weak","n":"AQAB","e":"AQAB"}`
	weakReason = "RSA modulus under 2048 bits"
)

func requireUnusable(t testing.TB, cache claims.KeySet, kid, reason string) {
	t.Helper()
	keys, err := cache.Keys(t.Context(), alg, kid)
	require.ErrorIs(t, err, claims.ErrUnusableKey)
	require.ErrorIs(t, err, claims.ErrUnknownKey)
	require.NotErrorIs(t, err, claims.ErrKeysUnavailable)
	require.EqualError(t, err, "jwks: the key is published, but not used: "+reason)
	require.Empty(t, keys)
}

// The issuer publishes the key, so another fetch would not help. The operator must learn why the
// key is not used.
func TestB5SkippedKeyIsToldWithoutAFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.PublishJWK(weakKey)
		cache := newWarmCache(t, issuer)
		verifier := verifierOf(t, issuer, cache)
		token := issuer.Token(nil, forged(alg, "weak"))
		assert.Zero(t, keySetRequests(issuer, func() {
			for range 20 {
				requireUnusable(t, cache, "weak", weakReason)
				_, err := verifier.Verify(t.Context(), token)
				require.ErrorIs(t, err, claims.ErrUnknownKey, "as before")
				var reason claims.Reason
				require.ErrorAs(t, err, &reason)
				require.Equal(t, claims.ErrUnusableKey, reason)
				require.ErrorContains(t, err, "the key is published, but not used: "+weakReason)
			}
		}))
		assert.Equal(t, 3, keySetRequests(issuer, func() {
			for range 3 {
				requireUnknown(t, cache, "junk")
			}
		}), "it took no token from the bucket of forced fetches")

		time.Sleep(whileRevalidating)
		assert.Equal(t, 1, keySetRequests(issuer, func() { requireUnusable(t, cache, "weak", weakReason) }),
			"it starts a refresh that is due, as every token does")
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(whileStale)
		requireUnusable(t, cache, "weak", weakReason)
	})
}

func TestB5MendedKeyIsUsedAfterTheNextRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.PublishJWK(weakKey)
		cache := newWarmCache(t, issuer)
		issuer.Publish(namedKey("weak"))
		requireUnusable(t, cache, "weak", weakReason)
		time.Sleep(whileRevalidating)
		requireUnusable(t, cache, "weak", weakReason)
		time.Sleep(time.Second)
		requireKnown(t, cache, "weak")
	})
}

func TestB5SkippedKeyOfAStaticSet(t *testing.T) {
	issuer := newIssuer()
	issuer.PublishJWK(weakKey)
	static, err := jwks.NewStatic(issuer.Document())
	require.NoError(t, err)
	requireUnusable(t, static, "weak", weakReason)
	_, err = static.Keys(t.Context(), alg, "junk")
	require.ErrorIs(t, err, claims.ErrUnknownKey)
	require.NotErrorIs(t, err, claims.ErrUnusableKey)
}

func TestB5BlockedKidIsWithdrawnAndNotUnusable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.PublishJWK(weakKey)
		cache := newWarmCache(t, issuer)
		cache.Block("weak")
		_, err := cache.Keys(t.Context(), alg, "weak")
		require.ErrorContains(t, err, "withdrawn")
		require.NotErrorIs(t, err, claims.ErrUnusableKey)
	})
}
