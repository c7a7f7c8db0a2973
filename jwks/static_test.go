package jwks_test

import (
	"context"
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
	"github.com/bearerguard/bearerguard/jwks"
)

var (
	_ claims.KeySet = (*jwks.Static)(nil)
	_ claims.KeySet = (*jwks.Secrets)(nil)
)

func TestNewStaticWithoutAUsableKeyNamesTheReasons(t *testing.T) {
	_, err := jwks.NewStatic([]byte(`{"keys":[{"kty":"oct","kid":"a\n","k":"AA"},{"kty":"AKP"}]}`))
	assert.EqualError(t, err, `jwks: key set has no usable key: kid "a?": a symmetric key; kid "": unsupported kty`)

	_, err = jwks.NewStatic([]byte(`{"keys":[]}`))
	assert.EqualError(t, err, "jwks: key set has no usable key")

	_, err = jwks.NewStatic([]byte(`{"keys":[` + strings.Repeat("0,", 99) + "0]}"))
	require.Error(t, err)
	assert.Contains(t, err.Error(), "; and 92 more")
	assert.Less(t, len(err.Error()), 1000)

	_, err = jwks.NewStatic([]byte("<html>"))
	assert.EqualError(t, err, "jwks: not a JWK Set: not a JSON object")
}

// A key set that knows a kid but no key for it that fits is as unknown as any other:
// RFC 8725 section 3.1.
func TestStaticUnknownKey(t *testing.T) {
	set, err := jwks.NewStatic(documentOf(t,
		jwkOf(t, p256Key().Public(), object{"kid": "ec"}),
		jwkOf(t, rsaKey().Public(), object{"kid": "rsa", "alg": "RS256"}),
		jwkOf(t, rsaKey().Public(), object{"kid": "enc", "use": "enc"})))
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
		keys, err := set.Keys(t.Context(), header[0], header[1])
		assert.ErrorIs(t, err, claims.ErrUnknownKey, "%q", header)
		assert.Empty(t, keys, "%q", header)
	}
	assert.NotNil(t, onlyKey(t, set, "RS256", ""), "the enc key is no candidate")
}

func TestZeroSetsHoldNoKeys(t *testing.T) {
	for _, set := range []claims.KeySet{&jwks.Static{}, (*jwks.Static)(nil), &jwks.Secrets{}, (*jwks.Secrets)(nil)} {
		_, err := set.Keys(t.Context(), "RS256", "a")
		assert.ErrorIs(t, err, claims.ErrUnknownKey)
	}
}

// A static set is always recent, so its answer does not wait for anything.
func TestStaticIgnoresTheContext(t *testing.T) {
	set, err := jwks.StaticKeys(jwks.PublicKey{Key: p256Key().Public()})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = set.Keys(ctx, "ES256", "")
	assert.NoError(t, err)
}

func TestStaticKeysRefusesUnusableKeys(t *testing.T) {
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
		unsupported = "want *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey"
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
		set, err := jwks.StaticKeys(jwks.PublicKey{KeyID: "a", Key: tt.key})
		assert.EqualError(t, err, `jwks: PublicKey 0 (KeyID "a", Algorithm ""): `+tt.reason, tt.name)
		assert.Nil(t, set, tt.name)
	}
}

func TestStaticKeysRefusesAnAlgorithmThatDoesNotFit(t *testing.T) {
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
		_, err := jwks.StaticKeys(jwks.PublicKey{Key: tt.key, Algorithm: tt.alg})
		assert.ErrorContains(t, err, tt.reason, tt.alg)
	}
}

func TestStaticKeysReportsAllMistakesAtOnce(t *testing.T) {
	_, err := jwks.StaticKeys(
		jwks.PublicKey{KeyID: "a", Key: p256Key()},
		jwks.PublicKey{KeyID: "b", Key: p256Key().Public()},
		jwks.PublicKey{KeyID: strings.Repeat("c", 257), Key: p256Key().Public()},
		jwks.PublicKey{KeyID: "d", Key: p256Key().Public(), PEM: []byte("x")},
		jwks.PublicKey{KeyID: "e", Key: p256Key().Public(), Algorithm: "ES384"})
	require.Error(t, err)
	assert.Equal(t, strings.Join([]string{
		`jwks: PublicKey 0 (KeyID "a", Algorithm ""): a private key: give the public one`,
		`jwks: PublicKey 2 (KeyID "` + strings.Repeat("c", 257) + `", Algorithm ""): kid is longer than 256 bytes`,
		`jwks: PublicKey 3 (KeyID "d", Algorithm ""): both Key and PEM are set`,
		`jwks: PublicKey 4 (KeyID "e", Algorithm "ES384"): alg does not fit the key`,
	}, "\n"), err.Error())

	_, err = jwks.StaticKeys()
	assert.EqualError(t, err, "jwks: StaticKeys without a key")
}

// Five keys for one header would make every such token ambiguous.
func TestStaticKeysRefusesWhatCouldNeverBeUsed(t *testing.T) {
	five := func(kid string) (keys []jwks.PublicKey) {
		for range 5 {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			require.NoError(t, err)
			keys = append(keys, jwks.PublicKey{KeyID: kid, Key: key.Public()})
		}
		return keys
	}
	_, err := jwks.StaticKeys(five("a")...)
	assert.EqualError(t, err, `jwks: more than 4 keys for alg "ES256" and kid "a"`)
	_, err = jwks.StaticKeys(five("")...)
	assert.EqualError(t, err, `jwks: more than 4 keys for alg "ES256" and kid ""`)

	fine, err := jwks.StaticKeys(five("a")[:4]...)
	require.NoError(t, err)
	keys, err := fine.Keys(t.Context(), "ES256", "a")
	require.NoError(t, err)
	assert.Len(t, keys, 4)

	// Kids of their own, so only tokens without kid are ambiguous.
	different := five("")
	for i := range different {
		different[i].KeyID = fmt.Sprint(i)
	}
	fine, err = jwks.StaticKeys(different...)
	require.NoError(t, err)
	_, err = fine.Keys(t.Context(), "ES256", "")
	assert.ErrorIs(t, err, claims.ErrUnknownKey)
	assert.NotNil(t, onlyKey(t, fine, "ES256", "4"))
}

func TestStaticKeysMergesTheSameKey(t *testing.T) {
	key := jwks.PublicKey{KeyID: "a", Key: p256Key().Public()}
	set, err := jwks.StaticKeys(key, key, key, key, key)
	require.NoError(t, err)
	assert.NotNil(t, onlyKey(t, set, "ES256", "a"))
}

// RFC 8725 section 2.1: no spelling of a public key is a secret.
func TestPublicKeyIsNoSecret(t *testing.T) {
	set, err := jwks.NewStatic(documentOf(t,
		jwkOf(t, rsaKey().Public(), object{"kid": "a"}),
		object{"kty": "oct", "kid": "a", "alg": "HS256", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"},
		object{"kty": "oct", "kid": "b", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}))
	require.NoError(t, err)
	for _, alg := range []string{"HS256", "HS384", "HS512"} {
		for _, kid := range []string{"a", "b", ""} {
			_, err := set.Keys(t.Context(), alg, kid)
			assert.ErrorIs(t, err, claims.ErrUnknownKey, "%s %q", alg, kid)
		}
	}
}
