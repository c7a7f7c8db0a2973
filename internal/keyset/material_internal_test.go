package keyset

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
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
