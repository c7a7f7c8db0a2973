package mldsa_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/fips140"
	"go/version"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/mldsa"
)

func TestMissing(t *testing.T) {
	var want error
	switch {
	case version.Compare(runtime.Version(), "go1.27") < 0:
		want = mldsa.ErrGo
	case fips140.Version() == "v1.0.0":
		want = mldsa.ErrFIPS
	}
	assert.Equal(t, want, mldsa.Missing())
}

func TestAlgorithms(t *testing.T) {
	assert.Equal(t, []string{"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}, mldsa.Algorithms())
	for _, alg := range mldsa.Algorithms() {
		assert.True(t, mldsa.IsAlgorithm(alg))
	}
	for _, alg := range []string{"", "ML-DSA", "ML-DSA-4", "ml-dsa-44", "ML-DSA-44 ", "HashML-DSA-44", "ES256"} {
		assert.False(t, mldsa.IsAlgorithm(alg), alg)
		assert.Zero(t, mldsa.PublicKeyBytes(alg), alg)
	}
}

// A fault of the key is told also by a program that lacks ML-DSA.
func TestNewPublicKeyRefuses(t *testing.T) {
	good := bytes.Repeat([]byte{7}, 1312)
	onlyRho := append(bytes.Repeat([]byte{7}, 32), make([]byte, 1280)...)
	for _, tt := range []struct {
		rule, alg string
		encoded   []byte
		want      error
	}{
		{"another alg", "ES256", good, mldsa.ErrAlgorithm},
		{"no alg", "", nil, mldsa.ErrAlgorithm},
		{"empty", "ML-DSA-44", nil, mldsa.ErrSize},
		{"a byte less", "ML-DSA-44", good[1:], mldsa.ErrSize},
		{"a byte more", "ML-DSA-44", append(bytes.Clone(good), 7), mldsa.ErrSize},
		{"the length of another alg", "ML-DSA-65", good, mldsa.ErrSize},
		{"zeros", "ML-DSA-44", make([]byte, 1312), mldsa.ErrWeak},
		{"t1 of zeros", "ML-DSA-44", onlyRho, mldsa.ErrWeak},
		{"good", "ML-DSA-44", good, mldsa.Missing()},
	} {
		key, err := mldsa.NewPublicKey(tt.alg, tt.encoded)
		require.Equal(t, tt.want, err, tt.rule)
		assert.Equal(t, err == nil, key != nil, tt.rule)
	}
}

func TestOtherTypesAreNotStandardKeys(t *testing.T) {
	for _, key := range []any{nil, []byte("x"), ed25519.PublicKey{}, ed25519.PrivateKey{}, "x"} {
		_, ok, err := mldsa.FromStandard(key)
		assert.False(t, ok)
		require.NoError(t, err)
		_, _, ok = mldsa.Public(key)
		assert.False(t, ok)
		_, ok, err = mldsa.Sign(key, nil)
		assert.False(t, ok)
		assert.NoError(t, err)
	}
}

func TestGenerate(t *testing.T) {
	for _, alg := range mldsa.Algorithms() {
		private, err := mldsa.Generate(alg)
		require.Equal(t, mldsa.Missing(), err)
		if err != nil {
			assert.Nil(t, private)
			continue
		}
		name, encoded, ok := mldsa.Public(private)
		require.True(t, ok)
		assert.Equal(t, alg, name)
		assert.Len(t, encoded, mldsa.PublicKeyBytes(alg))
		key, err := mldsa.NewPublicKey(alg, encoded)
		require.NoError(t, err)
		encoded[40] ^= 1
		assert.NotEqual(t, encoded, key.Bytes(), "a copy")
		key.Bytes()[0] ^= 1
		signature, ok, err := mldsa.Sign(private, []byte("message"))
		require.True(t, ok)
		require.NoError(t, err)
		assert.Len(t, signature, mldsa.SignatureBytes(alg))
		require.NoError(t, key.Verify([]byte("message"), signature))
		assert.Error(t, key.Verify([]byte("another"), signature))
	}
}

// FuzzNewPublicKey checks that no encoding panics, and that no key accepts a signature of the fuzzer.
func FuzzNewPublicKey(f *testing.F) {
	for _, alg := range mldsa.Algorithms() {
		f.Add(alg, bytes.Repeat([]byte{7}, mldsa.PublicKeyBytes(alg)), make([]byte, mldsa.SignatureBytes(alg)))
	}
	f.Add("ML-DSA-44", make([]byte, 1312), []byte{1})
	f.Fuzz(func(t *testing.T, alg string, encoded, signature []byte) {
		key, err := mldsa.NewPublicKey(alg, encoded)
		if err != nil {
			require.Nil(t, key)
			return
		}
		require.Equal(t, alg, key.Algorithm())
		require.Equal(t, encoded, key.Bytes())
		require.Error(t, key.Verify([]byte("message"), signature))
	})
}
