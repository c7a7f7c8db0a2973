package keyset_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// A known kid does not help if its key does not fit the alg (RFC 8725 section 3.1).
func TestKeyThatDoesNotFitIsUnknown(t *testing.T) {
	set, err := keyset.Parse(documentOf(t,
		jwkOf(t, p256Key().Public(), object{"kid": "ec"}),
		jwkOf(t, rsaKey().Public(), object{"kid": "rsa", "alg": "RS256"}),
		jwkOf(t, rsaKey().Public(), object{"kid": "enc", "use": "enc"})), nil)
	require.NoError(t, err)
	for _, header := range [][2]string{
		{"ES256", "unknown"},
		{"ES384", "ec"},
		{"RS256", "ec"},
		{"ES256", "rsa"},
		{"PS256", "rsa"},
		{"RS512", "rsa"},
		{"RS256", "enc"},
		{"HS256", "rsa"},
		{"HS256", ""},
		{"none", "rsa"},
		{"none", ""},
		{"", "rsa"},
		{"rs256", "rsa"},
		{"RS256", "RSA"},
		{"RS256", "rsa\x00"},
	} {
		keys, err := set.Find(header[0], header[1])
		assert.ErrorIs(t, err, claims.ErrUnknownKey, "%q", header)
		assert.Empty(t, keys, "%q", header)
	}
	assert.NotNil(t, onlyKey(t, set, "RS256", ""), "the enc key is no candidate")
}

func TestUnusablePublicKeysAreRefused(t *testing.T) {
	odd := func(bits uint) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return n.SetBit(n, 0, 1)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	const (
		private     = "a private key: give the public one"
		unsupported = "want *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or, with Go 1.27, *mldsa.PublicKey"
		exponent    = "RSA exponent is not an odd number from 3 to 2^31-1"
	)
	for _, tt := range []struct {
		name   string
		key    crypto.PublicKey
		reason string
	}{
		{"nothing", nil, "neither Key nor PEM is set"},
		{"RSA private", rsaKey(), private},
		{"ECDSA private", p256Key(), private},
		{"Ed25519 private", ed25519Key(), private},
		{"ECDH private", x25519, private},
		{"RSA of 1024 bits", &rsa.PublicKey{N: odd(1024), E: 65537}, "RSA modulus under 2048 bits"},
		{"RSA of 2047 bits", &rsa.PublicKey{N: odd(2047), E: 65537}, "RSA modulus under 2048 bits"},
		{"RSA of 8193 bits", &rsa.PublicKey{N: odd(8193), E: 65537}, "RSA modulus over 8192 bits"},
		{"RSA even", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}, "RSA modulus is even"},
		{"RSA negative", &rsa.PublicKey{N: new(big.Int).Neg(odd(2048)), E: 65537}, "RSA modulus under 2048 bits"},
		{"RSA e=1", &rsa.PublicKey{N: odd(2048), E: 1}, exponent},
		{"RSA e=4", &rsa.PublicKey{N: odd(2048), E: 4}, exponent},
		{"RSA e=-3", &rsa.PublicKey{N: odd(2048), E: -3}, exponent},
		{"RSA without modulus", &rsa.PublicKey{E: 3}, "malformed"},
		{"RSA nil", (*rsa.PublicKey)(nil), "malformed"},
		{"RSA by value", rsa.PublicKey{N: odd(2048), E: 3}, unsupported},
		{"P-224", p224.Public(), "unsupported crv"},
		{"ECDSA without curve", &ecdsa.PublicKey{}, "unsupported crv"},
		{"ECDSA without point", &ecdsa.PublicKey{Curve: elliptic.P256()}, "malformed"},
		{"ECDSA nil", (*ecdsa.PublicKey)(nil), "malformed"},
		{"Ed25519 of 31 bytes", make(ed25519.PublicKey, 31), "Ed25519 key is not of 32 bytes"},
		{"Ed25519 nil", ed25519.PublicKey(nil), "Ed25519 key is not of 32 bytes"},
		{"Ed25519 of zeros", make(ed25519.PublicKey, 32), "Ed25519 key is no point of large order"},
		{"X25519", x25519.PublicKey(), unsupported},
		{"bytes", []byte("secret"), unsupported},
		{"string", "secret", unsupported},
	} {
		set, err := keyset.FromPublicKeys(keyset.PublicKey{KeyID: "a", Key: tt.key})
		assert.EqualError(t, err, `jwks: PublicKey 0 (KeyID "a", Algorithm ""): `+tt.reason, tt.name)
		assert.Nil(t, set, tt.name)
	}
}

