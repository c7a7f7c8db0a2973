//go:build go1.27

package mldsa_test

import (
	standard "crypto/mldsa"
	"crypto/sha3"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/mldsa"
)

// This is the reason for the check: without the private key, a signature for any message under a
// key whose t1 is zero. FIPS 204 algorithm 8, with z and the hint zero, computes w1 of zeros.
func TestForgeryUnderAZeroKeyIsRefused(t *testing.T) {
	if missing := mldsa.Missing(); missing != nil {
		t.Skip(missing)
	}
	encoded := append(slices.Repeat([]byte{7}, 32), make([]byte, 1280)...)
	key, err := standard.NewPublicKey(standard.MLDSA44(), encoded)
	require.NoError(t, err)
	message := []byte("never signed")
	require.NoError(t, standard.Verify(key, message, forged44(encoded, message), nil), "crypto/mldsa accepts it")

	_, err = mldsa.NewPublicKey("ML-DSA-44", encoded)
	require.Equal(t, mldsa.ErrWeak, err)
	_, ok, err := mldsa.FromStandard(key)
	assert.True(t, ok)
	assert.Equal(t, mldsa.ErrWeak, err)
}

// forged44 returns the hash of μ and w1, the vector z of 4 polynomials with 256 coefficients of 18
// bits, and an empty hint of 84 bytes.
func forged44(encoded, message []byte) []byte {
	tr := sha3.SumSHAKE256(encoded, 64)
	mu := sha3.SumSHAKE256(slices.Concat(tr, []byte{0, 0}, message), 64)
	w1 := make([]byte, 4*256*6/8)
	signature := sha3.SumSHAKE256(slices.Concat(mu, w1), 32)
	for range 4 * 256 / 4 {
		// Zero is encoded as γ1 = 2^17, and four coefficients fill nine bytes.
		signature = append(signature, 0, 0, 2, 0, 8, 0, 32, 0, 128)
	}
	return append(signature, make([]byte, 84)...)
}

func TestFromStandardCopies(t *testing.T) {
	if missing := mldsa.Missing(); missing != nil {
		t.Skip(missing)
	}
	private, err := standard.GenerateKey(standard.MLDSA87())
	require.NoError(t, err)
	key, ok, err := mldsa.FromStandard(private.Public())
	require.True(t, ok)
	require.NoError(t, err)
	assert.Equal(t, "ML-DSA-87", key.Algorithm())
	assert.Equal(t, private.PublicKey().Bytes(), key.Bytes())
}
