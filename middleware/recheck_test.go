package middleware_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// long returns the context of a request that runs for hours.
func (b *withdrawable) long(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	r, err := b.auth.GuardAuthenticated().Check(bearer(b.issuer.Token(map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()})))
	require.NoError(t, err)
	return b.auth.UntilExpiry(r.Context())
}

// causeOf waits until the context ends, and returns why.
func causeOf(t *testing.T, ctx context.Context) *middleware.Error {
	t.Helper()
	<-ctx.Done()
	var e *middleware.Error
	require.ErrorAs(t, context.Cause(ctx), &e)
	return e
}

func TestC2UntilExpiryEndsWhenTheTokenIsWithdrawn(t *testing.T) {
	for rule, tt := range map[string]struct {
		withdraw func(b *withdrawable)
		within   time.Duration
		reason   claims.Reason
		status   int
	}{
		"key blocked": {func(b *withdrawable) { b.keys.Block(b.issuer.SigningKey().ID) }, 30 * time.Second, claims.ErrUnknownKey, 401},
		"key removed": {func(b *withdrawable) {
			old := b.issuer.SigningKey().ID
			b.issuer.Rotate()
			b.issuer.Retire(old)
		}, time.Hour + 30*time.Second, claims.ErrUnknownKey, 401}, // P5 of jwks.Cache
		"revoked":             {func(b *withdrawable) { b.refuse(claims.ErrRevoked) }, 30 * time.Second, claims.ErrRevoked, 401},
		"forbidden":           {func(b *withdrawable) { b.refuse(claims.ErrForbidden) }, 30 * time.Second, claims.ErrForbidden, 403},
		"hook is unavailable": {func(b *withdrawable) { b.refuse(claims.ErrUnavailable) }, 2 * time.Minute, claims.ErrUnavailable, 503},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newWithdrawable(t)
				ctx, stop := b.long(t)
				defer stop()
				time.Sleep(10 * time.Hour)
				require.NoError(t, ctx.Err())
				assert.GreaterOrEqual(t, b.asked.Load(), int32(10*120))
				assert.LessOrEqual(t, b.asked.Load(), int32(10*150))

				tt.withdraw(b)
				began := time.Now()
				e := causeOf(t, ctx)
				assert.LessOrEqual(t, time.Since(began), tt.within)
				assert.Equal(t, tt.reason, e.Reason)
				assert.Equal(t, tt.status, e.Status)
				assert.ErrorIs(t, ctx.Err(), context.Canceled)
				asked := b.asked.Load()
				time.Sleep(time.Hour)
				assert.Equal(t, asked, b.asked.Load(), "the checks end with the context")
			})
		})
	}
}

// A deny-list or an issuer may be down for a minute.
func TestC2UntilExpirySurvivesAShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWithdrawable(t)
		ctx, stop := b.long(t)
		defer stop()
		for range 20 {
			b.refuse(claims.ErrUnavailable)
			time.Sleep(time.Minute)
			b.hook.Store(nil)
			time.Sleep(35 * time.Second)
			require.NoError(t, ctx.Err())
		}
		began := time.Now()
		b.refuse(&claims.UnavailableError{RetryAfter: 7 * time.Second})
		e := causeOf(t, ctx)
		assert.Equal(t, 503, e.Status)
		assert.Equal(t, 7*time.Second, b.auth.Answer(e).RetryAfter)
		assert.Greater(t, time.Since(began), 90*time.Second)
		assert.LessOrEqual(t, time.Since(began), 2*time.Minute)
	})
}

