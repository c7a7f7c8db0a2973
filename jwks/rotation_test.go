package jwks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// What follows is about tokens: each of these tests asks a claims.Verifier that keeps the
// tokens it has seen, over a Cache.

var rotations = map[string]func(*jwkstest.Issuer){
	"signs at once": func(i *jwkstest.Issuer) { i.Rotate() },
	"publishes, then signs": func(i *jwkstest.Issuer) {
		next := jwkstest.NewKey(alg)
		i.Publish(next)
		time.AfterFunc(5*time.Second, func() { i.SignWith(next) })
	},
	"another algorithm": func(i *jwkstest.Issuer) {
		next := jwkstest.NewKey("ES256")
		i.Publish(next)
		i.SignWith(next)
	},
	"another algorithm beside the old one under its kid": func(i *jwkstest.Issuer) {
		next := jwkstest.NewKey("ES256")
		next.ID = "known"
		i.PublishJWK(next.JWK())
		i.SignWith(next)
	},
	"removes the old key when its tokens have expired": func(i *jwkstest.Issuer) {
		i.Rotate()
		time.AfterFunc(10*time.Second, func() { i.Retire("known") })
	},
}

func TestRotationFailsNoRequestAndCostsOneFetch(t *testing.T) {
	for name, rotate := range rotations {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := newWarmCache(t, issuer)
				issuer.Fail(jwkstest.JWKS, jwkstest.Delay(50*time.Millisecond))
				verifier := verifierOf(t, issuer, cache)
				time.AfterFunc(10*time.Second, func() { rotate(issuer) })

				var waits longest
				assert.Equal(t, 1, fetches(issuer, func() {
					concurrently(64, func(client int) {
						time.Sleep(time.Duration(client) * time.Millisecond)
						for range 10 {
							threeCalls(t, issuer, verifier, &waits)
						}
					})
				}))
				assert.LessOrEqual(t, waits.get(), 50*time.Millisecond)
				assert.Positive(t, waits.get(), "somebody was the first")
			})
		})
	}
}

// threeCalls are with one token, a second apart: two from the Verifier's memory.
func threeCalls(t *testing.T, issuer *jwkstest.Issuer, verifier *claims.Verifier, waits *longest) {
	token := issuer.Token(map[string]any{"exp": time.Now().Add(4 * time.Second).Unix()})
	for range 3 {
		waits.of(took(func() {
			_, err := verifier.Verify(t.Context(), token)
			require.NoError(t, err)
		}))
		time.Sleep(time.Second)
	}
}

func TestRotationThatIsPublishedAheadIsFoundBySchedule(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Delay(50*time.Millisecond))
		verifier := verifierOf(t, issuer, cache)
		next := jwkstest.NewKey(alg)
		issuer.Publish(next)
		time.AfterFunc(20*time.Minute, func() { issuer.SignWith(next) })
		for range 30 {
			assert.Zero(t, took(func() {
				_, err := verifier.Verify(t.Context(), issuer.Token(nil))
				require.NoError(t, err)
			}))
			time.Sleep(time.Minute)
		}
		assert.Zero(t, cache.Status().ForcedFetches)
	})
}

// Every request is for a token that the Verifier has in its memory, so that nothing but
// asking the Cache each time can find out.
func TestRemovedKeyIsRefusedForRememberedTokens(t *testing.T) {
	for name, interval := range map[string]time.Duration{
		"busy": time.Second, "rare": 20 * time.Minute, "one after an hour": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				other := namedKey("other")
				issuer.Publish(other)
				keys := &countedChecks{KeySet: newWarmCache(t, issuer)}
				verifier := verifierOf(t, issuer, keys)
				token, kept := longLived(issuer), longLived(issuer, jwkstest.SignedBy(other))
				for _, token := range []string{token, kept} {
					_, err := verifier.Verify(t.Context(), token)
					require.NoError(t, err)
				}
				issuer.Retire("known")
				removed := time.Now()
				for {
					time.Sleep(interval)
					if _, err := verifier.Verify(t.Context(), token); err != nil {
						require.ErrorIs(t, err, claims.ErrUnknownKey)
						break
					}
				}
				assert.LessOrEqual(t, time.Since(removed), time.Hour)
				_, err := verifier.Verify(t.Context(), kept)
				assert.NoError(t, err)
				assert.Equal(t, int64(2), keys.checks.Load(), "each token was checked once")
			})
		})
	}
}

func TestBlockRefusesRememberedTokensAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		verifier := verifierOf(t, issuer, cache)
		token := longLived(issuer)
		_, err := verifier.Verify(t.Context(), token)
		require.NoError(t, err)
		cache.Block("known")
		_, err = verifier.Verify(t.Context(), token)
		assert.ErrorIs(t, err, claims.ErrUnknownKey)
	})
}

// OpenID Connect Core 10.1.1 wants a new kid for new material. An issuer that keeps the
// old one is believed at the next scheduled refresh, and not before: a bad signature
// makes no fetch.
func TestNewMaterialUnderAnOldKidCountsFromTheNextScheduledRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		verifier := verifierOf(t, issuer, cache)
		remembered, unseen := longLived(issuer), longLived(issuer)
		_, err := verifier.Verify(t.Context(), remembered)
		require.NoError(t, err)
		renewed := namedKey("known")
		issuer.Publish(renewed)
		issuer.SignWith(renewed)
		due := cache.Status().NextRefresh
		assert.LessOrEqual(t, time.Until(due), 15*time.Minute)

		judge := func(token string, want error) {
			t.Helper()
			_, err := verifier.Verify(t.Context(), token)
			require.ErrorIs(t, err, want)
		}
		assert.Equal(t, 1, fetches(issuer, func() {
			for time.Until(due) > 0 {
				judge(longLived(issuer), claims.ErrSignature)
				judge(remembered, nil)
				time.Sleep(min(time.Minute, max(time.Until(due)-1, 1)))
			}
			judge(unseen, nil)
		}), "the last of these requests began the refresh")
		for range 2 {
			judge(longLived(issuer), nil)
			judge(remembered, claims.ErrSignature)
			judge(unseen, claims.ErrSignature)
			time.Sleep(time.Minute)
		}
	})
}

// The issuer signs before all of its servers publish. Old tokens notice nothing of it.
func TestTokensThatComeBeforeTheirKeyIsPublished(t *testing.T) {
	for name, lag := range map[string]time.Duration{"by 2 s": 2 * time.Second, "by 30 s": 30 * time.Second} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				verifier := verifierOf(t, issuer, newWarmCache(t, issuer))
				issuer.Fail(jwkstest.JWKS, jwkstest.Delay(50*time.Millisecond))
				old, next := issuer.Token(nil), jwkstest.NewKey(alg)
				time.AfterFunc(lag, func() { issuer.Publish(next) })
				begin := time.Now()
				var accepted longest
				n := fetches(issuer, func() {
					concurrently(64, func(client int) {
						time.Sleep(time.Duration(client) * time.Millisecond)
						token := issuer.Token(nil, jwkstest.SignedBy(next))
						for {
							assert.Zero(t, took(func() {
								_, err := verifier.Verify(t.Context(), old)
								require.NoError(t, err)
							}))
							_, err := verifier.Verify(t.Context(), token)
							if err == nil {
								break
							}
							require.ErrorIs(t, err, claims.ErrUnknownKey)
							time.Sleep(time.Second)
						}
						accepted.of(time.Since(begin))
					})
				})
				assert.LessOrEqual(t, accepted.get(), lag+10*time.Second+time.Second, "a client asks every second")
				assert.LessOrEqual(t, n, bucketBound(lag+10*time.Second))
			})
		})
	}
}
