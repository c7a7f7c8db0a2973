package jwks_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A disk keeps what OnDocument delivers, and the time, as a program does that uses Seed.
type disk struct {
	document []byte
	at       time.Time
	writes   int
}

func (d *disk) use(c *jwks.Config) {
	c.Seed, c.SeedTime = d.document, d.at
	c.OnDocument = func(document []byte) { d.document, d.at, d.writes = document, time.Now(), d.writes+1 }
}

// A program restarts every 23 hours while the issuer is out of reach. Without the time, the
// removed key of the seed served for 23 of each 24 hours, for ever.
func TestA13SeedServesForMaxStaleOfItsFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d disk
		issuer := newIssuer()
		start := time.Now()
		requireKnown(t, newCache(t, issuer, d.use), "known")
		synctest.Wait()
		require.Equal(t, start, d.at)
		atHost(jwkstest.Refuse())(issuer)
		issuer.Retire("known")
		for range 30 {
			cache := newCache(t, issuer, d.use)
			for boot := time.Now(); time.Since(boot) < 23*time.Hour; time.Sleep(30 * time.Minute) {
				_, err := cache.Keys(t.Context(), alg, "known")
				require.Equal(t, time.Since(start) < 24*time.Hour, err == nil, time.Since(start))
			}
		}
		assert.Equal(t, 1, d.writes)
	})
}

// The age of such a seed is not known, so it never serves for longer than a set does without an
// answer of the issuer.
func TestA13SeedOfUnknownAgeServesForAnHour(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		atHost(jwkstest.Refuse())(issuer)
		for range 3 {
			cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed = issuer.Document() })
			assertState(t, jwks.StateStale, cache)
			for boot := time.Now(); time.Since(boot) < 23*time.Hour; time.Sleep(20 * time.Minute) {
				_, err := cache.Keys(t.Context(), alg, "known")
				require.Equal(t, time.Since(boot) < time.Hour, err == nil, time.Since(boot))
			}
		}
	})
}

func TestA13SeedTimeBoundsTheSeed(t *testing.T) {
	for name, tt := range map[string]struct {
		age    time.Duration // of the seed
		serves time.Duration
	}{
		"just now":      {0, 24 * time.Hour},
		"20 hours ago":  {20 * time.Hour, 4 * time.Hour},
		"a day ago":     {24 * time.Hour, 0},
		"a year ago":    {365 * 24 * time.Hour, 0},
		"in the future": {-time.Hour, 24 * time.Hour}, // of a wall clock that was set back: as now
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				atHost(jwkstest.Refuse())(issuer)
				cache := newCache(t, issuer, func(c *jwks.Config) {
					c.Seed, c.SeedTime = issuer.Document(), time.Now().Add(-tt.age)
				})
				if tt.serves > 0 {
					time.Sleep(tt.serves - time.Minute)
					requireKnown(t, cache, "known")
					time.Sleep(time.Minute)
				}
				requireUnavailable(t, cache, "known")
				issuer.Recover()
				time.Sleep(5 * time.Second)
				requireKnown(t, cache, "known")
			})
		})
	}
}

// The issuer publishes the same document for a month, and the program restarts every 23 hours.
// When an outage begins, the seed is not older than an hour and a refresh.
func TestA13ConfirmedDocumentIsStoredAgain(t *testing.T) {
	for name, caching := range map[string]jwkstest.Caching{"200": {}, "304": {ETag: true}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var d disk
				issuer := newIssuer()
				issuer.SetCaching(caching)
				for range 30 {
					cache := newCache(t, issuer, d.use)
					for boot := time.Now(); time.Since(boot) < 23*time.Hour; time.Sleep(5 * time.Minute) {
						requireKnown(t, cache, "known")
						synctest.Wait()
						require.LessOrEqual(t, time.Since(d.at), time.Hour+20*time.Minute)
					}
				}
				assert.LessOrEqual(t, d.writes, 30*24, "not more than once an hour")

				atHost(jwkstest.Refuse())(issuer)
				cache := newCache(t, issuer, d.use)
				time.Sleep(22 * time.Hour)
				requireKnown(t, cache, "known")
			})
		})
	}
}

