//go:build go1.27

package keyset

import (
	"crypto/mldsa"
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The examples of draft-ietf-cose-dilithium-11 (15 November 2025), which became RFC 9964:
// examples/jose in the repository of the working group. The seed of each key is 32 zeros, and the
// signatures are deterministic. The kid is the thumbprint. A signature begins with a hash of the
// key and the message, so its two ends say whether all of it is the published one.
var draftExamples = []struct{ alg, kid, header, begin, end string }{
	{
		"ML-DSA-44", "T4xl70S7MT6Zeq6r9V9fPJGVn76wfnXJ21-gyo0Gu6o",
		"eyJhbGciOiJNTC1EU0EtNDQiLCJraWQiOiJUNHhsNzBTN01UNlplcTZyOVY5ZlBKR1ZuNzZ3Zm5YSjIxLWd5bzBHdTZvIn0",
		"knI1Q_9CIzLH5Xy94Kkc7WVKqZcAgtJ3mNf0GUj1", "lcHJ6jKmrsbrEztHd9QAAAAAAAAAAAAAAABIfMEQ",
	},
	{
		"ML-DSA-65", "Suiu29qbfuaBaR4Ats-c6XQBePB_OpAxAwcTR_0KXVM",
		"eyJhbGciOiJNTC1EU0EtNjUiLCJraWQiOiJTdWl1MjlxYmZ1YUJhUjRBdHMtYzZYUUJlUEJfT3BBeEF3Y1RSXzBLWFZNIn0",
		"zmO9_0bLgJAegoVNymfRo4nGPK5lVtSFGnDbzfzY", "iY6f6Pn-FBUnQkuBhIyPtgAAAAAAAAAABgwVHCUv",
	},
	{
		"ML-DSA-87", "tRn1JNIkgMsABVQBlXeDHxAIcclh-2IX0UdDEzPt5XU",
		"eyJhbGciOiJNTC1EU0EtODciLCJraWQiOiJ0Um4xSk5Ja2dNc0FCVlFCbFhlREh4QUljY2xoLTJJWDBVZERFelB0NVhVIn0",
		"hmMrKkUgZwGPQV_WUoXUVq_Z9WOenDZbfMmHpKri", "_u9BkenwkQfZGS6ez0AAAAAAAAAAALGSAlKzg7Qw",
	},
}

const draftPayload = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4"

func parametersOf(alg string) mldsa.Parameters {
	switch alg {
	case "ML-DSA-44":
		return mldsa.MLDSA44()
	case "ML-DSA-65":
		return mldsa.MLDSA65()
	}
	return mldsa.MLDSA87()
}

func TestPublishedMLDSAExamples(t *testing.T) {
	needMLDSA(t)
	encode := base64.RawURLEncoding.EncodeToString
	for _, tt := range draftExamples {
		private, err := mldsa.NewPrivateKey(parametersOf(tt.alg), make([]byte, mldsa.PrivateKeySize))
		require.NoError(t, err)
		set := mustParse(t, nil, akp(tt.alg, private.PublicKey().Bytes())+`,"kid":"`+tt.kid+`"`)
		material := set.entries[0].id.material
		assert.Equal(t, tt.kid, encode(material[:]), tt.alg)

		input := []byte(tt.header + "." + draftPayload)
		signature, err := private.SignDeterministic(input, nil)
		require.NoError(t, err)
		require.Equal(t, tt.begin, encode(signature)[:40], tt.alg)
		require.Equal(t, tt.end, encode(signature)[len(encode(signature))-40:], tt.alg)
		keys := candidatesOf(t, set, tt.alg, tt.kid)
		require.Len(t, keys, 1)
		assert.NoError(t, keys[0].Verify(input, signature), tt.alg)

		// RFC 9964 section 5: the context is empty.
		signature, err = private.Sign(nil, input, &mldsa.Options{Context: "x"})
		require.NoError(t, err)
		assert.Error(t, keys[0].Verify(input, signature), tt.alg)
	}
}

func TestMLDSAKeysThatWereConfiguredByHand(t *testing.T) {
	needMLDSA(t)
	private, err := mldsa.GenerateKey(mldsa.MLDSA65())
	require.NoError(t, err)
	signature, err := private.Sign(nil, []byte("input"), nil)
	require.NoError(t, err)
	for _, alg := range []string{"", "ML-DSA-65"} {
		set, err := FromPublicKeys(PublicKey{KeyID: "a", Algorithm: alg, Key: private.Public()})
		require.NoError(t, err)
		keys := candidatesOf(t, set, "ML-DSA-65", "a")
		require.Len(t, keys, 1)
		assert.NoError(t, keys[0].Verify([]byte("input"), signature))
	}
	for _, tt := range []struct {
		key    PublicKey
		reason string
	}{
		{PublicKey{Key: private}, "a private key: give the public one"},
		{PublicKey{Key: private.Public(), Algorithm: "ML-DSA-44"}, "alg does not fit the key"},
		{PublicKey{Key: (*mldsa.PublicKey)(nil)}, "malformed"},
		{PublicKey{Key: &mldsa.PublicKey{}}, "malformed"},
	} {
		_, err := FromPublicKeys(tt.key)
		assert.ErrorContains(t, err, tt.reason)
	}
}
