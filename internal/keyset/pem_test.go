package keyset_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func publicPEM(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pemOf("PUBLIC KEY", der)
}

// certificateOf returns a self-signed certificate that has expired, because only its key counts.
func certificateOf(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return der
}

func TestPEMOfEveryKindIsRead(t *testing.T) {
	for _, tt := range algorithmTests {
		files := map[string][]byte{
			"PUBLIC KEY":  publicPEM(t, tt.key().Public()),
			"CERTIFICATE": pemOf("CERTIFICATE", certificateOf(t, tt.key())),
			"white space": slices.Concat([]byte("\r\n \t"), publicPEM(t, tt.key().Public()), []byte("\n\n")),
			"CRLF":        bytes.ReplaceAll(publicPEM(t, tt.key().Public()), []byte("\n"), []byte("\r\n")),
		}
		if public, ok := tt.key().Public().(*rsa.PublicKey); ok {
			files["RSA PUBLIC KEY"] = pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(public))
		}
		signature := signWith(t, tt.alg, tt.key(), signingInput)
		for kind, file := range files {
			set, err := keyset.FromPublicKeys(keyset.PublicKey{KeyID: "a", Algorithm: tt.alg, PEM: file})
			require.NoError(t, err, "%s %s", tt.alg, kind)
			assert.NoError(t, onlyKey(t, set, tt.alg, "a").Verify([]byte(signingInput), signature), "%s %s", tt.alg, kind)
		}
	}
}

func TestPEMThatIsRefused(t *testing.T) {
	public := publicPEM(t, p256Key().Public())
	pkcs8, err := x509.MarshalPKCS8PrivateKey(p256Key())
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(p256Key())
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	pkixDER, err := x509.MarshalPKIXPublicKey(p256Key().Public())
	require.NoError(t, err)
	certificate := pemOf("CERTIFICATE", certificateOf(t, p256Key()))
	weak := &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int).Lsh(big.NewInt(1), 1023), 0, 1), E: 65537}

	const (
		private = "a private key: give the public one"
		extra   = "something besides one PEM block: give only the signing key's"
		content = "PEM block does not hold a public key"
		kind    = "PEM block is none of PUBLIC KEY, RSA PUBLIC KEY and CERTIFICATE"
	)
	for _, tt := range []struct {
		name   string
		pem    []byte
		reason string
	}{
		{"empty", []byte{}, "not PEM"},
		{"DER", pkixDER, "not PEM"},
		{"a JWK", []byte(`{"kty":"EC"}`), "not PEM"},
		{"text in front", append([]byte("key:\n"), public...), "not PEM"},
		{"text behind", append(slices.Clone(public), "x"...), extra},
		{"only the begin line", []byte("-----BEGIN PUBLIC KEY-----\n"), "not PEM"},
		{"broken base64", bytes.Replace(public, []byte("M"), []byte("!"), 1), "not PEM"},
		{"two keys", slices.Concat(public, public), extra},
		{"certificate chain", slices.Concat(certificate, certificate), extra},
		{"PKCS #8", pemOf("PRIVATE KEY", pkcs8), private},
		{"PKCS #1 private", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey())), private},
		{"SEC 1", pemOf("EC PRIVATE KEY", sec1), private},
		{"encrypted", pemOf("ENCRYPTED PRIVATE KEY", []byte("x")), private},
		{"OpenSSH", pemOf("OPENSSH PRIVATE KEY", []byte("x")), private},
		{"parameters and private key", slices.Concat(pemOf("EC PARAMETERS", []byte("x")), pemOf("EC PRIVATE KEY", sec1)), private},
		{"certificate and private key", slices.Concat(certificate, pemOf("PRIVATE KEY", pkcs8)), private},
		{"private key named public", pemOf("PUBLIC KEY", pkcs8), content},
		{"public key named certificate", pemOf("CERTIFICATE", pkixDER), content},
		{"PKIX named PKCS #1", pemOf("RSA PUBLIC KEY", pkixDER), content},
		{"bytes behind the DER", pemOf("PUBLIC KEY", append(slices.Clone(pkixDER), 0)), content},
		{"no DER", pemOf("PUBLIC KEY", []byte("secret-secret")), content},
		{"certificate request", pemOf("CERTIFICATE REQUEST", []byte("x")), kind},
		{"parameters", pemOf("EC PARAMETERS", []byte("x")), kind},
		{"lower case", bytes.ReplaceAll(public, []byte("PUBLIC KEY"), []byte("public key")), kind},
		{"P-224", publicPEM(t, p224.Public()), "unsupported crv"},
		{"X25519", publicPEM(t, x25519.Public()), "want *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or, with Go 1.27, *mldsa.PublicKey"},
		{"RSA of 1024 bits", publicPEM(t, weak), "RSA modulus under 2048 bits"},
	} {
		set, err := keyset.FromPublicKeys(keyset.PublicKey{PEM: tt.pem})
		assert.EqualError(t, err, `jwks: PublicKey 0 (KeyID "", Algorithm ""): `+tt.reason, tt.name)
		assert.Nil(t, set, tt.name)
	}
}

// A secret that was given in place of a key must not get into the log.
func TestPEMErrorsDoNotQuoteTheInput(t *testing.T) {
	for _, input := range []string{
		"hunter2", "-----BEGIN hunter2-----\nAA==\n-----END hunter2-----\n",
		"-----BEGIN PUBLIC KEY-----\nhunter2: x\n\nAA==\n-----END PUBLIC KEY-----\n",
	} {
		_, err := keyset.FromPublicKeys(keyset.PublicKey{PEM: []byte(input)})
		require.Error(t, err)
		assert.False(t, strings.Contains(err.Error(), "hunter2"), err.Error())
	}
}

func FuzzPEM(f *testing.F) {
	f.Add(publicPEM(f, p256Key().Public()))
	f.Add(publicPEM(f, ed25519Key().Public()))
	f.Add(pemOf("CERTIFICATE", certificateOf(f, p256Key())))
	f.Add(pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n\n-----END PUBLIC KEY-----"))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := keyset.FromPublicKeys(keyset.PublicKey{PEM: data})
		require.Equal(t, err == nil, set != nil)
		if err == nil {
			require.NotContains(t, string(data), "PRIVATE KEY-----")
		}
	})
}
