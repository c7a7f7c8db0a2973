package keyset

import (
	"crypto/rand"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Moduli of CVE-2017-15361 have the form 65537^a mod M, where M is the product of the primes.
func TestROCAModuliAreFound(t *testing.T) {
	m := big.NewInt(2)
	for _, p := range rocaPrimes {
		m.Mul(m, new(big.Int).SetUint64(p))
	}
	for a := int64(1); a < 50; a++ {
		n := new(big.Int).Exp(big.NewInt(65537), big.NewInt(a), m)
		n.Add(n, new(big.Int).Lsh(m, 1900)) // any multiple of M leaves the fingerprint
		assert.True(t, isROCA(n), "65537^%d", a)
		assert.Equal(t, "RSA modulus can be factored (CVE-2017-15361)", reasonOf(t, rules{lenient: true}, rsaOf(n, 65537)))
		n.Add(n, big.NewInt(2))
		assert.False(t, isROCA(n), "65537^%d+2", a)
	}
	for range 20 {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 2048))
		require.NoError(t, err)
		assert.False(t, isROCA(n.SetBit(n, 0, 1)))
	}
}
