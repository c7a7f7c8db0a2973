package jwks_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

const signingInput = "eyJhbGciOiJub25lIn0.e30"

var algorithmTests = []struct {
	alg        string
	key, other func() crypto.Signer
}{
	{"RS256", signer(rsaKey), signer(otherRSAKey)},
	{"RS384", signer(rsaKey), signer(otherRSAKey)},
	{"RS512", signer(rsaKey), signer(otherRSAKey)},
	{"PS256", signer(rsaKey), signer(otherRSAKey)},
	{"PS384", signer(rsaKey), signer(otherRSAKey)},
	{"PS512", signer(rsaKey), signer(otherRSAKey)},
	{"ES256", signer(p256Key), signer(otherP256Key)},
	{"ES384", signer(p384Key), signer(otherP384Key)},
	{"ES512", signer(p521Key), signer(otherP521Key)},
	{"EdDSA", signer(ed25519Key), signer(otherEd25519Key)},
	{"Ed25519", signer(ed25519Key), signer(otherEd25519Key)},
}

func signer[K crypto.Signer](key func() K) func() crypto.Signer {
	return func() crypto.Signer { return key() }
}

// Each algorithm, with and without an alg in the key, from a document and from Go keys,
// against signatures of the standard library.
func TestEveryAlgorithmVerifies(t *testing.T) {
	for _, tt := range algorithmTests {
		for _, keyAlg := range []string{"", tt.alg} {
			public := tt.key().Public()
			jwk := jwkOf(t, public, object{"kid": "a"})
			if keyAlg != "" {
				jwk["alg"] = keyAlg
			}
			document, err := jwks.NewStatic(documentOf(t, jwk))
			require.NoError(t, err)
			static, err := jwks.StaticKeys(jwks.PublicKey{KeyID: "a", Algorithm: keyAlg, Key: public})
			require.NoError(t, err)

			t.Run(fmt.Sprintf("%s, key with alg %q", tt.alg, keyAlg), func(t *testing.T) {
				signature := signWith(t, tt.alg, tt.key(), signingInput)
				for _, set := range []claims.KeySet{document, static} {
					checkKey(t, onlyKey(t, set, tt.alg, "a"), signature)
				}
			})
		}
	}
}

// checkKey holds a key to one good signature and to what is next to it.
func checkKey(t *testing.T, key claims.Key, signature []byte) {
	t.Helper()
	input := []byte(signingInput)
	require.NoError(t, key.Verify(input, signature))
	assert.NoError(t, key.Verify(slices.Clone(input), slices.Clone(signature)), "a second time")

	refused := func(rule string, input, signature []byte) {
		t.Helper()
		assert.Equal(t, claims.ErrSignature, key.Verify(input, signature), rule)
	}
	refused("other input", []byte(signingInput+"x"), signature)
	refused("no input", nil, signature)
	refused("no signature", input, nil)
	refused("cut", input, signature[:len(signature)-1])
	refused("extended", input, append(slices.Clone(signature), 0))
	refused("zeros", input, make([]byte, len(signature)))
	for _, i := range []int{0, len(signature) / 2, len(signature) - 1} {
		flipped := slices.Clone(signature)
		flipped[i] ^= 1
		refused(fmt.Sprintf("bit flipped in byte %d", i), input, flipped)
	}
}

func TestSignatureOfAnotherKeyIsRefused(t *testing.T) {
	for _, tt := range algorithmTests {
		set, err := jwks.StaticKeys(jwks.PublicKey{Key: tt.key().Public()})
		require.NoError(t, err)
		signature := signWith(t, tt.alg, tt.other(), signingInput)
		err = onlyKey(t, set, tt.alg, "").Verify([]byte(signingInput), signature)
		assert.Equal(t, claims.ErrSignature, err, tt.alg)
	}
}

// The header's alg fixes hash, padding and curve (RFC 7518 section 3.1): a signature of
// the same key under another algorithm is no signature.
func TestAlgorithmsOfOneKeyAreApart(t *testing.T) {
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: rsaKey().Public()})
	require.NoError(t, err)
	algs := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	for _, signed := range algs {
		signature := signWith(t, signed, rsaKey(), signingInput)
		for _, asked := range algs {
			err := onlyKey(t, set, asked, "").Verify([]byte(signingInput), signature)
			if asked == signed {
				assert.NoError(t, err, asked)
			} else {
				assert.Equal(t, claims.ErrSignature, err, "%s as %s", signed, asked)
			}
		}
	}
}

// RFC 9864: one algorithm, two names.
func TestEdDSAAndEd25519AreOneAlgorithm(t *testing.T) {
	for _, alg := range []string{"", "EdDSA", "Ed25519"} {
		set, err := jwks.StaticKeys(jwks.PublicKey{Key: ed25519Key().Public(), Algorithm: alg})
		require.NoError(t, err)
		assert.Same(t, onlyKey(t, set, "EdDSA", ""), onlyKey(t, set, "Ed25519", ""), alg)
		_, err = set.Keys(t.Context(), "Ed448", "")
		assert.ErrorIs(t, err, claims.ErrUnknownKey, alg)
	}
}

