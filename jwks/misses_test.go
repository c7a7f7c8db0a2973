package jwks_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// counts are UnknownKeys and UnknownKeysUnfetched.
func counts(cache *jwks.Cache) [2]uint64 {
	status := cache.Status()
	return [2]uint64{status.UnknownKeys, status.UnknownKeysUnfetched}
}

// Each call counts once, and as unfetched only if it started no fetch and joined none.
func TestStatusCountsUnknownKeys(t *testing.T) {
	ask := func(t *testing.T, cache *jwks.Cache, alg, kid string, n int) {
		t.Helper()
		for range n {
			_, err := cache.Keys(t.Context(), alg, kid)
			require.Error(t, err)
		}
	}
	for name, tt := range map[string]struct {
		act  func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache)
		want [2]uint64
	}{
		"known keys": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			for _, age := range []time.Duration{0, whileRevalidating, whileStale} {
				time.Sleep(age)
				requireKnown(t, cache, "known")
				require.NoError(t, cache.Ready(t.Context()))
			}
		}, [2]uint64{0, 0}},
		"a forced fetch": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			ask(t, cache, alg, "junk", 1)
		}, [2]uint64{1, 0}},
		"a forced fetch that finds the key": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			issuer.Publish(newKey)
			requireKnown(t, cache, newKey.ID)
			requireKnown(t, cache, newKey.ID)
		}, [2]uint64{1, 0}},
		"the bucket is empty": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			ask(t, cache, alg, "junk", 10)
		}, [2]uint64{10, 7}},
		"a fetch that began before is joined first": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
			go func() { _ = cache.Refresh(t.Context()) }()
			time.Sleep(time.Millisecond)
			ask(t, cache, alg, "junk", 1)
		}, [2]uint64{1, 0}},
		"all who share a fetch": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
			concurrently(50, func(int) { ask(t, cache, alg, "junk", 1) })
		}, [2]uint64{50, 0}},
		"the issuer asked for a pause": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusServiceUnavailable, http.Header{"Retry-After": {"60"}}, ""))
			ask(t, cache, alg, "junk", 3)
		}, [2]uint64{3, 2}},
		"an alg that no key can have": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			ask(t, cache, "HS256", "known", 2)
		}, [2]uint64{2, 2}},
		"a kid that no key can have": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			ask(t, cache, alg, strings.Repeat("k", 257), 2)
		}, [2]uint64{2, 2}},
		"a blocked kid": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			cache.Block("known")
			ask(t, cache, alg, "known", 2)
		}, [2]uint64{2, 2}},
		"a blocked kid, stale in an outage": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			cache.Block("known")
			issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
			time.Sleep(whileStale)
			ask(t, cache, alg, "known", 1) // joins the refresh
			ask(t, cache, alg, "known", 1)
		}, [2]uint64{2, 1}},
		"more keys than four": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			for range 5 {
				issuer.PublishJWK(namedKey("same").JWK())
			}
			require.NoError(t, cache.Refresh(t.Context()))
			ask(t, cache, alg, "same", 2)
		}, [2]uint64{2, 2}},
		"a key that is published and skipped": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			issuer.PublishJWK(weakKey)
			require.NoError(t, cache.Refresh(t.Context()))
			ask(t, cache, alg, "weak", 2)
		}, [2]uint64{2, 2}},
		"no set": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
			time.Sleep(whileExhausted)
			ask(t, cache, alg, "known", 3)
		}, [2]uint64{0, 0}},
		"a fetch for a set that lacks the key": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			time.Sleep(whileExhausted)
			ask(t, cache, alg, "junk", 1)
		}, [2]uint64{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				time.Sleep(time.Second)
				tt.act(t, issuer, cache)
				synctest.Wait()
				assert.Equal(t, tt.want, counts(cache))
			})
		})
	}
}