// A hook that does not return, or panics, neither keeps a stream for ever nor ends the process.
func TestC2UntilExpiryEndsIfTheHookDoesNotReturn(t *testing.T) {
	for rule, hook := range map[string]func(ctx context.Context) error{
		"waits for its context": func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"ignores its context":   func(context.Context) error { time.Sleep(time.Hour); return nil },
		"panics":                func(context.Context) error { panic("hunter2") },
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var broken atomic.Bool
				var out bytes.Buffer
				c := claimsOf(t, `{"sub":"alice"}`)
				auth := newAuth(t, verifierFunc(func(ctx context.Context, _ string, _ ...claims.Proof) (*claims.Claims, error) {
					if broken.Load() {
						return nil, hook(ctx)
					}
					return c, nil
				}), logTo(&out, slog.LevelWarn))
				r, err := auth.GuardAuthenticated().Check(get("Bearer x"))
				require.NoError(t, err)
				ctx, stop := auth.UntilExpiry(r.Context())
				defer stop()
				broken.Store(true)
				began := time.Now()
				assert.Equal(t, 503, causeOf(t, ctx).Status)
				assert.Equal(t, 2*time.Minute, time.Since(began))
				assert.Contains(t, out.String(), "request could not be decided")
				assert.NotContains(t, out.String(), "hunter2")
				time.Sleep(2 * time.Hour) // until the hook has returned
				assert.ErrorIs(t, context.Cause(ctx), claims.ErrUnavailable)
			})
		})
	}
}

// A token that is bound to a key has been confirmed once, when the request began.
func TestC2UntilExpiryDoesNotJudgeProofsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWithdrawable(t)
		single := &singleUse{member: "jkt"}
		token := b.issuer.Token(map[string]any{"cnf": map[string]any{"jkt": "key"}, "exp": time.Now().Add(time.Hour).Unix()})
		ctx, err := b.auth.GuardAuthenticated().Authenticate(t.Context(), middleware.Request{
			Authorization: []string{"Bearer " + token}, Proofs: []claims.Proof{single},
		})
		require.NoError(t, err)
		ctx, stop := b.auth.UntilExpiry(ctx)
		defer stop()
		assert.ErrorIs(t, causeOf(t, ctx), claims.ErrExpired)
		assert.Equal(t, 1, single.judged)
		assert.Greater(t, b.asked.Load(), int32(100))
		time.Sleep(6 * time.Second) // a fetch that may be under way ends
	})
}

// What this Middleware has not let through, it cannot verify again.
func TestC2UntilExpiryOfOtherClaimsWatchesTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, c := 0, claimsOf(t, `{"sub":"alice","exp":4102444800}`)
		verifier := verifierFunc(func(context.Context, string, ...claims.Proof) (*claims.Claims, error) {
			asked++
			return c, nil
		})
		auth, other := newAuth(t, verifier), newAuth(t, verifier)
		r, err := auth.GuardAuthenticated().Check(get("Bearer x"))
		require.NoError(t, err)
		for rule, ctx := range map[string]context.Context{
			"made by hand":          claims.NewContext(t.Context(), c),
			"replaced by a handler": claims.NewContext(r.Context(), claimsOf(t, `{"exp":4102444800}`)),
			"masked":                claims.NewContext(r.Context(), nil),
		} {
			ctx, stop := auth.UntilExpiry(ctx)
			time.Sleep(time.Hour)
			assert.NoError(t, ctx.Err(), rule)
			stop()
		}
		ctx, stop := other.UntilExpiry(r.Context())
		defer stop()
		time.Sleep(time.Hour)
		assert.NoError(t, ctx.Err())
		assert.Equal(t, 1, asked)
	})
}

// A caller that forgets stop leaves no checks behind its request.
func TestC2ChecksEndWithTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		asked := 0
		auth := trusting(t, issuer, func(c *middleware.Config) {
			c.Issuers = []claims.Issuer{{URL: c.Issuer, Audiences: c.Audiences, Validate: func(context.Context, *claims.Claims) error {
				asked++
				return nil
			}}}
			c.Issuer, c.Audiences = "", nil
		})
		parent, cancel := context.WithCancel(t.Context())
		r, err := auth.GuardAuthenticated().Check(bearer(issuer.Token(nil)).WithContext(parent))
		require.NoError(t, err)
		_, stop := auth.UntilExpiry(r.Context())
		_ = stop
		cancel()
		time.Sleep(10 * time.Minute)
		assert.Equal(t, 1, asked)
	})
}