// RFC 7518 section 3.4: R and S at the full width of the curve, in (0, n), no DER.
func TestECDSASignatureFormat(t *testing.T) {
	for _, tt := range []struct {
		alg string
		key *ecdsa.PrivateKey
	}{{"ES256", p256Key()}, {"ES384", p384Key()}, {"ES512", p521Key()}} {
		set, err := jwks.StaticKeys(jwks.PublicKey{Key: tt.key.Public()})
		require.NoError(t, err)
		key := onlyKey(t, set, tt.alg, "")

		signature := signWith(t, tt.alg, tt.key, signingInput)
		size := len(signature) / 2
		curve, n := tt.key.Curve, tt.key.Curve.Params().N
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		mirrored := new(big.Int).Sub(n, s)
		zero := new(big.Int)
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		require.NoError(t, err)

		// One of the two has the high S: JOSE has no rule for low S.
		assert.NoError(t, key.Verify([]byte(signingInput), joinRS(curve, r, s)), tt.alg)
		assert.NoError(t, key.Verify([]byte(signingInput), joinRS(curve, r, mirrored)), tt.alg)

		padded := slices.Concat([]byte{0}, signature[:size], []byte{0}, signature[size:])
		for rule, hostile := range map[string][]byte{
			"DER":                 der,
			"r is zero":           joinRS(curve, zero, s),
			"s is zero":           joinRS(curve, r, zero),
			"both are zero":       joinRS(curve, zero, zero),
			"r is n":              joinRS(curve, n, s),
			"s is n":              joinRS(curve, r, n),
			"both are n":          joinRS(curve, n, n),
			"r and s swapped":     joinRS(curve, s, r),
			"halves too wide":     padded,
			"r alone":             signature[:size],
			"twice the signature": slices.Concat(signature, signature),
		} {
			assert.Equal(t, claims.ErrSignature, key.Verify([]byte(signingInput), hostile), "%s: %s", tt.alg, rule)
		}
	}
}

// s+n is congruent to s, and fits its field on P-521, whose order is of 521 bits.
func TestECDSASignatureBeyondTheOrderIsRefused(t *testing.T) {
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: p521Key().Public()})
	require.NoError(t, err)
	signature := signWith(t, "ES512", p521Key(), signingInput)
	r, s := new(big.Int).SetBytes(signature[:66]), new(big.Int).SetBytes(signature[66:])
	n := elliptic.P521().Params().N
	key := onlyKey(t, set, "ES512", "")
	assert.Error(t, key.Verify([]byte(signingInput), joinRS(elliptic.P521(), new(big.Int).Add(r, n), s)))
	assert.Error(t, key.Verify([]byte(signingInput), joinRS(elliptic.P521(), r, new(big.Int).Add(s, n))))
}

// A half with leading zeros keeps them: a signer that drops them is wrong, one that has
// them is not.
func TestECDSALeadingZeros(t *testing.T) {
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: p256Key().Public()})
	require.NoError(t, err)
	key := onlyKey(t, set, "ES256", "")
	signature := retrySigning(t, "ES256", p256Key(), func(s []byte) bool { return s[0] == 0 })
	assert.NoError(t, key.Verify([]byte(signingInput), signature))
	assert.Error(t, key.Verify([]byte(signingInput), signature[1:]))
}

// retrySigning makes randomised signatures until one is as wanted.
func retrySigning(t *testing.T, alg string, key crypto.Signer, wanted func([]byte) bool) []byte {
	t.Helper()
	for range 20_000 {
		if signature := signWith(t, alg, key, signingInput); wanted(signature) {
			return signature
		}
	}
	require.FailNow(t, "no such signature came up")
	return nil
}

// RFC 8017 section 8: the signature is as long as the modulus, and a number below it.
func TestRSASignatureLength(t *testing.T) {
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: rsaKey().Public()})
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
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: rsaKey().Public()})
	require.NoError(t, err)
	assert.Error(t, onlyKey(t, set, "PS256", "").Verify([]byte(signingInput), beyond))
}

// With e = 3, a verifier that does not look behind the hash takes the cube root of a
// block of the attacker's choice (Bleichenbacher 2006, RFC 8017 section 8.2.2).
func TestRSACubeRootForgeryIsRefused(t *testing.T) {
	modulus := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2048), big.NewInt(1))
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: &rsa.PublicKey{N: modulus, E: 3}})
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

// cubeRoot rounds down.
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
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: rsaKey().Public()})
	require.NoError(t, err)
	for _, tt := range []struct {
		alg  string
		hash crypto.Hash
	}{{"PS256", crypto.SHA256}, {"PS384", crypto.SHA384}, {"PS512", crypto.SHA512}} {
		key := onlyKey(t, set, tt.alg, "")
		own := tt.hash.Size()
		largest := rsaKey().Size() - own - 2
		for _, salt := range []int{0, 1, 20, own - 1, own, own + 1, largest} {
			signature := signPSS(t, tt.hash, tt.hash.New, salt)
			err := key.Verify([]byte(signingInput), signature)
			if salt == own {
				assert.NoError(t, err, "%s, salt of the hash's length", tt.alg)
			} else {
				assert.Equal(t, claims.ErrSignature, err, "%s, salt of %d bytes", tt.alg, salt)
			}
		}
		sha1 := signPSS(t, tt.hash, crypto.SHA1.New, own)
		assert.Equal(t, claims.ErrSignature, key.Verify([]byte(signingInput), sha1), "%s, MGF1 with SHA-1", tt.alg)
	}
}

// signPSS is RFC 8017 section 9.1.1 with parameters that crypto/rsa does not offer.
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

// RFC 8032 section 5.1.7: S is below the group order, else every signature has a twin.
func TestEdDSASignatureBeyondTheOrderIsRefused(t *testing.T) {
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: ed25519Key().Public()})
	require.NoError(t, err)
	order, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	order.Add(order, new(big.Int).Lsh(big.NewInt(1), 252))

	signature := signWith(t, "EdDSA", ed25519Key(), signingInput)
	s := slices.Clone(signature[32:])
	slices.Reverse(s)
	twin := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	slices.Reverse(twin)
	err = onlyKey(t, set, "EdDSA", "").Verify([]byte(signingInput), slices.Concat(signature[:32], twin))
	assert.Equal(t, claims.ErrSignature, err)
}
