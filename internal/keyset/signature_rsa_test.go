package keyset_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"hash"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// RFC 8017 section 8: the signature is as long as the modulus, and a smaller number.
func TestRSASignatureLength(t *testing.T) {
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: rsaKey().Public()})
	require.NoError(t, err)
	zeroed := retrySigning(t, "PS256", rsaKey(), func(s []byte) bool { return s[0] == 0 })
	key := onlyKey(t, set, "PS256", "")
	assert.NoError(t, key.Verify([]byte(signingInput), zeroed))
	assert.Error(t, key.Verify([]byte(signingInput), zeroed[1:]), "leading zero dropped")
	assert.Error(t, key.Verify([]byte(signingInput), append([]byte{0}, zeroed...)), "leading zero added")

	for _, alg := range []string{"RS256", "PS256"} {
		signature := signWith(t, alg, rsaKey(), signingInput)
		key := onlyKey(t, set, alg, "")
		assert.Error(t, key.Verify([]byte(signingInput), append([]byte{0}, signature...)), alg)
		assert.Error(t, key.Verify([]byte(signingInput), signature[1:]), alg)
	}
}

func TestRSASignatureBeyondTheModulusIsRefused(t *testing.T) {
	n, size := rsaKey().N, rsaKey().Size()
	beyond := make([]byte, size)
	retrySigning(t, "PS256", rsaKey(), func(s []byte) bool {
		sum := new(big.Int).Add(new(big.Int).SetBytes(s), n)
		if sum.BitLen() > 8*size {
			return false
		}
		sum.FillBytes(beyond)
		return true
	})
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: rsaKey().Public()})
	require.NoError(t, err)
	assert.Error(t, onlyKey(t, set, "PS256", "").Verify([]byte(signingInput), beyond))
}

// With e = 3, a verifier that ignores the bytes after the hash accepts the cube root of a block
// that the attacker chose (Bleichenbacher 2006, RFC 8017 section 8.2.2).
func TestRSACubeRootForgeryIsRefused(t *testing.T) {
	modulus := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2048), big.NewInt(1))
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: &rsa.PublicKey{N: modulus, E: 3}})
	require.NoError(t, err)

	sha256Prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	block := slices.Concat([]byte{0, 1}, bytes.Repeat([]byte{0xff}, 8), []byte{0}, sha256Prefix, digest(crypto.SHA256, signingInput))
	chosen := append(block, bytes.Repeat([]byte{0xff}, 256-len(block))...)
	root := cubeRoot(new(big.Int).SetBytes(chosen))
	cube := new(big.Int).Exp(root, big.NewInt(3), nil).FillBytes(make([]byte, 256))
	require.Equal(t, block, cube[:len(block)], "the forgery starts like a signature")

	forged := root.FillBytes(make([]byte, 256))
	assert.Equal(t, claims.ErrSignature, onlyKey(t, set, "RS256", "").Verify([]byte(signingInput), forged))
}

// cubeRoot returns the cube root of n, rounded down.
func cubeRoot(n *big.Int) *big.Int {
	root := new(big.Int)
	for bit := n.BitLen()/3 + 1; bit >= 0; bit-- {
		root.SetBit(root, bit, 1)
		if new(big.Int).Exp(root, big.NewInt(3), nil).Cmp(n) > 0 {
			root.SetBit(root, bit, 0)
		}
	}
	return root
}

// RFC 7518 section 3.5: the salt is as long as the hash, and MGF1 uses the same hash.
func TestPSSParametersAreFixed(t *testing.T) {
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: rsaKey().Public()})
	require.NoError(t, err)
	for _, tt := range []struct {
		alg  string
		hash crypto.Hash
	}{{"PS256", crypto.SHA256}, {"PS384", crypto.SHA384}, {"PS512", crypto.SHA512}} {
		key := onlyKey(t, set, tt.alg, "")
		size := tt.hash.Size()
		largest := rsaKey().Size() - size - 2
		for _, salt := range []int{0, 1, 20, size - 1, size, size + 1, largest} {
			signature := signPSS(t, tt.hash, tt.hash.New, salt)
			err := key.Verify([]byte(signingInput), signature)
			if salt == size {
				assert.NoError(t, err, "%s, salt of the hash's length", tt.alg)
			} else {
				assert.Equal(t, claims.ErrSignature, err, "%s, salt of %d bytes", tt.alg, salt)
			}
		}
		sha1 := signPSS(t, tt.hash, crypto.SHA1.New, size)
		assert.Equal(t, claims.ErrSignature, key.Verify([]byte(signingInput), sha1), "%s, MGF1 with SHA-1", tt.alg)
	}
}

// signPSS signs as RFC 8017 section 9.1.1 says, with parameters that crypto/rsa does not offer.
func signPSS(t *testing.T, hash crypto.Hash, mask func() hash.Hash, saltLength int) []byte {
	t.Helper()
	key := rsaKey()
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt)
	h := digest(hash, string(slices.Concat(make([]byte, 8), digest(hash, signingInput), salt)))

	db := make([]byte, key.Size()-len(h)-1)
	copy(db[len(db)-saltLength:], salt)
	db[len(db)-saltLength-1] = 1
	var stream []byte
	for counter := byte(0); len(stream) < len(db); counter++ {
		mgf := mask()
		mgf.Write(h)
		mgf.Write([]byte{0, 0, 0, counter})
		stream = mgf.Sum(stream)
	}
	for i := range db {
		db[i] ^= stream[i]
	}
	db[0] &= 0x7f
	message := new(big.Int).SetBytes(slices.Concat(db, h, []byte{0xbc}))
	return new(big.Int).Exp(message, key.D, key.N).FillBytes(make([]byte, key.Size()))
}
