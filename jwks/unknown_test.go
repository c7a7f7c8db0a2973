package jwks_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestUnknownAlgOrKidForcesAFetch(t *testing.T) {
	for name, tt := range map[string]struct {
		alg, kid string
		fetches  int
	}{
		"unknown kid":                         {alg, "junk", 1},
		"known kid under an alg of no key":    {"RS256", "known", 1},
		"no kid and an alg of no key":         {"RS256", "", 1},
		"HMAC":                                {"HS256", "known", 0},
		"HMAC, unknown kid":                   {"HS512", "junk", 0},
		"alg none":                            {"none", "known", 0},
		"no alg":                              {"", "known", 0},
		"an alg that does not exist":          {"XX256", "junk", 0},
		"an alg in another case":              {"eddsa", "known", 0},
		"an alg that is not supported":        {"ES256K", "junk", 0},
		"a kid that no key set may have":      {alg, strings.Repeat("k", 257), 0},
		"the longest kid that a key may have": {alg, strings.Repeat("k", 256), 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				for range 2 {
					assert.Equal(t, tt.fetches, keySetRequests(issuer, func() {
						keys, err := cache.Keys(t.Context(), tt.alg, tt.kid)
						assert.ErrorIs(t, err, claims.ErrUnknownKey)
						assert.Empty(t, keys)
					}))
				}
				if tt.fetches == 0 {
					time.Sleep(whileExhausted) // it does not start a due refresh either
					assert.Zero(t, keySetRequests(issuer, func() { _, _ = cache.Keys(t.Context(), tt.alg, tt.kid) }))
				}
			})
		})
	}
}

func TestAmbiguousKidNeverFetches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		for range 4 {
			issuer.PublishJWK(namedKey("known").JWK())
		}
		cache := newWarmCache(t, issuer)
		assert.Zero(t, keySetRequests(issuer, func() { requireUnknown(t, cache, "known") }))
	})
}

func TestEmptyBucketAnswersAtOnceByTheLatestFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		for range 3 {
			requireUnknown(t, cache, "junk")
		}
		assert.Zero(t, took(func() { requireUnknown(t, cache, "junk") }))

		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(10 * time.Second)
		requireUnavailable(t, cache, "junk") // takes the one token
		assert.Zero(t, took(func() {
			failure := requireUnavailable(t, cache, "junk")
			assert.Equal(t, 10*time.Second, failure.RetryAfter, "when the bucket has a token again")
		}))
		issuer.Recover()
		issuer.Publish(namedKey("junk"))
		time.Sleep(10 * time.Second)
		requireKnown(t, cache, "junk")
	})
}

func TestRotationWhileClientsCallCostsOneFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(50*time.Millisecond))
		stop, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, func() { issuer.Rotate() })
		time.AfterFunc(2*time.Minute, cancel)

		assert.Equal(t, 1, keySetRequests(issuer, func() {
			concurrently(64, func(int) {
				for stop.Err() == nil {
					requireKnown(t, cache, issuer.SigningKey().ID)
					time.Sleep(100 * time.Millisecond)
				}
			})
		}))
	})
}

func TestKeyIdentityAcrossRefreshes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		old := requireKnown(t, cache, "known")
		require.NoError(t, cache.Refresh(t.Context()))
		assert.True(t, old == requireKnown(t, cache, "known"))

		issuer.Publish(namedKey("known")) // new material under the old kid
		require.NoError(t, cache.Refresh(t.Context()))
		assert.False(t, old == requireKnown(t, cache, "known"))
	})
}

func TestErrorOfAWaiterHasItsCause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		broken := errors.New("broken pipe dream")
		cache := newCache(t, issuer, func(c *jwks.Config) {
			c.Client = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, broken })}
		})
		assert.ErrorIs(t, requireUnavailable(t, cache, "known"), broken)
		assert.ErrorIs(t, cache.Status().LastError, broken)
		assert.ErrorIs(t, cache.Refresh(t.Context()), broken)
	})
}
