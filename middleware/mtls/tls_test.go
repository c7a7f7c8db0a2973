package mtls_test

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// RFC 8705 section 3: the certificate of the connection, also if its TLS session is an older
// one that is resumed, where the client sends no certificate.
func TestTLSConnections(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		for _, http2 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, HTTP/2 %v", name, http2), func(t *testing.T) { testConnections(t, version, http2) })
		}
	}
}

func testConnections(t *testing.T, version uint16, http2 bool) {
	mine, other := newCertificate(t), newCertificate(t)
	c := newChecker(t, mtls.Config{Source: mtls.FromTLS})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result := confirm(t, c, mtls.Request{PeerCertificates: r.TLS.PeerCertificates, RemoteAddr: r.RemoteAddr}, boundTo(mine.Leaf.Raw))
		fmt.Fprintf(w, "HTTP/%d, resumed %v: %s", r.ProtoMajor, r.TLS.DidResume, result)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MaxVersion: version, MinVersion: version}
	server.EnableHTTP2 = http2
	server.StartTLS()
	defer server.Close()
	get := func(own *tls.Certificate) func() string {
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		transport.TLSClientConfig.ServerName = "example.com"
		transport.ForceAttemptHTTP2 = http2
		if own != nil {
			transport.TLSClientConfig.Certificates = []tls.Certificate{*own}
		}
		return func() string {
			defer transport.CloseIdleConnections()
			answer, err := (&http.Client{Transport: transport}).Get(server.URL)
			require.NoError(t, err)
			defer answer.Body.Close()
			var text [128]byte
			n, _ := answer.Body.Read(text[:])
			return string(text[:n])
		}
	}
	protocol := map[bool]string{false: "HTTP/1, ", true: "HTTP/2, "}[http2]
	bound, unbound, stranger := get(&mine), get(nil), get(&other)
	assert.Equal(t, protocol+"resumed false: ", bound())
	assert.Equal(t, protocol+"resumed true: ", bound(), "a resumed session has its certificate")
	assert.Equal(t, protocol+"resumed false: no certificate", unbound())
	assert.Equal(t, protocol+"resumed true: no certificate", unbound())
	assert.Equal(t, protocol+"resumed false: "+another, stranger())
	assert.Equal(t, protocol+"resumed true: "+another, stranger())
}
