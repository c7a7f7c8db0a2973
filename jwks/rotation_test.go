package jwks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// The tests in this file are about tokens. Each asks a claims.Verifier over a Cache. The Verifier
// remembers the tokens that it has verified.

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
				assert.Equal(t, 1, keySetRequests(issuer, func() {
					concurrently(64, func(client int) {
						time.Sleep(time.Duration(client) * time.Millisecond)
						for range 10 {
							threeCalls(t, issuer, verifier, &waits)
						}
					})
				}))
				assert.LessOrEqual(t, waits.get(), 50*time.Millisecond)
				assert.Positive(t, waits.get(), "the first request waits")
			})
		})
	}
}

// threeCalls verifies one token three times, a second apart. The Verifier remembers it after the
// first time.
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

func TestRotationPublishedAheadIsFoundByTheSchedule(t *testing.T) {
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

// All requests are for tokens that the Verifier remembers, so it notices the removal only because
// it asks the Cache each time.
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

// OpenID Connect Core 10.1.1 requires a new kid for new material. If an issuer keeps the old kid,
// its new material counts from the next scheduled refresh, because a bad signature causes no
// fetch.
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

		check := func(token string, want error) {
			t.Helper()
			_, err := verifier.Verify(t.Context(), token)
			require.ErrorIs(t, err, want)
		}
		assert.Equal(t, 1, keySetRequests(issuer, func() {
			for time.Until(due) > 0 {
				check(longLived(issuer), claims.ErrSignature)
				check(remembered, nil)
				time.Sleep(min(time.Minute, max(time.Until(due)-1, 1)))
			}
			check(unseen, nil)
		}), "the last of these requests started the refresh")
		for range 2 {
			check(longLived(issuer), nil)
			check(remembered, claims.ErrSignature)
			check(unseen, claims.ErrSignature)
			time.Sleep(time.Minute)
		}
	})
}

// The issuer signs with a key before it publishes the key. Tokens of the old key are served.
func TestRotationThatSignsBeforeItPublishes(t *testing.T) {
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
				n := keySetRequests(issuer, func() {
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
