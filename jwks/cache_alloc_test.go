package jwks_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestKeysAllocatesNothingOnAHit(t *testing.T) {
	for name, age := range map[string]time.Duration{"fresh": 0, "revalidating": whileRevalidating, "stale-if-error": whileStale} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer, func(c *jwks.Config) {
					c.OnFetch = func(string, string, time.Duration) {}
					c.OnWait = func(context.Context) func(error) { return func(error) {} }
				})
				time.Sleep(age)
				if age > 0 { // the refresh has failed
					issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusServiceUnavailable, nil, ""))
					requireKnown(t, cache, "known")
				}
				synctest.Wait()
				ctx := t.Context()
				assert.Zero(t, testing.AllocsPerRun(1000, func() {
					if keys, err := cache.Keys(ctx, alg, "known"); len(keys) != 1 || err != nil {
						t.Error(err)
					}
				}))
			})
		})
	}
}

func TestKeysAllocatesNothingForAnUnknownKidWithoutAToken(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cache := newWarmCache(t, newIssuer())
		for range 3 {
			requireUnknown(t, cache, "junk")
		}
		synctest.Wait()
		assert.Zero(t, testing.AllocsPerRun(1000, func() {
			if _, err := cache.Keys(context.Background(), alg, "junk"); err == nil {
				t.Error("want an error")
			}
		}))
	})
}
