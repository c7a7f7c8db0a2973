package middleware_test

import (
	"context"
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

// A patientVerifier tells when its tokens end.
type patientVerifier struct{ verifierFunc }

func (patientVerifier) ValidUntil(c *claims.Claims) time.Time {
	return c.ExpiresAt().Add(2 * time.Minute)
}

func TestUntilExpiryEndsWithTheLeewayOfTheVerifier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		keys, err := jwks.NewStatic(issuer.Document())
		require.NoError(t, err)
		trusted := claims.Issuer{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys}
		patient := trusted
		patient.Leeway = time.Minute
		issuers := func(i claims.Issuer) middleware.Config { return middleware.Config{Issuers: []claims.Issuer{i}} }
		verifier, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{patient}})
		require.NoError(t, err)
		lenient := patient // accepts tokens for longer than it is asked to
		lenient.Leeway = 5 * time.Minute
		patience, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{lenient}})
		require.NoError(t, err)
		for rule, tt := range map[string]struct {
			config middleware.Config
			leeway time.Duration
		}{
			"the default":                          {issuers(trusted), 5 * time.Second},
			"that of the issuer":                   {issuers(patient), time.Minute},
			"that of a Verifier of package claims": {middleware.Config{Verifier: verifier}, time.Minute},
			"a Verifier that tells it":             {middleware.Config{Verifier: patientVerifier{verifierFunc(patience.Verify)}}, 2 * time.Minute},
			"a Verifier that does not tell it":     {middleware.Config{Verifier: verifierFunc(verifier.Verify)}, 5 * time.Second},
		} {
			auth, err := middleware.New(tt.config)
			require.NoError(t, err)
			token := issuer.Token(map[string]any{"exp": time.Now().Add(time.Minute).Unix()})
			r, err := auth.GuardAuthenticated().Check(bearer(token))
			require.NoError(t, err)
			began := time.Now()
			ctx, stop := auth.UntilExpiry(r.Context())
			<-ctx.Done()
			stop()
			assert.Equal(t, time.Minute+tt.leeway, time.Since(began), rule)
			assert.ErrorIs(t, ctx.Err(), context.DeadlineExceeded)
			assert.ErrorIs(t, context.Cause(ctx), claims.ErrExpired)
			var e *middleware.Error
			require.ErrorAs(t, context.Cause(ctx), &e)
			assert.Equal(t, 401, e.Status)
			assert.Equal(t, "invalid_token", e.Code)
		}
	})
}

// A token accepted within a long leeway does not end at once.
func TestUntilExpiryOfATokenAcceptedAfterItsExp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		keys, err := jwks.NewStatic(issuer.Document())
		require.NoError(t, err)
		auth, err := middleware.New(middleware.Config{Issuers: []claims.Issuer{
			{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys, Leeway: time.Minute},
		}})
		require.NoError(t, err)
		r, err := auth.GuardAuthenticated().Check(bearer(issuer.Token(map[string]any{"exp": time.Now().Add(-50 * time.Second).Unix()})))
		require.NoError(t, err)
		ctx, stop := auth.UntilExpiry(r.Context())
		defer stop()
		time.Sleep(9 * time.Second)
		assert.NoError(t, ctx.Err())
		time.Sleep(time.Second)
		synctest.Wait()
		assert.ErrorIs(t, context.Cause(ctx), claims.ErrExpired)
	})
}

func TestUntilExpiryWithoutAnEnd(t *testing.T) {
	for rule, c := range map[string]*claims.Claims{"no claims": nil, "no exp": claimsOf(t, `{"sub":"alice"}`)} {
		for name, verifier := range map[string]middleware.Verifier{"fake": refusing(claims.ErrSignature), "real": realVerifier(t)} {
			t.Run(rule+", "+name, func(t *testing.T) {
				parent, cancel := context.WithCancelCause(claims.NewContext(t.Context(), c))
				auth := newAuth(t, verifier)
				ctx, stop := auth.UntilExpiry(parent)
				_, limited := ctx.Deadline()
				assert.False(t, limited)
				assert.NoError(t, ctx.Err())
				stop()
				assert.ErrorIs(t, ctx.Err(), context.Canceled, "stop ends it in any case")

				ctx, stop = auth.UntilExpiry(parent)
				defer stop()
				cancel(assert.AnError)
				assert.ErrorIs(t, context.Cause(ctx), assert.AnError)
			})
		}
	}
}

func realVerifier(t *testing.T) *claims.Verifier {
	t.Helper()
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{URL: issuerURL, Audiences: []string{api}, Keys: keySet{}}}})
	require.NoError(t, err)
	return v
}

func TestUntilExpiryKeepsAnEarlierDeadline(t *testing.T) {
	auth := newAuth(t, accepting(t, `{"exp":4102444800}`))
	r, err := auth.GuardAuthenticated().Check(get("Bearer " + goodToken))
	require.NoError(t, err)
	parent, cancel := context.WithTimeout(r.Context(), time.Nanosecond)
	defer cancel()
	ctx, stop := auth.UntilExpiry(parent)
	defer stop()
	<-ctx.Done()
	assert.NotErrorIs(t, context.Cause(ctx), claims.ErrExpired)
}
