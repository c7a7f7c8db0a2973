package jwks_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func TestColdReadersJoinOneFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		assertState(t, jwks.StateCold, cache)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))

		assert.Equal(t, 1, fetches(issuer, func() {
			assert.Equal(t, 2*time.Second, took(func() {
				concurrently(100, func(int) { requireKnown(t, cache, "known") })
			}))
		}))
		assert.Equal(t, 1, issuer.Count(jwkstest.Discovery))
		assertState(t, jwks.StateFresh, cache)
	})
}

func TestColdReaderWaitsAtMostThreeSecondsForASlowIssuer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(4*time.Second))

		assert.Equal(t, 3*time.Second, took(func() {
			failure := requireUnavailable(t, cache, "known")
			assert.Equal(t, 2*time.Second, failure.RetryAfter, "what is left of the fetch")
		}))
		assert.Zero(t, fetches(issuer, func() {
			assert.Equal(t, time.Second, took(func() { requireKnown(t, cache, "known") }))
		}), "the fetch goes on")
	})
}

func TestColdReaderInBackoffIsToldAtOnceWhenTheNextAttemptIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		requireUnavailable(t, cache, "known")

		for range 20 {
			var failure *claims.UnavailableError
			before := issuer.Count(jwkstest.Discovery)
			assert.Zero(t, took(func() {
				concurrently(10, func(int) { requireUnavailable(t, cache, "known") })
				failure = requireUnavailable(t, cache, "known")
			}))
			assert.Equal(t, before, issuer.Count(jwkstest.Discovery), "no attempt in backoff")
			assert.LessOrEqual(t, failure.RetryAfter, 10*time.Second)
			assert.ErrorContains(t, failure, "connection refused")

			time.Sleep(failure.RetryAfter)
			requireUnavailable(t, cache, "known")
			assert.Greater(t, issuer.Count(jwkstest.Discovery), before, "an attempt when it was announced")
		}
		issuer.Recover()
		time.Sleep(10 * time.Second)
		requireKnown(t, cache, "known")
	})
}

func TestBackoffGrowsToFiveMinutesWhileTheSetServes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(whileRevalidating)

		began := time.Now()
		var gaps []time.Duration
		last := cache.Status().Fetches
		lastAt := time.Now()
		for time.Since(began) < 6*time.Hour {
			requireKnown(t, cache, "known")
			if n := cache.Status().Fetches; n != last {
				gaps, last, lastAt = append(gaps, time.Since(lastAt)), n, time.Now()
			}
			time.Sleep(time.Second)
		}
		for _, gap := range gaps[1:] {
			assert.GreaterOrEqual(t, gap, time.Second)
			assert.LessOrEqual(t, gap, 5*time.Minute+5*time.Second)
		}
		assert.Greater(t, len(gaps), 6*60/5, "five minutes at most")
		assert.Less(t, len(gaps), 400, "at full jitter, half of that on average")

		issuer.Recover()
		requireKnown(t, cache, "known")
		time.Sleep(5 * time.Minute)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assertState(t, jwks.StateFresh, cache)
	})
}

func TestStaleReadersWaitForOneSharedRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.Publish(namedKey("other"))
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(2*time.Second))
		issuer.Retire("known")
		time.Sleep(whileStale)
		assertState(t, jwks.StateStale, cache)

		assert.Equal(t, 1, fetches(issuer, func() {
			assert.Equal(t, 2*time.Second, took(func() {
				concurrently(100, func(int) { requireUnknown(t, cache, "known") })
			}), "nobody gets the old set")
		}))
	})
}

func TestStaleSetIsServedAtOnceWhenTheRefreshRunsPastThreeSeconds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		time.Sleep(whileStale)

		concurrently(2, func(i int) {
			late := time.Duration(i) * 2 * time.Second
			time.Sleep(late)
			assert.Equal(t, 3*time.Second-late, took(func() { requireKnown(t, cache, "known") }),
				"3 s are counted from the beginning of the refresh")
		})
		assert.Zero(t, took(func() { requireKnown(t, cache, "known") }))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Error(t, cache.Status().LastError)
		assert.Zero(t, took(func() { requireKnown(t, cache, "known") }), "the last attempt failed")
	})
}

func TestStaleReaderThatLeaves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		time.Sleep(whileStale)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		keys, err := cache.Keys(ctx, alg, "known")
		assert.ErrorIs(t, unavailable(t, keys, err), context.DeadlineExceeded)
	})
}

func TestExhaustedSetIsNotServed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		time.Sleep(whileExhausted)
		assertState(t, jwks.StateExhausted, cache)
		requireUnavailable(t, cache, "known")
		assert.Zero(t, took(func() { requireUnavailable(t, cache, "known") }), "in backoff")

		issuer.Recover()
		time.Sleep(10 * time.Second)
		requireKnown(t, cache, "known")
	})
}

