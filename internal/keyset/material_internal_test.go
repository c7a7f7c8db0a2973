package keyset

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Passphrases and random bytes must pass, even if they look a little like a key.
func TestSecretsAreNotKeyMaterial(t *testing.T) {
	for _, value := range []string{
		"correct horse battery staple, and then some", "-----", `{"a":1}`, "MIIB", "aGVsbG8gd29ybGQ", "0\x03abc", "\x30\x82",
	} {
		assert.False(t, IsKeyMaterial([]byte(value)), value)
		assert.False(t, IsEncodedKeyMaterial([]byte(value)), value)
	}
	random := make([]byte, 64)
	for range 1000 {
		_, _ = rand.Read(random)
		assert.False(t, IsKeyMaterial(random))
	}
}

// DER can end in a byte that looks like white space or a quote.
func TestKeyMaterialIsFoundWithAnyLastByte(t *testing.T) {
	for _, last := range []byte(" \t\r\n\"'") {
		key := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 1<<16 | int(last) | 1<<8}
		der := x509.MarshalPKCS1PublicKey(key)
		require.Equal(t, last, der[len(der)-1])
		assert.True(t, IsKeyMaterial(der), "%q", last)
	}
}

// The first bytes of a random value can be two short numbers in DER.
func TestTwoShortNumbersAreNoKey(t *testing.T) {
	short := append([]byte{0x30, 6, 2, 1, 3, 2, 1, 3}, make([]byte, 32)...)
	_, err := x509.ParsePKCS1PublicKey(short[:8])
	require.NoError(t, err)
	assert.False(t, IsKeyMaterial(short))
	assert.False(t, IsEncodedKeyMaterial([]byte(base64.StdEncoding.EncodeToString(short))))

	oldest := x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 511), E: 3})
	assert.True(t, IsKeyMaterial(oldest))
}

func TestBytesThatStartLikeAnSSHKeyAreNoKey(t *testing.T) {
	assert.True(t, IsKeyMaterial([]byte("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB gr\u00fcn@example\n")))
	assert.False(t, IsKeyMaterial([]byte("ssh-\xff\xfe\x00 rsa")))
}
