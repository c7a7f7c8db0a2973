package fiberauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// newCertificate returns a self-signed certificate, and its x5t#S256.
func newCertificate(t testing.TB) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	hash := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, base64.RawURLEncoding.EncodeToString(hash[:])
}

func hello(c fiber.Ctx) error { return c.SendString("hello") }

func TestMTLS(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	server, _ := newCertificate(t)
	mine, x5t := newCertificate(t)
	other, _ := newCertificate(t)
	auth := newAuth(t, issuer, func(c *middleware.Config) { c.MTLS = &mtls.Config{Source: mtls.FromTLS} })
	app := newApp()
	app.Get("/", fiberauth.Handler(auth), hello)
	listener := fasthttputil.NewInmemoryListener()
	listen(t, app, tls.NewListener(listener, &tls.Config{
		Certificates: []tls.Certificate{server}, ClientAuth: tls.RequestClientCert,
	}))
	token := issuer.Token(map[string]any{"cnf": map[string]any{"x5t#S256": x5t}})
	for _, tt := range []struct {
		rule   string
		own    []tls.Certificate
		status int
	}{
		{"right", []tls.Certificate{mine}, http.StatusOK},
		{"wrong", []tls.Certificate{other}, http.StatusUnauthorized},
		{"none", nil, http.StatusUnauthorized},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			conn, err := listener.Dial()
			require.NoError(t, err)
			client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, Certificates: tt.own})
			got := raw(t, client, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+token+"\r\n\r\n")
			assert.Equal(t, tt.status, got.StatusCode)
		})
	}
}

func TestMTLSOfAProxy(t *testing.T) {
	const proxy, client = "192.0.2.1:1024", "192.0.2.2:1024"
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	_, x5t := newCertificate(t)
	_, other := newCertificate(t)
	auth := newAuth(t, issuer, func(c *middleware.Config) {
		c.MTLS = &mtls.Config{
			Source: mtls.FromFingerprint, Header: "X-Client-Fingerprint",
			TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")},
		}
	})
	s := serve(t, func(fiber.Handler) *fiber.App {
		app := newApp()
		app.Post("/", fiberauth.Handler(auth), hello)
		return app
	})
	head := "POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " +
		issuer.Token(map[string]any{"cnf": map[string]any{"x5t#S256": x5t}}) + "\r\n"
	field := func(value string) string { return "X-Client-Fingerprint: " + value + "\r\n" }
	const empty, chunks = "Content-Length: 0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
	for _, tt := range []struct {
		rule, from string
		rest       []string
		status     int
	}{
		{"right", proxy, []string{field(x5t), empty}, http.StatusOK},
		{"wrong", proxy, []string{field(other), empty}, http.StatusUnauthorized},
		{"none", proxy, []string{empty}, http.StatusUnauthorized},
		{"two fields", proxy, []string{field(x5t), field(x5t), empty}, http.StatusUnauthorized},
		{"name in another case", proxy, []string{strings.ToLower(field(x5t)[:20]) + field(x5t)[20:], empty}, http.StatusOK},
		{"spoofed peer", client, []string{field(x5t), empty}, http.StatusUnauthorized},
		// The proxy removes the field of a client from the header, and lets the trailer pass.
		{"in a trailer", proxy, []string{chunks, field(x5t), "\r\n"}, http.StatusUnauthorized},
		{"wrong, and right in a trailer", proxy, []string{field(other), chunks, field(x5t), "\r\n"}, http.StatusUnauthorized},
		{"right, and another one in a trailer", proxy, []string{field(x5t), chunks, field(other), "\r\n"}, http.StatusOK},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			got := raw(t, s.dial(t, tt.from), head+strings.Join(tt.rest, ""))
			assert.Equal(t, tt.status, got.StatusCode)
		})
	}
}