// The backoff of five minutes was chosen while the set still served.
func TestBackoffShortensWhenTheSetIsExhausted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusTooManyRequests, http.Header{"Retry-After": {"300"}}, ""))
		start := time.Now()
		time.Sleep(whileExhausted - time.Minute)
		require.Error(t, cache.Refresh(t.Context()))
		assert.Equal(t, time.Now().Add(5*time.Minute), cache.Status().NextRefresh)
		time.Sleep(time.Until(start.Add(whileExhausted)))
		issuer.Recover()
		requireKnown(t, cache, "known")
	})
}

func TestFreshnessFollowsCacheControl(t *testing.T) {
	for name, tt := range map[string]struct {
		caching         jwkstest.Caching
		fresh, notFresh time.Duration
	}{
		"no header":    {jwkstest.Caching{}, 13 * time.Minute, 16 * time.Minute},
		"an hour":      {jwkstest.Caching{CacheControl: "max-age=3600"}, 53 * time.Minute, 61 * time.Minute},
		"a year":       {jwkstest.Caching{CacheControl: "max-age=31536000"}, 53 * time.Minute, 61 * time.Minute},
		"no time":      {jwkstest.Caching{CacheControl: "max-age=0"}, 4 * time.Minute, 6 * time.Minute},
		"less its Age": {jwkstest.Caching{CacheControl: "max-age=3600", Age: "1800"}, 26 * time.Minute, 31 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				issuer.SetCaching(tt.caching)
				cache := newWarmCache(t, issuer)
				time.Sleep(tt.fresh)
				assertState(t, jwks.StateFresh, cache)
				assert.Zero(t, fetches(issuer, func() { requireKnown(t, cache, "known") }))
				time.Sleep(tt.notFresh - tt.fresh)
				assertState(t, jwks.StateRevalidating, cache)
				assert.Equal(t, 1, fetches(issuer, func() { requireKnown(t, cache, "known") }))
			})
		})
	}
}

func TestShortRefreshAfterBringsWindowAndBoundsDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{CacheControl: "max-age=3600"})
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.RefreshAfter = 3 * time.Second })
		for age, want := range map[time.Duration]jwks.State{
			10 * time.Second: jwks.StateFresh,        // an hour is at most 12 s here
			13 * time.Second: jwks.StateRevalidating, // for 9 s
			22 * time.Second: jwks.StateStale,
		} {
			require.NoError(t, cache.Refresh(t.Context()))
			time.Sleep(age)
			assertState(t, want, cache)
		}
	})
}

func TestJitterSpreadsRefreshes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		due := map[time.Time]bool{}
		for range 20 {
			at := newWarmCache(t, issuer).Status().NextRefresh
			assert.False(t, at.After(time.Now().Add(15*time.Minute)))
			assert.False(t, at.Before(time.Now().Add(13*time.Minute+30*time.Second)))
			due[at] = true
		}
		assert.Greater(t, len(due), 10)
	})
}

func TestConditionalRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		caching jwkstest.Caching
		header  string
	}{
		"ETag":          {jwkstest.Caching{ETag: true}, "If-None-Match"},
		"Last-Modified": {jwkstest.Caching{LastModified: true}, "If-Modified-Since"},
		"both":          {jwkstest.Caching{ETag: true, LastModified: true}, "If-None-Match"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var requests recorder
				issuer := newIssuer()
				issuer.SetCaching(tt.caching)
				time.Sleep(time.Minute) // Last-Modified is no validator within a second
				cache := newWarmCache(t, issuer, func(c *jwks.Config) {
					c.URL, c.Client = issuer.JWKSURL(), requests.client(issuer.Client())
				})
				key := requireKnown(t, cache, "known")
				for range 3 {
					time.Sleep(whileRevalidating)
					assert.Equal(t, 1, fetches(issuer, func() { requireKnown(t, cache, "known") }))
					assert.NotEmpty(t, requests.last().Header.Get(tt.header))
					assertState(t, jwks.StateFresh, cache)
				}
				assert.True(t, key == requireKnown(t, cache, "known"), "the key is the same one")
				assert.Empty(t, requests.all()[0].Header.Get(tt.header))

				issuer.Publish(namedKey("added"))
				time.Sleep(whileRevalidating)
				assert.Equal(t, 1, fetches(issuer, func() { requireKnown(t, cache, "known") }))
				assert.Zero(t, fetches(issuer, func() { requireKnown(t, cache, "added") }))
				assert.True(t, key == requireKnown(t, cache, "known"), "also after a 200")
			})
		})
	}
}

func TestForcedFetchAndRefreshAreUnconditional(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var requests recorder
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true, LastModified: true})
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.Client = requests.client(issuer.Client()) })
		for _, f := range []func(){
			func() { requireUnknown(t, cache, "junk") },
			func() { require.NoError(t, cache.Refresh(t.Context())) },
		} {
			f()
			header := requests.last().Header
			assert.Empty(t, header.Get("If-None-Match")+header.Get("If-Modified-Since"))
			assert.Equal(t, "no-cache", header.Get("Cache-Control"))
		}
	})
}

