package claims_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

func TestValidUntilIsWhenVerifyBeginsToRefuse(t *testing.T) {
	for name, leeway := range map[string]time.Duration{"default leeway": 0, "a longer one": time.Minute} {
		t.Run(name, func(t *testing.T) {
			clock := now
			issuer := goodIssuer()
			issuer.Leeway = leeway
			v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}, Now: func() time.Time { return clock }})
			require.NoError(t, err)
			good := token(nil)
			c, err := v.Verify(t.Context(), good)
			require.NoError(t, err)

			end := v.ValidUntil(c)
			clock = end.Add(-1)
			_, err = v.Verify(t.Context(), good)
			require.NoError(t, err)
			clock = end
			_, err = v.Verify(t.Context(), good)
			assert.ErrorIs(t, err, claims.ErrExpired)
		})
	}
}

func TestValidUntilOfClaimsFromElsewhere(t *testing.T) {
	v := newVerifier(t, goodIssuer())
	parsed := func(payload string) *claims.Claims {
		c, err := claims.ParseUnverified([]byte(payload))
		require.NoError(t, err)
		return c
	}
	assert.Zero(t, v.ValidUntil(nil))
	assert.Zero(t, v.ValidUntil(parsed(fmt.Sprintf(`{"iss":%q}`, issuerURL))), "no exp")
	assert.Equal(t, time.Unix(100, 0).UTC(), v.ValidUntil(parsed(`{"iss":"https://other.example/","exp":100}`)), "no leeway")
}
