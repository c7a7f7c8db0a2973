package jwks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/mldsa"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

func needMLDSA(t testing.TB) {
	t.Helper()
	if missing := mldsa.Missing(); missing != nil {
		t.Skip(missing)
	}
}

func accepting(t *testing.T, issuer *jwkstest.Issuer, algorithms ...string) *claims.Verifier {
	t.Helper()
	keys, err := jwks.NewStatic(issuer.Document())
	require.NoError(t, err)
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{
		URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys, Algorithms: algorithms,
	}}})
	require.NoError(t, err)
	return v
}

// RFC 9964: an access token and its key in a JWK Set, beside a key of today.
func TestMLDSATokens(t *testing.T) {
	needMLDSA(t)
	for _, alg := range mldsa.Algorithms() {
		key := jwkstest.NewKey(alg)
		issuer := jwkstest.NewIssuer(jwkstest.Config{Key: key})
		issuer.Publish(jwkstest.NewKey("ES256"))
		issuer.Publish(jwkstest.NewKey("ML-DSA-44"))
		v := accepting(t, issuer, "ES256", alg)
		token := issuer.Token(nil)
		assert.Less(t, len(token), 8<<10, "half of the default of MaxTokenBytes")
		for _, remembered := range []bool{false, true} {
			c, err := v.Verify(t.Context(), token)
			require.NoError(t, err, alg)
			assert.Equal(t, remembered, c.Remembered(), alg)
		}

		dot := strings.LastIndexByte(token, '.')
		for rule, tt := range map[string]struct {
			token  string
			reason claims.Reason
		}{
			"claims changed":       {jwkstest.TamperClaims(token, map[string]any{"scope": "admin"}), claims.ErrSignature},
			"signature changed":    {jwkstest.TamperSignature(token), claims.ErrSignature},
			"signature cut":        {token[:dot+1+(len(token)-dot-4)/4*4], claims.ErrSignature},
			"signature longer":     {token + "AAAA", claims.ErrSignature},
			"no signature":         {token[:dot+1], claims.ErrMalformed},
			"another key":          {issuer.Token(nil, jwkstest.SignedBy(jwkstest.Key{ID: key.ID, Algorithm: alg, Private: jwkstest.NewKey(alg).Private})), claims.ErrSignature},
			"alg of today":         {issuer.Token(nil, jwkstest.Header("alg", "ES256")), claims.ErrUnknownKey},
			"alg in another case":  {issuer.Token(nil, jwkstest.Header("alg", strings.ToLower(alg))), claims.ErrAlgorithm},
			"alg that is unlisted": {issuer.Token(nil, jwkstest.Header("alg", "RS256")), claims.ErrAlgorithm},
			"alg none":             {issuer.Token(nil, jwkstest.Header("alg", "none")), claims.ErrAlgorithm},
		} {
			_, err := v.Verify(t.Context(), tt.token)
			assert.ErrorIs(t, err, tt.reason, "%s: %s", alg, rule)
		}
	}
}

// Before an API lists the algorithm, tokens of it are refused, and so are they afterwards if they
// name another set of parameters.
func TestMLDSAIsNoDefault(t *testing.T) {
	needMLDSA(t)
	issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("ML-DSA-65")})
	for _, algorithms := range [][]string{nil, {"ES256"}, {"ML-DSA-44", "ML-DSA-87"}} {
		_, err := accepting(t, issuer, algorithms...).Verify(t.Context(), issuer.Token(nil))
		assert.ErrorIs(t, err, claims.ErrAlgorithm, "%q", algorithms)
	}
}

// In a program that lacks ML-DSA, such a key does not disturb the others, and Status names it.
func TestSkippedMLDSAKeyIsReported(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	issuer.PublishJWK(map[string]any{"kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": strings.Repeat("BwcH", 437) + "Bw"})
	cache := newCache(t, issuer)
	require.NoError(t, cache.Refresh(t.Context()))
	_, err := cache.Keys(t.Context(), "ES256", issuer.SigningKey().ID)
	require.NoError(t, err)

	missing := mldsa.Missing()
	_, err = cache.Keys(t.Context(), "ML-DSA-44", "pq")
	if missing == nil {
		require.NoError(t, err)
		assert.Empty(t, cache.Status().Skipped)
		return
	}
	require.ErrorIs(t, err, claims.ErrUnusableKey)
	assert.Equal(t, []jwks.SkippedKey{{KeyID: "pq", Reason: missing.Error()}}, cache.Status().Skipped)
}
