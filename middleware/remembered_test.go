package middleware_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A request that is checked again asks keys, exp and Validate after a second, not only at exp.
func TestC2CheckedRequestLearnsOfAWithdrawnToken(t *testing.T) {
	for rule, tt := range map[string]struct {
		withdraw func(b *withdrawable)
		reason   claims.Reason
		status   int
	}{
		"its key is blocked":       {func(b *withdrawable) { b.keys.Block(b.issuer.SigningKey().ID) }, claims.ErrUnknownKey, 401},
		"it is revoked":            {func(b *withdrawable) { b.refuse(claims.ErrRevoked) }, claims.ErrRevoked, 401},
		"its user is locked out":   {func(b *withdrawable) { b.refuse(claims.ErrForbidden) }, claims.ErrForbidden, 403},
		"the hook cannot tell":     {func(b *withdrawable) { b.refuse(claims.ErrUnavailable) }, claims.ErrUnavailable, 503},
		"it has expired meanwhile": {func(*withdrawable) { time.Sleep(2 * time.Hour) }, claims.ErrExpired, 401},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newWithdrawable(t)
				guard := b.auth.GuardAuthenticated()
				first, err := guard.Check(bearer(b.issuer.Token(nil)))
				require.NoError(t, err)
				time.Sleep(time.Second - 1)
				again, err := guard.Check(first)
				require.NoError(t, err)
				assert.Same(t, first, again, "within a second it is not asked again")

				tt.withdraw(b)
				time.Sleep(time.Second)
				for _, r := range []*http.Request{first, again} {
					_, err = guard.Check(r)
					require.ErrorIs(t, err, tt.reason)
					var e *middleware.Error
					require.ErrorAs(t, err, &e)
					assert.Equal(t, tt.status, e.Status)
				}
				time.Sleep(6 * time.Second) // a fetch that may be under way ends
			})
		})
	}
}

// A withdrawable is a Middleware whose keys and hook can change.
type withdrawable struct {
	issuer *jwkstest.Issuer
	keys   *jwks.Cache
	auth   *middleware.Middleware
	asked  atomic.Int32
	hook   atomic.Pointer[error] // nil: accepts
}

func newWithdrawable(t *testing.T) *withdrawable {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	b := &withdrawable{issuer: jwkstest.NewIssuer(jwkstest.Config{})}
	var err error
	b.keys, err = jwks.New(jwks.Config{Issuer: b.issuer.URL(), Client: b.issuer.Client(), Logger: quiet})
	require.NoError(t, err)
	b.auth, err = middleware.New(middleware.Config{Logger: quiet, Issuers: []claims.Issuer{{
		URL: b.issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: b.keys,
		Validate: func(context.Context, *claims.Claims) error {
			b.asked.Add(1)
			if err := b.hook.Load(); err != nil {
				return *err
			}
			return nil
		},
	}}})
	require.NoError(t, err)
	return b
}

func (b *withdrawable) refuse(err error) { b.hook.Store(&err) }

// At its exp a remembered token is verified again at once. The leeway of its issuer decides.
func TestCheckedRequestIsVerifiedAgainOnceItsTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWithdrawable(t)
		guard := b.auth.GuardAuthenticated()
		exp := time.Now().Add(time.Minute)
		token := b.issuer.Token(map[string]any{"exp": exp.Unix()})
		time.Sleep(time.Until(exp) - 100*time.Millisecond)
		r, err := guard.Check(bearer(token))
		require.NoError(t, err)
		time.Sleep(200 * time.Millisecond)
		_, err = guard.Check(r)
		require.NoError(t, err)
		assert.EqualValues(t, 2, b.asked.Load())
		time.Sleep(time.Minute)
		_, err = guard.Check(r)
		require.ErrorIs(t, err, claims.ErrExpired)
	})
}

// A session may check its request every few seconds, for hours.
func TestC2CheckingForHoursKeepsOneMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWithdrawable(t)
		guard := b.auth.Guard(middleware.AllScopes("read:example"))
		ctx := t.Context()
		request := middleware.Request{Authorization: []string{"Bearer " + b.issuer.Token(nil)}}
		for range 600 {
			var err error
			ctx, err = guard.Authenticate(ctx, request)
			require.NoError(t, err)
			time.Sleep(5 * time.Second)
		}
		assert.EqualValues(t, 600, b.asked.Load())
		parent := reflect.ValueOf(ctx).Elem().FieldByName("Context").Interface()
		assert.Equal(t, t.Context(), parent, "the memory is replaced, not nested")
	})
}

