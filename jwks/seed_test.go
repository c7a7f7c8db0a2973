package jwks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestSeedServesWhileTheIssuerIsDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		seed := issuer.Document()
		issuer.Fail(jwkstest.Discovery, jwkstest.Hang())
		cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed = seed })
		assertState(t, jwks.StateStale, cache)
		assert.Zero(t, cache.Status().LastSuccess)

		assert.Equal(t, 3*time.Second, took(func() { requireKnown(t, cache, "known") }), "it may be old")
		time.Sleep(2 * time.Second)
		assert.Zero(t, took(func() { requireKnown(t, cache, "known") }))

		time.Sleep(whileExhausted)
		requireUnavailable(t, cache, "known")
	})
}

func TestSeedGivesWayToTheIssuer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		seed := issuer.Document()
		issuer.Retire("known")
		issuer.Publish(namedKey("other"))
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
		cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed = seed })
		requireUnknown(t, cache, "known")
		requireKnown(t, cache, "other")
		assertState(t, jwks.StateFresh, cache)
	})
}

func TestSeedThatCannotBeReadIsIgnored(t *testing.T) {
	for _, seed := range []string{"", "{", "<html>", `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AA"}]}`} {
		bubble(t, func(t *testing.T) {
			issuer := newIssuer()
			var log eventLog
			cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed, c.Logger = []byte(seed), log.logger() })
			assertState(t, jwks.StateCold, cache)
			assert.Equal(t, []string{"WARN jwks: seed could not be used"}, log.take())
			requireKnown(t, cache, "known")
		})
	}
}

func TestOnDocumentGetsWhatSeedTakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true})
		var stored [][]byte
		cache := newCache(t, issuer, func(c *jwks.Config) {
			c.OnDocument = func(document []byte) {
				stored = append(stored, document)
				time.Sleep(time.Minute) // a slow disk
			}
		})
		assert.Zero(t, took(func() { requireKnown(t, cache, "known") }), "no request waits for the hook")
		synctest.Wait()
		require.Equal(t, [][]byte{issuer.Document()}, stored)

		time.Sleep(whileRevalidating)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.Len(t, stored, 1, "a 304 brings no document")

		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(200, nil, `{"keys":[]}`))
		assert.Error(t, cache.Refresh(t.Context()))
		synctest.Wait()
		assert.Len(t, stored, 1, "a failure brings no document")

		issuer.Recover()
		next := newCache(t, issuer, func(c *jwks.Config) { c.Seed = stored[0] })
		clear(stored[0])
		requireKnown(t, next, "known")
		time.Sleep(time.Minute)
	})
}

func TestOnDocumentIsNotCalledForAnUnchangedDocument(t *testing.T) {
	for name, seeded := range map[string]bool{"with a seed": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				first := issuer.Document()
				var stored [][]byte
				cache := newCache(t, issuer, func(c *jwks.Config) {
					c.OnDocument = func(document []byte) { stored = append(stored, document) }
					if seeded {
						c.Seed = first
					}
				})
				want := [][]byte{first}
				if seeded {
					want = nil
				}
				refresh := func() {
					require.NoError(t, cache.Refresh(t.Context()))
					requireUnknown(t, cache, "junk") // by one more fetch, which is forced
					synctest.Wait()
				}
				refresh()
				assert.Equal(t, want, stored)
				issuer.Publish(namedKey("other"))
				refresh()
				want = append(want, issuer.Document())
				assert.Equal(t, want, stored)
				issuer.Retire("other")
				refresh()
				assert.Equal(t, append(want, first), stored, "it differs from the last one")
			})
		})
	}
}