func TestNotModifiedCarriesNewFreshness(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true, CacheControl: "max-age=1200"})
		cache := newWarmCache(t, issuer)
		issuer.SetCaching(jwkstest.Caching{ETag: true, CacheControl: "max-age=3600"})
		time.Sleep(21 * time.Minute)
		requireKnown(t, cache, "known")
		synctest.Wait()
		time.Sleep(50 * time.Minute)
		assertState(t, jwks.StateFresh, cache)
	})
}

func TestNotModifiedRecoversAnExhaustedSet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true})
		cache := newWarmCache(t, issuer)
		time.Sleep(2 * whileExhausted)
		requireKnown(t, cache, "known")
	})
}

func TestNotModifiedWithoutADocumentIsAFailure(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusNotModified, nil, ""))
		assert.ErrorContains(t, requireUnavailable(t, cache, "known"), "status 304, although there was no condition")
		assertState(t, jwks.StateCold, cache)
	})
}

func TestValidatorsOfAnotherAddressAreNotSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var requests recorder
		issuer := newIssuer()
		issuer.SetCaching(jwkstest.Caching{ETag: true})
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.Client = requests.client(issuer.Client()) })
		issuer.MoveJWKS(issuer.URL() + "moved/jwks.json")
		time.Sleep(24*time.Hour + time.Minute)
		requireKnown(t, cache, "known")
		assert.Equal(t, "/moved/jwks.json", requests.last().URL.Path)
		assert.Empty(t, requests.last().Header.Get("If-None-Match"))
	})
}

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
					assert.Equal(t, tt.fetches, fetches(issuer, func() {
						keys, err := cache.Keys(t.Context(), tt.alg, tt.kid)
						assert.ErrorIs(t, err, claims.ErrUnknownKey)
						assert.Empty(t, keys)
					}))
				}
				if tt.fetches == 0 {
					time.Sleep(whileExhausted) // nor does it start a refresh that is due
					assert.Zero(t, fetches(issuer, func() { _, _ = cache.Keys(t.Context(), tt.alg, tt.kid) }))
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
		assert.Zero(t, fetches(issuer, func() { requireUnknown(t, cache, "known") }))
	})
}

func TestEmptyBucketAnswersByTheLatestAttemptWithoutSleep(t *testing.T) {
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

func TestSetWithoutAUsableKeyKeepsTheLastGoodOne(t *testing.T) {
	for name, body := range map[string]string{
		"empty list":     `{"keys":[]}`,
		"no list":        `{}`,
		"unusable only":  `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"shared"},{"kty":"AKP","kid":"quantum"}]}`,
		"not an object":  `[]`,
		"HTML":           `<html><body>secret page</body></html>`,
		"nothing at all": ``,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusOK, nil, body))
				err := cache.Refresh(t.Context())
				require.ErrorIs(t, err, claims.ErrKeysUnavailable)
				assert.NotContains(t, err.Error(), "secret page")
				if name == "unusable only" {
					assert.ErrorContains(t, err, `kid "shared": a symmetric key; kid "quantum": unsupported kty`)
				}
				requireKnown(t, cache, "known")
				assert.Equal(t, []string{"known"}, cache.Status().KeyIDs)
			})
		})
	}
}

// A RoundTripper that ignores its context must not end all refreshing, and what it
// brings late must not undo what came after it.
func TestOlderFetchThatEndsLateNeverOverwritesANewerOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		release := make(chan struct{})
		var once sync.Once
		stuck := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			res, err := issuer.Client().Transport.RoundTrip(r.WithContext(context.Background()))
			first := false
			once.Do(func() { first = true })
			if first {
				<-release
			}
			return res, err
		})}
		cache := newCache(t, issuer, func(c *jwks.Config) { c.URL, c.Client = issuer.JWKSURL(), stuck })
		requireUnavailable(t, cache, "known") // its answer, with this key alone, is held back
		time.Sleep(4 * time.Second)
		assert.ErrorContains(t, cache.Status().LastError, "ignores its context")

		issuer.Publish(namedKey("added"))
		issuer.Retire("known")
		time.Sleep(10 * time.Second)
		requireKnown(t, cache, "added")
		before := cache.Status()

		close(release)
		synctest.Wait()
		assert.Equal(t, before, cache.Status())
		requireKnown(t, cache, "added")
	})
}

func TestKeysOfARotationWhileClientsCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(50*time.Millisecond))
		stop, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, func() { issuer.Rotate() })
		time.AfterFunc(2*time.Minute, cancel)

		assert.Equal(t, 1, fetches(issuer, func() {
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

func TestErrorsOfAWaiterUnwrap(t *testing.T) {
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
