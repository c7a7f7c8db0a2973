package introspection_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

// A token for another API is active, too. Anyone may have many of them, so they count like guesses.
func TestTokensThatWereNotAcceptedAreUnknown(t *testing.T) {
	for rule, aud := range map[string]string{"for another API": "https://other.example", "for this API": audience} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := always(200, activeAnswer(map[string]any{"aud": aud}))
				i := newIntrospector(t, e, func(c *introspection.Config) { c.UnknownPerSecond = 1 })
				v := newVerifier(t, i)
				known := 0
				for range 2 {
					_, err := v.Verify(t.Context(), goodToken)
					if aud == audience {
						require.NoError(t, err)
						known = 1
					} else {
						require.ErrorIs(t, err, claims.ErrAudience)
					}
				}
				assert.Equal(t, [2]int{known, 1 - known}, [2]int{i.Status().Entries, i.Status().InactiveEntries})
				time.Sleep(30 * time.Second)
				_, _ = v.Verify(t.Context(), guess(0)) // takes the question of this second
				_, err := v.Verify(t.Context(), goodToken)
				if aud == audience {
					require.NoError(t, err)
					return
				}
				requireOutage(t, err)
				assert.Equal(t, 1, e.asked(goodToken))
			})
		})
	}
}

// A caller's mistake must not fill the memory of tokens in use.
func TestOnlyActiveTokensCanBeAccepted(t *testing.T) {
	for rule, answer := range map[string]string{
		"not active": inactive, "expired": activeAnswer(map[string]any{"exp": 1}),
	} {
		i := newIntrospector(t, always(200, answer))
		i.Accepted(issuerURL, goodToken)
		_, _, _ = i.Introspect(t.Context(), issuerURL, goodToken)
		i.Accepted(issuerURL, goodToken)
		assert.Equal(t, [2]int{0, 1}, [2]int{i.Status().Entries, i.Status().InactiveEntries}, rule)
	}
}

// A proof that fails at first, such as one without a nonce, must not keep a token unknown.
func TestTokenIsKnownOnceItIsAccepted(t *testing.T) {
	i := newIntrospector(t, knowing(goodToken))
	refuse := true
	v := newVerifier(t, i, func(issuer *claims.Issuer) {
		issuer.Validate = func(context.Context, *claims.Claims) error {
			if refuse {
				return claims.ErrRejected
			}
			return nil
		}
	})
	_, err := v.Verify(t.Context(), goodToken)
	require.Error(t, err)
	assert.Zero(t, i.Status().Entries)
	refuse = false
	for _, remembered := range []bool{false, true} {
		c, err := v.Verify(t.Context(), goodToken)
		require.NoError(t, err)
		assert.Equal(t, remembered, c.Remembered())
		assert.Equal(t, 1, i.Status().Entries)
	}
}

// Tokens that were accepted leave room for the first use of others.
func TestKnownTokensAreBoundedAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slow atomic.Bool
		e := &endpoint{answer: func(r *http.Request, form url.Values) (int, string) {
			if slow.Load() && form.Get("token") != goodToken {
				<-r.Context().Done()
				return 0, "slow"
			}
			return 200, activeAnswer(nil)
		}}
		i := newIntrospector(t, e)
		for n := range 100 {
			_, err := introspect(t, i, guess(n))
			require.NoError(t, err)
		}
		time.Sleep(30 * time.Second)
		slow.Store(true)
		var group sync.WaitGroup
		for n := range 100 {
			group.Go(func() { _, _ = introspect(t, i, guess(n)) })
		}
		synctest.Wait()
		assert.Equal(t, 48, i.Status().InFlight)
		began := time.Now()
		_, err := introspect(t, i, goodToken)
		require.NoError(t, err)
		assert.Zero(t, time.Since(began))
		group.Wait()
	})
}

// Guesses of opaque tokens take neither the rate nor the requests of JWTs, which were verified by
// their signature.
func TestGuessesDoNotStopJWTs(t *testing.T) {
	const jwt = "eyJhbGciOiJFUzI1NiJ9.e30.AA" // package claims asks only about valid ones
	for rule, slow := range map[string]bool{"by their number": false, "by their time": true} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &endpoint{answer: func(r *http.Request, form url.Values) (int, string) {
					if slow && form.Get("token") != jwt {
						<-r.Context().Done()
						return 0, "slow"
					}
					return 200, activeAnswer(nil)
				}}
				i := newIntrospector(t, e, func(c *introspection.Config) { c.AlsoJWT, c.UnknownPerSecond = true, 100 })
				var group sync.WaitGroup
				for n := range 200 {
					group.Go(func() { _, _ = introspect(t, i, guess(n)) })
				}
				synctest.Wait()
				if slow {
					assert.Equal(t, 32, i.Status().InFlight)
				}
				began := time.Now()
				_, err := introspect(t, i, jwt)
				require.NoError(t, err)
				assert.Zero(t, time.Since(began))
				group.Wait()
			})
		})
	}
}

// Package claims introspects these without a signature, so they count as guesses.
func TestOpaqueTokensOfThreeSegmentsAreGuesses(t *testing.T) {
	for _, token := range []string{"opaque.token.text-of-a-stranger", "W10.e30.AAAAAAAAAAAA", "e30.e30.AAAA.AAAA.AAAA"} {
		synctest.Test(t, func(t *testing.T) {
			e := knowing()
			i := newIntrospector(t, e, func(c *introspection.Config) { c.AlsoJWT, c.UnknownPerSecond = true, 1 })
			_, _ = introspect(t, i, guess(0))
			_, err := introspect(t, i, token)
			requireOutage(t, err)
			assert.Equal(t, 1, e.count())
		})
	}
}

// JWTs are bounded as well: a client may have many.
func TestJWTsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := knowing()
		i := newIntrospector(t, e, func(c *introspection.Config) { c.OnlyJWT, c.UnknownPerSecond = true, 10 })
		for n := range 20 {
			_, _ = introspect(t, i, "eyJhbGciOiJFUzI1NiJ9.e30."+strings.Repeat("A", n+2))
		}
		assert.Equal(t, 10, e.count())
	})
}

// The least MaxInFlight leaves a request for a token that was accepted before.
func TestLeastMaxInFlightReservesOne(t *testing.T) {
	for n, also := range map[int]bool{2: false, 3: true} {
		synctest.Test(t, func(t *testing.T) {
			var slow atomic.Bool
			e := &endpoint{answer: func(r *http.Request, form url.Values) (int, string) {
				if slow.Load() && form.Get("token") != goodToken {
					<-r.Context().Done()
					return 0, "slow"
				}
				return 200, activeAnswer(nil)
			}}
			i := newIntrospector(t, e, func(c *introspection.Config) { c.MaxInFlight, c.AlsoJWT = n, also })
			_, err := introspect(t, i, goodToken)
			require.NoError(t, err)
			time.Sleep(30 * time.Second)
			slow.Store(true)
			var group sync.WaitGroup
			for n := range 9 {
				group.Go(func() { _, _ = introspect(t, i, guess(n)) })
				group.Go(func() { _, _ = introspect(t, i, "eyJhbGciOiJFUzI1NiJ9.e30."+strings.Repeat("A", n+2)) })
			}
			synctest.Wait()
			began := time.Now()
			_, err = introspect(t, i, goodToken)
			require.NoError(t, err)
			assert.Zero(t, time.Since(began))
			group.Wait()
		})
	}
}
