package keyset_test

//lint:file-ignore SA1019 keys whose fields were set by hand are the subject here

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

func TestHandmadeECDSAKeysAreRefused(t *testing.T) {
	x, y := p256Key().X, p256Key().Y
	for _, tt := range []struct {
		name   string
		key    *ecdsa.PublicKey
		reason string
	}{
		{"a handmade curve", &ecdsa.PublicKey{Curve: elliptic.P256().Params(), X: x, Y: y}, "unsupported crv"},
		{"off the curve", &ecdsa.PublicKey{Curve: elliptic.P256(), X: y, Y: x}, "point is not on the curve"},
		{"negative", &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(-1), Y: y}, "point is not on the curve"},
		{"beyond the field", &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).Add(x, elliptic.P256().Params().P), Y: y}, "point is not on the curve"},
		{"point of another curve", &ecdsa.PublicKey{Curve: elliptic.P256(), X: p521Key().X, Y: p521Key().Y}, "point is not on the curve"},
		{"infinity", &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)}, "point is not on the curve"},
	} {
		_, err := keyset.FromPublicKeys(keyset.PublicKey{Key: tt.key})
		assert.ErrorContains(t, err, ": "+tt.reason, tt.name)
	}
}

// The caller can change its keys afterwards without an effect on the set.
func TestPublicKeysAreCopied(t *testing.T) {
	rsaPublic := &rsa.PublicKey{N: new(big.Int).Set(rsaKey().N), E: rsaKey().E}
	ecPublic := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).Set(p256Key().X), Y: new(big.Int).Set(p256Key().Y)}
	edPublic := append(ed25519.PublicKey{}, ed25519Key().Public().(ed25519.PublicKey)...)
	set, err := keyset.FromPublicKeys(keyset.PublicKey{Key: rsaPublic}, keyset.PublicKey{Key: ecPublic}, keyset.PublicKey{Key: edPublic})
	require.NoError(t, err)

	rsaPublic.N.SetInt64(3)
	rsaPublic.E = 1
	ecPublic.X.SetInt64(3)
	ecPublic.Curve = elliptic.P521()
	clear(edPublic)
	for _, tt := range algorithmTests {
		if tt.alg == "ES384" || tt.alg == "ES512" {
			continue
		}
		signature := signWith(t, tt.alg, tt.key(), signingInput)
		assert.NoError(t, onlyKey(t, set, tt.alg, "").Verify([]byte(signingInput), signature), tt.alg)
	}
}
