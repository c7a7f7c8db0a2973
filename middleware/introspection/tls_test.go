package introspection_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func requestingCertificates() *tls.Config { return &tls.Config{ClientAuth: tls.RequestClientCert} }

func certificates(c tls.Certificate) []tls.Certificate { return []tls.Certificate{c} }

// selfSigned returns a certificate of a client with this name.
func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key := ecKey(elliptic.P256())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
