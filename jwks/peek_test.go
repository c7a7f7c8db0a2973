package jwks_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/explain"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A peeker is what an explanation looks for in a claims.KeySet.
type peeker interface {
	Peek(alg, kid string) ([]claims.Key, explain.KeySet, error)
}

var _, _, _ peeker = (*jwks.Cache)(nil), (*jwks.Static)(nil), (*jwks.Secrets)(nil)

// peek calls Peek, and checks that it does nothing else: no fetch, and no counter moves.
func peek(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache, alg, kid string) ([]claims.Key, explain.KeySet, error) {
	t.Helper()
	before := cache.Status()
	var keys []claims.Key
	var set explain.KeySet
	var err error
	assert.Zero(t, keySetRequests(issuer, func() { keys, set, err = cache.Peek(alg, kid) }))
	assert.Equal(t, before, cache.Status())
	assert.Equal(t, string(before.State), set.State)
	assert.Equal(t, before.Age, set.Age)
	assert.Equal(t, before.KeyIDs, set.KeyIDs)
	assert.Equal(t, before.NextRefresh, set.NextRefresh)
	assert.Equal(t, before.ClockDifference, set.ClockDifference)
	return keys, set, err
}

func TestPeekLooksInWhatIsThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.PublishJWK(weakKey)
		cache := newCache(t, issuer, atURL(issuer))
		_, set, err := peek(t, issuer, cache, alg, "known")
		unavailable(t, nil, err)
		assert.Equal(t, "cold", set.State)
		_, _, err = peek(t, issuer, cache, "HS256", "known")
		require.ErrorIs(t, err, claims.ErrUnknownKey, "as for Keys: no fetch can help")

		issuer.Fail(jwkstest.JWKS, dated(time.Minute, ""))
		known := requireKnown(t, cache, "known")
		issuer.Publish(newKey)
		cache.Block("blocked")
		for _, age := range []time.Duration{0, whileRevalidating, whileStale} {
			time.Sleep(age)
			keys, set, err := peek(t, issuer, cache, alg, "known")
			require.NoError(t, err)
			assert.Equal(t, []claims.Key{known}, keys)
			assert.Equal(t, time.Minute, set.ClockDifference)
			for _, kid := range []string{newKey.ID, "junk", "", strings.Repeat("k", 257), "blocked"} {
				keys, _, err = peek(t, issuer, cache, alg, kid)
				if kid == "" {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, claims.ErrUnknownKey, kid)
				assert.Empty(t, keys)
			}
			_, _, err = peek(t, issuer, cache, "HS256", "known")
			require.ErrorIs(t, err, claims.ErrUnknownKey)
			_, _, err = peek(t, issuer, cache, alg, "weak")
			require.ErrorIs(t, err, claims.ErrUnusableKey)
		}

		time.Sleep(whileExhausted)
		_, set, err = peek(t, issuer, cache, alg, "known")
		unavailable(t, nil, err)
		assert.Equal(t, []string{"known"}, set.KeyIDs)
	})
}

// In an outage the error wraps the reason, as that of Keys does.
func TestPeekSaysWhyThereIsNoSet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, respond(403, ""))
		cache := newCache(t, issuer, atURL(issuer))
		requireUnavailable(t, cache, "known")
		_, _, err := peek(t, issuer, cache, alg, "known")
		require.ErrorContains(t, err, "status 403")
		assert.Positive(t, unavailable(t, nil, err).RetryAfter)
	})
}

// It is no request: it waits for no fetch that is under way.
func TestPeekDoesNotWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var w waits
		issuer := newIssuer()
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		cache := newCache(t, issuer, atURL(issuer), w.use)
		go func() { _ = cache.Refresh(t.Context()) }()
		synctest.Wait()
		assert.Zero(t, took(func() {
			_, _, err := peek(t, issuer, cache, alg, "known")
			unavailable(t, nil, err)
		}))
		assert.Zero(t, w.begun)
	})
}

func TestPeekOfSetsThatNeverChange(t *testing.T) {
	static, err := jwks.NewStatic(newIssuer().Document())
	require.NoError(t, err)
	secrets, err := jwks.NewSecrets(
		jwks.Secret{KeyID: "b", Algorithm: "HS256", Value: randomSecret(32)},
		jwks.Secret{KeyID: "a", Algorithm: "HS512", Value: randomSecret(64)},
		jwks.Secret{KeyID: "b", Algorithm: "HS512", Value: randomSecret(64)},
		jwks.Secret{Algorithm: "HS512", Value: randomSecret(64)},
	)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		set      peeker
		alg, kid string
		kids     []string
	}{
		"Static":           {static, alg, "known", []string{"known"}},
		"Secrets":          {secrets, "HS256", "b", []string{"a", "b"}},
		"no Static":        {(*jwks.Static)(nil), alg, "", nil},
		"an empty Static":  {&jwks.Static{}, alg, "", nil},
		"no Secrets":       {(*jwks.Secrets)(nil), "HS256", "", nil},
		"an empty Secrets": {&jwks.Secrets{}, "HS256", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			keys, set, err := tt.set.Peek(tt.alg, tt.kid)
			assert.Equal(t, explain.KeySet{KeyIDs: tt.kids}, set, "no state, no age")
			if tt.kids == nil {
				require.ErrorIs(t, err, claims.ErrUnknownKey)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []claims.Key{onlyKey(t, tt.set.(claims.KeySet), tt.alg, tt.kid)}, keys)
			_, set, err = tt.set.Peek(tt.alg, "junk")
			require.ErrorIs(t, err, claims.ErrUnknownKey)
			assert.Equal(t, tt.kids, set.KeyIDs)
			require.False(t, errors.Is(err, claims.ErrUnusableKey))
		})
	}
}