// A proof is for one request, but for all of it.
func TestC2ProofsAreJudgedOnceForARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newWithdrawable(t)
		guard := b.auth.GuardAuthenticated()
		token := b.issuer.Token(map[string]any{"cnf": map[string]any{"jkt": "key"}})
		plain := middleware.Request{Authorization: []string{"Bearer " + token}}
		single := &singleUse{member: "jkt"}
		proven := middleware.Request{Authorization: plain.Authorization, Proofs: []claims.Proof{single, &singleUse{member: "x5t#S256"}}}

		_, err := guard.Authenticate(t.Context(), plain)
		require.ErrorIs(t, err, claims.ErrConfirmation)
		first, err := guard.Authenticate(t.Context(), proven)
		require.NoError(t, err)
		for _, wait := range []time.Duration{0, time.Second, time.Hour - 2*time.Second} {
			time.Sleep(wait)
			for _, request := range []middleware.Request{plain, proven} {
				_, err = guard.Authenticate(first, request)
				require.NoError(t, err, wait)
			}
		}
		assert.Equal(t, 1, single.judged)
		assert.EqualValues(t, 5, b.asked.Load(), "the token itself is verified again, except within a second")

		other := middleware.Request{Authorization: []string{"bearer " + token}}
		_, err = guard.Authenticate(first, other)
		assert.ErrorIs(t, err, claims.ErrConfirmation, "another Authorization value")
		_, err = guard.Authenticate(t.Context(), plain)
		assert.ErrorIs(t, err, claims.ErrConfirmation, "another request")
		_, err = newWithdrawable(t).auth.GuardAuthenticated().Authenticate(first, plain)
		assert.Error(t, err, "another Middleware")
		_, err = guard.Authenticate(t.Context(), proven)
		assert.ErrorIs(t, err, claims.ErrConfirmation, "a replay in another request")

		b.keys.Block(b.issuer.SigningKey().ID)
		_, err = guard.Authenticate(first, plain)
		assert.ErrorIs(t, err, claims.ErrUnknownKey, "a confirmed proof does not replace the key")
		time.Sleep(6 * time.Second) // a fetch that may be under way ends
	})
}

// A singleUse proof is good once, as a DPoP proof is.
type singleUse struct {
	member string
	judged int
}

func (p *singleUse) Member() string { return p.member }
func (p *singleUse) Confirm(context.Context, string, []byte) error {
	if p.judged++; p.judged > 1 {
		return errors.New("a replay")
	}
	return nil
}

// A Verifier may ask for other proofs the second time. What was not confirmed then is refused.
func TestC2OnlyWhatAProofHasConfirmedIsRemembered(t *testing.T) {
	for rule, tt := range map[string]struct {
		token, value string
		proofs       int
	}{
		"the same":      {goodToken, `"key"`, 1},
		"another key":   {goodToken, `"other"`, 1},
		"another token": {"x", `"key"`, 1},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, calls := claimsOf(t, `{"sub":"alice"}`), 0
				single, unasked := &singleUse{member: "jkt"}, &singleUse{member: "x5t#S256"}
				guard := newAuth(t, verifierFunc(func(ctx context.Context, token string, proofs ...claims.Proof) (*claims.Claims, error) {
					if calls++; calls == 1 {
						return c, proofs[0].Confirm(ctx, token, []byte(`"key"`))
					}
					require.Len(t, proofs, tt.proofs, "the proof that was not asked is gone")
					return c, proofs[0].Confirm(ctx, tt.token, []byte(tt.value))
				})).GuardAuthenticated()
				request := middleware.Request{Authorization: []string{"Bearer " + goodToken}, Proofs: []claims.Proof{single, nil, unasked}}
				ctx, err := guard.Authenticate(t.Context(), request)
				require.NoError(t, err)
				time.Sleep(time.Second)
				_, err = guard.Authenticate(ctx, request)
				assert.Equal(t, rule == "the same", err == nil)
				assert.Equal(t, 1, single.judged)
				assert.Zero(t, unasked.judged)
			})
		})
	}
}

// An API with several issuers gives one answer to an unsigned token, whichever issuer and
// signature it has.
func TestUnsignedTokensDoNotTellIssuersApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := jwkstest.NewIssuer(jwkstest.Config{})
		auth := trusting(t, first, func(c *middleware.Config) {
			issuer := claims.Issuer{URL: c.Issuer, Audiences: c.Audiences}
			other := claims.Issuer{URL: "https://second.example.test/", Audiences: c.Audiences}
			c.Issuer, c.Audiences, c.Issuers = "", nil, []claims.Issuer{issuer, other}
		})
		stranger := jwkstest.NewIssuer(jwkstest.Config{URL: "https://stranger.example.test/"})
		for _, changes := range []map[string]any{nil, {"exp": 1}, {"aud": "x"}, {"exp": jwkstest.Absent}} {
			for _, signature := range []string{"A", "AB", "!", "AAAA"} {
				var answers []string
				for _, issuer := range []*jwkstest.Issuer{first, stranger} {
					token := issuer.Token(changes, jwkstest.Header("kid", "unknown"))
					w := httptest.NewRecorder()
					auth.Handler(http.NotFoundHandler()).ServeHTTP(w, bearer(token[:strings.LastIndexByte(token, '.')+1]+signature))
					answers = append(answers, w.Header().Get("WWW-Authenticate"))
				}
				assert.Equal(t, answers[0], answers[1], "%v %s", changes, signature)
			}
		}
		time.Sleep(6 * time.Second)
	})
}
