package connectauth_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/connectauth"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// Two certificates, as far as they matter: nothing parses them.
var mine, other = &x509.Certificate{Raw: []byte("mine")}, &x509.Certificate{Raw: []byte("other")}

func thumbprint(c *x509.Certificate) string {
	hash := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// bound calls with a token that is bound to mine, on a connection with these certificates.
func bound(h http.Handler, issuer *jwkstest.Issuer, peer []*x509.Certificate, fields ...string) int {
	r := httptest.NewRequest(http.MethodPost, unaryProcedure, strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+issuer.Token(map[string]any{"cnf": map[string]any{"x5t#S256": thumbprint(mine)}}))
	r.Header["X-Client-Fingerprint"] = fields
	if peer != nil {
		r.TLS = &tls.ConnectionState{PeerCertificates: peer}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// RFC 8705 section 3: the certificate of the connection.
func TestMTLSOfTheConnection(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := newAuth(t, issuer, func(c *middleware.Config) { c.MTLS = &mtls.Config{Source: mtls.FromTLS} })
	inner := newList(new(int), connectauth.HandlerOption(auth, connectauth.Rules{unaryProcedure: connectauth.Authenticated()}))
	h := connectauth.PeerCertificates(inner)
	assert.Equal(t, 200, bound(h, issuer, []*x509.Certificate{mine}))
	assert.Equal(t, 401, bound(h, issuer, []*x509.Certificate{other, mine}))
	assert.Equal(t, 401, bound(h, issuer, nil))
	assert.Equal(t, 401, bound(inner, issuer, []*x509.Certificate{mine}), "Connect does not tell of the connection")
	assert.Equal(t, 200, bound(auth.Handler(h), issuer, []*x509.Certificate{mine}), "in a layer of net/http")
	without := connectauth.PeerCertificates(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.TLS = nil
		h.ServeHTTP(w, r)
	}))
	assert.Equal(t, 401, bound(without, issuer, []*x509.Certificate{mine}), "the certificates of another request")
}

func TestMTLSOfAProxy(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	for _, tt := range []struct {
		rule, proxies string
		fields        []string
		want          int
	}{
		{"right", "192.0.2.0/24", []string{thumbprint(mine)}, 200}, // the peer of httptest
		{"wrong", "192.0.2.0/24", []string{thumbprint(other)}, 401},
		{"none", "192.0.2.0/24", nil, 401},
		{"two fields", "192.0.2.0/24", []string{thumbprint(mine), thumbprint(mine)}, 401},
		{"spoofed peer", "10.0.0.0/8", []string{thumbprint(mine)}, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			auth := newAuth(t, issuer, func(c *middleware.Config) {
				c.MTLS = &mtls.Config{
					Source: mtls.FromFingerprint, Header: "x-client-fingerprint",
					TrustedProxies: []netip.Prefix{netip.MustParsePrefix(tt.proxies)},
				}
			})
			h := newList(new(int), connectauth.HandlerOption(auth, connectauth.Rules{unaryProcedure: connectauth.Authenticated()}))
			assert.Equal(t, tt.want, bound(h, issuer, nil, tt.fields...))
		})
	}
}
