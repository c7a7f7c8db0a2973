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

// The form of CVE-2017-15361: 65537^a mod M, where M is the product of the primes.
func TestROCA(t *testing.T) {
	m := big.NewInt(2)
	for _, p := range rocaPrimes {
		m.Mul(m, new(big.Int).SetUint64(p))
	}
	for a := int64(1); a < 50; a++ {
		n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(a), m)
		n.Add(n, new(big.Int).Lsh(m, 1900)) // any multiple of M leaves the fingerprint
		assert.True(t, isROCA(n), "65537^%d", a)
		n.Add(n, big.NewInt(2))
		assert.False(t, isROCA(n), "65537^%d+2", a)
	}
	for range 20 {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 2048))
		require.NoError(t, err)
		assert.False(t, isROCA(n.SetBit(n, 0, 1)))
	}
}

// A passphrase or random bytes are no key, whatever they look like.
func TestSecretsAreNotTakenForKeys(t *testing.T) {
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

// DER may end in a byte that looks like white space or a quote.
func TestKeyMaterialIsFoundWhateverByteItEndsIn(t *testing.T) {
	for _, last := range []byte(" \t\r\n\"'") {
		key := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 1<<16 | int(last) | 1<<8}
		der := x509.MarshalPKCS1PublicKey(key)
		require.Equal(t, last, der[len(der)-1])
		assert.True(t, IsKeyMaterial(der), "%q", last)
	}
}
