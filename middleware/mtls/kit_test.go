package mtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/mtls"
)

const (
	proxy    = "10.0.3.7:4711"
	stranger = "192.0.2.1:4711"
	gateway  = "spiffe://cluster.local/ns/istio-system/sa/gateway"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24"), netip.MustParsePrefix("2001:db8::/64")}

// newCertificate returns a self-signed certificate.
func newCertificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"api.example.test"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func newChecker(t testing.TB, config mtls.Config) *mtls.Checker {
	t.Helper()
	if config.Source != mtls.FromTLS {
		config.TrustedProxies = proxies
	}
	if config.Header == "" && (config.Source == mtls.FromEscapedPEM || config.Source == mtls.FromFingerprint) {
		config.Header = "X-Client-Cert"
	}
	c, err := mtls.New(config)
	require.NoError(t, err)
	return c
}

// from returns a request of this peer with these fields, whatever their name.
func from(peer string, values ...string) mtls.Request {
	return mtls.Request{RemoteAddr: peer, Fields: func(string) []string { return values }}
}

// boundTo returns the x5t#S256 of a token that is bound to the certificate.
func boundTo(der []byte) []byte {
	hash := sha256.Sum256(der)
	return []byte(strconv.Quote(base64.RawURLEncoding.EncodeToString(hash[:])))
}

// confirm returns the error for a token with that member, or "no certificate".
func confirm(t testing.TB, c *mtls.Checker, r mtls.Request, member []byte) string {
	t.Helper()
	p := c.Proof(r)
	if p == nil {
		return "no certificate"
	}
	require.Equal(t, "x5t#S256", p.Member())
	if err := p.Confirm(t.Context(), "a.b.c", member); err != nil {
		return strings.TrimPrefix(err.Error(), "mtls: ")
	}
	return ""
}

// The formats, as proxies write them.

func clientCert(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }

func fingerprint(der []byte) string {
	hash := sha256.Sum256(der)
	return hex.EncodeToString(hash[:])
}

// xfcc is Envoy's, with all keys that it can be told to write.
func xfcc(der []byte, subject, uri string) string {
	return "By=spiffe://cluster.local/ns/api/sa/api;Hash=" + fingerprint(der) + `;Cert="` + url.QueryEscape(string(pemOf(der))) +
		`";Subject="` + subject + `";URI=` + uri + ";DNS=client.example.test;DNS=www.example.test"
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// nginx escapes all but unreserved characters.
func nginx(der []byte) string {
	return strings.ReplaceAll(url.QueryEscape(string(pemOf(der))), "+", "%20")
}

// alb leaves + = / as they are.
func alb(ders ...[]byte) string {
	var escaped strings.Builder
	for _, der := range ders {
		escaped.WriteString(strings.NewReplacer("%2B", "+", "%3D", "=", "%2F", "/").Replace(nginx(der)))
	}
	return escaped.String()
}
