package claims_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// A program that lacks ML-DSA must not start as if it accepted it.
func TestMLDSAThatIsMissingIsAMistake(t *testing.T) {
	for _, alg := range mldsa.Algorithms() {
		issuer := goodIssuer()
		issuer.Algorithms = []string{"EdDSA", alg}
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
		missing := mldsa.Missing()
		if missing == nil {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, missing)
		assert.EqualError(t, err, `claims: invalid Issuer "https://issuer.example/": algorithm "`+alg+`": `+missing.Error())
	}
}

func TestMLDSAIsNotMixedWithHMAC(t *testing.T) {
	issuer := goodIssuer()
	issuer.Algorithms = []string{"HS256", "ML-DSA-65"}
	_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
	assert.ErrorContains(t, err, "Algorithms mixes HMAC with public-key algorithms")
}

func TestOtherSpellingsOfMLDSAAreNotSupported(t *testing.T) {
	for _, alg := range []string{"ML-DSA", "ml-dsa-65", "MLDSA65", "ML-DSA-65-ES256"} {
		issuer := goodIssuer()
		issuer.Algorithms = []string{alg}
		_, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{issuer}})
		assert.ErrorContains(t, err, `algorithm "`+alg+`" is not supported`)
	}
}

func TestMLDSAIsNoDefault(t *testing.T) {
	for _, alg := range mldsa.Algorithms() {
		_, err := newVerifier(t, goodIssuer()).Verify(t.Context(), header(`{"alg":"`+alg+`","kid":"k1"}`))
		assert.ErrorIs(t, err, claims.ErrAlgorithm)
	}
}