// The process starts in an outage, and has only the seed.
func TestA13BlockOfAKeyOfTheSeedIsStored(t *testing.T) {
	for name, keepTime := range map[string]bool{"with SeedTime": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var d disk
				issuer := newIssuer()
				leaked := namedKey(`leaked],"x`)
				issuer.Publish(leaked)
				cache := newCache(t, issuer, d.use)
				requireKnown(t, cache, "known")
				synctest.Wait()
				fetched := time.Now()
				atHost(jwkstest.Refuse())(issuer)
				time.Sleep(10 * time.Hour)
				cache = newCache(t, issuer, d.use)
				requireKnown(t, cache, leaked.ID)
				cache.Block(leaked.ID)
				cache.Block("another")
				assert.Equal(t, 3, d.writes)

				// The document was stored just now. Its age counts from the fetch all the same.
				for range 3 {
					cache = newCache(t, issuer, d.use, func(c *jwks.Config) {
						if !keepTime {
							c.SeedTime = time.Time{}
						}
					})
					assert.Equal(t, []string{"another", leaked.ID}, cache.Status().Blocked)
					requireUnknown(t, cache, leaked.ID)
					requireKnown(t, cache, "known")
					cache.Block("another")
				}
				time.Sleep(time.Until(fetched.Add(24*time.Hour - time.Minute)))
				requireKnown(t, cache, "known")
				time.Sleep(time.Minute)
				requireUnavailable(t, cache, "known")
			})
		})
	}
}

// Block names the same kids again and again, and the issuer confirms its document: neither is
// stored more often than without a block.
func TestA13BlockedKidsAreStoredOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d disk
		issuer := newIssuer()
		cache := newCache(t, issuer, d.use)
		requireKnown(t, cache, "known")
		synctest.Wait()
		for range 10 {
			cache.Block("leaked")
		}
		assert.Equal(t, 2, d.writes)
		for range 3 { // restarts and refreshes within an hour
			cache = newCache(t, issuer, d.use)
			require.NoError(t, cache.Refresh(t.Context()))
			time.Sleep(time.Minute)
			require.NoError(t, cache.Refresh(t.Context()))
			synctest.Wait()
		}
		assert.Equal(t, 2, d.writes)
	})
}

// A stolen key must not come back with a restart, under its kid or another one, from the seed or
// from the issuer.
func TestA13BlockSurvivesARestart(t *testing.T) {
	for name, reachable := range map[string]bool{"issuer answers": true, "issuer is out of reach": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var d disk
				issuer := newIssuer()
				leaked := namedKey("leaked")
				issuer.Publish(leaked)
				cache := newCache(t, issuer, d.use)
				requireKnown(t, cache, "leaked")
				synctest.Wait()
				cache.Block("leaked")
				assert.Equal(t, 2, d.writes, "Block stores it")

				if !reachable {
					atHost(jwkstest.Refuse())(issuer)
				}
				for range 3 { // of the same program
					cache = newCache(t, issuer, d.use)
					assert.Equal(t, []string{"leaked"}, cache.Status().Blocked)
					requireUnknown(t, cache, "leaked")
					keys, err := cache.Keys(t.Context(), alg, "")
					require.NoError(t, err)
					assert.Equal(t, []claims.Key{requireKnown(t, cache, "known")}, keys)
				}
				leaked.ID = "alias"
				issuer.Recover()
				issuer.Publish(leaked)
				require.NoError(t, cache.Refresh(t.Context()))
				requireUnknown(t, cache, "alias")
				synctest.Wait()

				cache = newCache(t, issuer, d.use)
				requireUnknown(t, cache, "alias")
				requireKnown(t, cache, "known")
			})
		})
	}
}

// The issuer renames a key after Block. After a restart its material must still be refused.
func TestA13BlockedMaterialUnderANewKidSurvivesARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d disk
		issuer := newIssuer()
		leaked := namedKey("leaked")
		issuer.Publish(leaked)
		cache := newCache(t, issuer, d.use)
		requireKnown(t, cache, "leaked")
		cache.Block("leaked")
		issuer.Retire("leaked")
		leaked.ID = "alias"
		issuer.Publish(leaked)
		require.NoError(t, cache.Refresh(t.Context()))
		requireUnknown(t, cache, "alias")
		synctest.Wait()

		cache = newCache(t, issuer, d.use) // its Seed has the alias only
		requireUnknown(t, cache, "alias")
		requireKnown(t, cache, "known")
	})
}

func TestA13BlockSurvivesASeedWithoutAUsableKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer, func(c *jwks.Config) { c.Seed = []byte(`{"bearerguard_blocked":["known"],"keys":[]}`) })
		requireUnknown(t, cache, "known")
	})
}

func TestA13KidThatIsNotUTF8DoesNotLoseTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var d disk
		issuer := newIssuer()
		cache := newCache(t, issuer, d.use)
		requireKnown(t, cache, "known")
		cache.Block("known")
		cache.Block("\xff")
		synctest.Wait()
		requireUnknown(t, newCache(t, issuer, d.use), "known")
	})
}
