package jwks_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

var tlsFaults = map[string]struct {
	begin    func(*tlsIssuer)
	requests int // that reach the issuer through TLS, for one fetch
	problem  string
}{
	"certificate of an unknown authority": {present(certificate(time.Hour, "127.0.0.1")), 0, "unknown authority"},
	"certificate of another host":         {present(otherCertificate), 0, "192.0.2.1"},
	"certificate that has expired":        {present(expiredCertificate), 0, "expired"},
	"gzip bomb":                           {bomb(4 << 20), 1, "longer than 524288 bytes"},
}

// tlsStates are the states that a cache can be in without waiting.
var tlsStates = map[string]func(*testing.T, *tlsIssuer) *jwks.Cache{
	"cold": func(t *testing.T, i *tlsIssuer) *jwks.Cache { return newTLSCache(t, i) },
	"fresh": func(t *testing.T, i *tlsIssuer) *jwks.Cache {
		cache := newTLSCache(t, i)
		require.NoError(t, cache.Refresh(t.Context()))
		return cache
	},
	"stale-if-error": func(t *testing.T, i *tlsIssuer) *jwks.Cache {
		return newTLSCache(t, i, func(c *jwks.Config) { c.Seed = i.Document() })
	},
	"exhausted": func(t *testing.T, i *tlsIssuer) *jwks.Cache {
		cache := newTLSCache(t, i, func(c *jwks.Config) {
			c.RefreshAfter, c.StaleWhileRevalidate, c.MaxStale = 10*time.Millisecond, 1, 11*time.Millisecond
		})
		require.NoError(t, cache.Refresh(t.Context()))
		require.Eventually(t, func() bool { return cache.Status().State == jwks.StateExhausted }, 10*time.Second, time.Millisecond)
		return cache
	},
}

// These faults need sockets, and so real time. None of them makes a request wait. The
// expectations are those of faultMatrix where the issuer fails.
func TestFaultMatrixOverTLS(t *testing.T) {
	for name, f := range tlsFaults {
		for _, c := range cellsOf(t, issuerFails) {
			prepare, ok := tlsStates[c.state]
			if !ok {
				continue
			}
			t.Run(strings.Join([]string{name, c.state, c.kid}, "/"), func(t *testing.T) {
				issuer := newTLSIssuer(t)
				cache := prepare(t, issuer)
				f.begin(issuer)
				before := issuer.Count(jwkstest.JWKS)
				replies := crowd{stay: 1}.ask(t.Context(), cache, c.kid)
				assert.Equal(t, c.answer, replies[0].answer())
				if c.fetch != "" {
					assert.ErrorContains(t, cache.Status().LastError, f.problem)
					assert.Equal(t, f.requests, issuer.Count(jwkstest.JWKS)-before)
				}
				issuer.repair()
				require.NoError(t, cache.Refresh(t.Context()))
				assert.Contains(t, cache.Status().KeyIDs, "known")
			})
		}
	}
}

var (
	goodCertificate    = certificate(time.Hour, "127.0.0.1")
	otherCertificate   = certificate(time.Hour, "192.0.2.1")
	expiredCertificate = certificate(-time.Hour, "127.0.0.1")
)

// A tlsIssuer is an issuer on a socket. Its certificate can change.
type tlsIssuer struct {
	*jwkstest.Issuer
	url         string
	certificate atomic.Pointer[tls.Certificate]
}

func newTLSIssuer(t *testing.T) *tlsIssuer {
	t.Helper()
	i := &tlsIssuer{Issuer: newIssuer()}
	i.repair()
	server := httptest.NewUnstartedServer(i)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*i.certificate.Load()}}, nil
	}}
	server.StartTLS()
	t.Cleanup(server.Close)
	i.url = server.URL + "/.well-known/jwks.json"
	return i
}

func (i *tlsIssuer) repair() {
	i.Recover()
	i.certificate.Store(goodCertificate)
}

// newTLSCache returns a cache that trusts all certificates but that of the unknown authority.
func newTLSCache(t *testing.T, issuer *tlsIssuer, edits ...func(*jwks.Config)) *jwks.Cache {
	t.Helper()
	trusted := x509.NewCertPool()
	for _, c := range []*tls.Certificate{goodCertificate, otherCertificate, expiredCertificate} {
		trusted.AddCert(c.Leaf)
	}
	return newCache(t, issuer.Issuer, append(edits, func(c *jwks.Config) {
		c.Issuer, c.URL = "", issuer.url
		c.Client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	})...)
}

func present(c *tls.Certificate) func(*tlsIssuer) {
	return func(i *tlsIssuer) { i.certificate.Store(c) }
}

// certificate returns a self-signed certificate.
func certificate(expires time.Duration, address string) *tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(expires),
		IPAddresses:  []net.IP{net.ParseIP(address)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: must(x509.ParseCertificate(der))}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// bomb is a small answer that expands to size bytes of white space.
func bomb(size int) func(*tlsIssuer) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	must(w.Write(bytes.Repeat([]byte(" "), size)))
	if err := w.Close(); err != nil {
		panic(err)
	}
	compressed := jwkstest.Respond(http.StatusOK, http.Header{"Content-Encoding": {"gzip"}}, b.String())
	return func(i *tlsIssuer) { i.Fail(jwkstest.JWKS, compressed) }
}
