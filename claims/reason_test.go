package claims_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// Dashboards and alerts depend on the codes.
func TestReasonCodesAreStable(t *testing.T) {
	codes := map[claims.Reason]string{
		claims.ErrMalformed: "malformed", claims.ErrAlgorithm: "algorithm", claims.ErrType: "type",
		claims.ErrIssuer: "issuer", claims.ErrAudience: "audience", claims.ErrExpired: "expired",
		claims.ErrNotYetValid: "not_yet_valid", claims.ErrMissingClaim: "missing_claim",
		claims.ErrConfirmation: "confirmation", claims.ErrUnknownKey: "unknown_key",
		claims.ErrSignature: "signature", claims.ErrRevoked: "revoked", claims.ErrRejected: "rejected",
		claims.ErrForbidden: "forbidden", claims.ErrUnavailable: "unavailable",
		claims.ErrKeysUnavailable: "keys_unavailable", claims.ErrAuthentication: "authentication",
		claims.ErrUnusableKey: "unusable_key",
	}
	texts := make(map[string]bool)
	for reason, code := range codes {
		assert.Equal(t, code, string(reason))
		assert.Regexp(t, "^claims: [a-z' ]+$", reason.Error())
		assert.False(t, texts[reason.Error()], "each reason must have a different text")
		texts[reason.Error()] = true
	}
	assert.Equal(t, "claims: later", claims.Reason("later").Error())
}

func TestUnavailableError(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", &claims.UnavailableError{RetryAfter: time.Second, Err: context.Canceled})
	requireReason(t, claims.ErrKeysUnavailable, err)
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, claims.ErrUnknownKey)
	assert.Contains(t, err.Error(), "context canceled")

	var timeout interface{ Timeout() bool }
	assert.False(t, errors.As(&claims.UnavailableError{}, &timeout), "without a cause, there is no other target")
	assert.Equal(t, claims.ErrKeysUnavailable.Error(), (&claims.UnavailableError{}).Error())
}

// A program that knows only ErrUnknownKey still recognizes the refusal.
func TestB5UnusableKeyIsAnUnknownKeyToo(t *testing.T) {
	require.ErrorIs(t, claims.ErrUnusableKey, claims.ErrUnknownKey)
	require.NotErrorIs(t, claims.ErrUnknownKey, claims.ErrUnusableKey)
	require.NotErrorIs(t, claims.ErrUnusableKey, claims.ErrKeysUnavailable)

	cause := fmt.Errorf("jwks: too short: %w", claims.ErrUnusableKey)
	issuer := goodIssuer()
	issuer.Keys = &keySet{keys: func(context.Context, string, string) ([]claims.Key, error) { return nil, cause }}
	_, err := newVerifier(t, issuer).Verify(t.Context(), token(nil))
	requireReason(t, claims.ErrUnusableKey, err)
	require.ErrorIs(t, err, claims.ErrUnknownKey)
	require.NotErrorIs(t, err, claims.ErrKeysUnavailable)
	require.ErrorContains(t, err, "claims: signing key is published but cannot be used: jwks: too short")
}
