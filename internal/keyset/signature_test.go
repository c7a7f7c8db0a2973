package keyset_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
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

// The keys are read from a document and from Go keys, with and without an alg. The signatures
// are made by the standard library.
func TestEveryAlgorithmVerifies(t *testing.T) {
	for _, tt := range algorithmTests {
		for _, keyAlg := range []string{"", tt.alg} {
			public := tt.key().Public()
			jwk := jwkOf(t, public, object{"kid": "a"})
			if keyAlg != "" {
				jwk["alg"] = keyAlg
			}
			document, err := keyset.Parse(documentOf(t, jwk), nil)
			require.NoError(t, err)
			static, err := keyset.FromPublicKeys(keyset.PublicKey{KeyID: "a", Algorithm: keyAlg, Key: public})
			require.NoError(t, err)

			t.Run(fmt.Sprintf("%s, key with alg %q", tt.alg, keyAlg), func(t *testing.T) {
				signature := signWith(t, tt.alg, tt.key(), signingInput)
				for _, set := range []*keyset.Set{document, static} {
					checkKey(t, onlyKey(t, set, tt.alg, "a"), signature)
				}
			})
		}
	}
}

// checkKey checks that a key verifies one signature and nothing close to it.
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
		set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: tt.key().Public()})
		require.NoError(t, err)
		signature := signWith(t, tt.alg, tt.other(), signingInput)
		err = onlyKey(t, set, tt.alg, "").Verify([]byte(signingInput), signature)
		assert.Equal(t, claims.ErrSignature, err, tt.alg)
	}
}

// The header's alg fixes hash, padding and curve (RFC 7518 section 3.1). A signature of the same
// key under another algorithm is invalid.
func TestSignatureOfAnotherAlgorithmIsRefused(t *testing.T) {
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: rsaKey().Public()})
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
		set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: ed25519Key().Public(), Algorithm: alg})
		require.NoError(t, err)
		assert.Same(t, onlyKey(t, set, "EdDSA", ""), onlyKey(t, set, "Ed25519", ""), alg)
		_, err = set.Find("Ed448", "")
		assert.ErrorIs(t, err, claims.ErrUnknownKey, alg)
	}
}

// RFC 7518 section 3.4: R and S at the full width of the curve, in (0, n), no DER.
func TestECDSASignatureFormat(t *testing.T) {
	for _, tt := range []struct {
		alg string
		key *ecdsa.PrivateKey
	}{{"ES256", p256Key()}, {"ES384", p384Key()}, {"ES512", p521Key()}} {
		set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: tt.key.Public()})
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
			"DER":                der,
			"r is zero":          joinRS(curve, zero, s),
			"s is zero":          joinRS(curve, r, zero),
			"both are zero":      joinRS(curve, zero, zero),
			"r is n":             joinRS(curve, n, s),
			"s is n":             joinRS(curve, r, n),
			"both are n":         joinRS(curve, n, n),
			"r and s swapped":    joinRS(curve, s, r),
			"halves too wide":    padded,
			"only r":             signature[:size],
			"signature repeated": slices.Concat(signature, signature),
		} {
			assert.Equal(t, claims.ErrSignature, key.Verify([]byte(signingInput), hostile), "%s: %s", tt.alg, rule)
		}
	}
}

// s+n is congruent to s. On P-521 it can still fit into its half of the signature.
func TestECDSASignatureBeyondTheOrderIsRefused(t *testing.T) {
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: p521Key().Public()})
	require.NoError(t, err)
	signature := signWith(t, "ES512", p521Key(), signingInput)
	r, s := new(big.Int).SetBytes(signature[:66]), new(big.Int).SetBytes(signature[66:])
	n := elliptic.P521().Params().N
	key := onlyKey(t, set, "ES512", "")
	assert.Error(t, key.Verify([]byte(signingInput), joinRS(elliptic.P521(), new(big.Int).Add(r, n), s)))
	assert.Error(t, key.Verify([]byte(signingInput), joinRS(elliptic.P521(), r, new(big.Int).Add(s, n))))
}

// R and S have a fixed width, so a signer must not drop their leading zeros.
func TestECDSAHalvesKeepTheirLeadingZeros(t *testing.T) {
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: p256Key().Public()})
	require.NoError(t, err)
	key := onlyKey(t, set, "ES256", "")
	signature := retrySigning(t, "ES256", p256Key(), func(s []byte) bool { return s[0] == 0 })
	assert.NoError(t, key.Verify([]byte(signingInput), signature))
	assert.Error(t, key.Verify([]byte(signingInput), signature[1:]))
}

// retrySigning makes randomised signatures until it has a wanted one.
func retrySigning(t *testing.T, alg string, key crypto.Signer, wanted func([]byte) bool) []byte {
	t.Helper()
	for range 20_000 {
		if signature := signWith(t, alg, key, signingInput); wanted(signature) {
			return signature
		}
	}
	require.FailNow(t, "no wanted signature was made")
	return nil
}

// RFC 8032 section 5.1.7: S must be below the group order. Otherwise each signature has a second
// valid form.
func TestEdDSASignatureBeyondTheOrderIsRefused(t *testing.T) {
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: ed25519Key().Public()})
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
