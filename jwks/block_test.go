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

// A leaked key must not come back when the issuer publishes it under another kid, or without
// a kid.
func TestBlockedMaterialIsRefusedUnderOtherKids(t *testing.T) {
	leaked := namedKey("leaked")
	alias, nameless := leaked, leaked
	alias.ID, nameless.ID = "alias", ""
	for name, tt := range map[string]struct {
		seed   bool
		before bool // Block comes before the first set
	}{
		"blocked while it is in use":           {},
		"blocked before there is a set":        {before: true},
		"blocked while there is only the seed": {seed: true},
		"blocked before the set that names it": {seed: true, before: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				if !tt.before {
					issuer.Publish(leaked)
				}
				cache := newCache(t, issuer, func(c *jwks.Config) {
					if tt.seed {
						c.Seed = issuer.Document()
					}
				})
				if tt.before {
					cache.Block("leaked")
					issuer.Publish(leaked)
				}
				if !tt.seed || tt.before {
					require.NoError(t, cache.Refresh(t.Context()))
				}
				cache.Block("leaked")
				issuer.Retire("leaked")
				issuer.Publish(alias)
				issuer.Publish(nameless)
				for range 2 {
					require.NoError(t, cache.Refresh(t.Context()))
					requireUnknown(t, cache, "alias")
					requireUnknown(t, cache, "leaked")
					keys, err := cache.Keys(t.Context(), alg, "")
					require.NoError(t, err)
					assert.Equal(t, []claims.Key{requireKnown(t, cache, "known")}, keys)
				}
				assert.Equal(t, []string{"known"}, cache.Status().KeyIDs)
			})
		})
	}
}

func TestBlockOfAnotherKidBlocksNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Publish(namedKey(""))
		cache := newWarmCache(t, issuer)
		for _, kid := range []string{"", "other", "KNOWN"} {
			cache.Block(kid)
		}
		require.NoError(t, cache.Refresh(t.Context()))
		requireKnown(t, cache, "known")
		keys, err := cache.Keys(t.Context(), alg, "")
		require.NoError(t, err)
		assert.Len(t, keys, 2)
	})
}

func TestNewMaterialUnderABlockedKidIsBlocked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		cache.Block("known")
		renewed := namedKey("known")
		issuer.Publish(renewed)
		issuer.Publish(namedKey("other"))
		require.NoError(t, cache.Refresh(t.Context()))
		requireUnknown(t, cache, "known")
		issuer.Retire("known")
		renewed.ID = "alias"
		issuer.Publish(renewed)
		require.NoError(t, cache.Refresh(t.Context()))
		requireUnknown(t, cache, "alias")
		requireKnown(t, cache, "other")
	})
}

func TestBlockSurvivesRefreshesAndForcesNoFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Publish(namedKey("other"))
		cache := newCache(t, issuer)
		cache.Block("known") // before there is a set
		cache.Block("")
		requireKnown(t, cache, "other")
		for range 3 {
			assert.Zero(t, keySetRequests(issuer, func() { requireUnknown(t, cache, "known") }))
			time.Sleep(whileStale)
			requireKnown(t, cache, "other")
		}
		keys, err := cache.Keys(t.Context(), alg, "")
		require.NoError(t, err)
		assert.Equal(t, []claims.Key{requireKnown(t, cache, "other")}, keys, "a token without kid does not get it either")
		status := cache.Status()
		assert.Equal(t, []string{"known"}, status.Blocked)
		assert.Equal(t, []string{"other"}, status.KeyIDs)
	})
}

func TestBlockedKidIsNotServedByKeysWithoutKid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		nameless := namedKey("")
		issuer := jwkstest.NewIssuer(jwkstest.Config{Key: nameless})
		cache := newWarmCache(t, issuer)
		requireKnown(t, cache, "any kid will do")
		cache.Block("any kid will do")
		requireUnknown(t, cache, "any kid will do")
	})
}