func TestPublicKeyWhoseAlgorithmDoesNotFitIsRefused(t *testing.T) {
	for _, tt := range []struct {
		key         crypto.PublicKey
		alg, reason string
	}{
		{rsaKey().Public(), "ES256", "alg does not fit the key"},
		{p256Key().Public(), "RS256", "alg does not fit the key"},
		{p256Key().Public(), "ES384", "alg does not fit the key"},
		{p384Key().Public(), "ES256", "alg does not fit the key"},
		{ed25519Key().Public(), "ES256", "alg does not fit the key"},
		{rsaKey().Public(), "HS256", "unsupported alg"},
		{rsaKey().Public(), "none", "unsupported alg"},
		{rsaKey().Public(), "rs256", "unsupported alg"},
		{ed25519Key().Public(), "Ed448", "unsupported alg"},
	} {
		_, err := keyset.FromPublicKeys(keyset.PublicKey{Key: tt.key, Algorithm: tt.alg})
		assert.ErrorContains(t, err, tt.reason, tt.alg)
	}
}

func TestPublicKeyMistakesAreReportedAtOnce(t *testing.T) {
	_, err := keyset.FromPublicKeys(
		keyset.PublicKey{KeyID: "a", Key: p256Key()},
		keyset.PublicKey{KeyID: "b", Key: p256Key().Public()},
		keyset.PublicKey{KeyID: strings.Repeat("c", 257), Key: p256Key().Public()},
		keyset.PublicKey{KeyID: "d", Key: p256Key().Public(), PEM: []byte("x")},
		keyset.PublicKey{KeyID: "e", Key: p256Key().Public(), Algorithm: "ES384"})
	require.Error(t, err)
	assert.Equal(t, strings.Join([]string{
		`jwks: PublicKey 0 (KeyID "a", Algorithm ""): a private key: give the public one`,
		`jwks: PublicKey 2 (KeyID "` + strings.Repeat("c", 257) + `", Algorithm ""): kid is longer than 256 bytes`,
		`jwks: PublicKey 3 (KeyID "d", Algorithm ""): both Key and PEM are set`,
		`jwks: PublicKey 4 (KeyID "e", Algorithm "ES384"): alg does not fit the key`,
	}, "\n"), err.Error())
}

// Five keys for one header would make each of its tokens ambiguous.
func TestAmbiguousPublicKeysAreRefused(t *testing.T) {
	five := func(kid string) (keys []keyset.PublicKey) {
		for range 5 {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			require.NoError(t, err)
			keys = append(keys, keyset.PublicKey{KeyID: kid, Key: key.Public()})
		}
		return keys
	}
	_, err := keyset.FromPublicKeys(five("a")...)
	assert.EqualError(t, err, `jwks: more than 4 keys for alg "ES256" and kid "a"`)
	_, err = keyset.FromPublicKeys(five("")...)
	assert.EqualError(t, err, `jwks: more than 4 keys for alg "ES256" and kid ""`)

	fine, err := keyset.FromPublicKeys(five("a")[:4]...)
	require.NoError(t, err)
	keys, err := fine.Find("ES256", "a")
	require.NoError(t, err)
	assert.Len(t, keys, 4)

	// Each key has another kid, so only tokens without kid are ambiguous.
	different := five("")
	for i := range different {
		different[i].KeyID = fmt.Sprint(i)
	}
	fine, err = keyset.FromPublicKeys(different...)
	require.NoError(t, err)
	_, err = fine.Find("ES256", "")
	assert.ErrorIs(t, err, claims.ErrUnknownKey)
	assert.NotNil(t, onlyKey(t, fine, "ES256", "4"))
}

func TestSamePublicKeyMerges(t *testing.T) {
	key := keyset.PublicKey{KeyID: "a", Key: p256Key().Public()}
	set, err := keyset.FromPublicKeys(key, key, key, key, key)
	require.NoError(t, err)
	assert.NotNil(t, onlyKey(t, set, "ES256", "a"))
}

// RFC 8725 section 2.1: a public key must not serve as the secret of an HMAC.
func TestPublicKeyIsNeverASecret(t *testing.T) {
	set, err := keyset.Parse(documentOf(t,
		jwkOf(t, rsaKey().Public(), object{"kid": "a"}),
		object{"kty": "oct", "kid": "a", "alg": "HS256", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"},
		object{"kty": "oct", "kid": "b", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}), nil)
	require.NoError(t, err)
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		for _, kid := range []string{"a", "b", ""} {
			_, err := set.Find(alg, kid)
			assert.ErrorIs(t, err, claims.ErrUnknownKey, "%s %q", alg, kid)
		}
	}
}
