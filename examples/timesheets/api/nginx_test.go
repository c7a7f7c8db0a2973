package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

// nginxConfig has one process, which keeps all its files in the directory %[1]s. The API at
// %[2]s knows nginx by its address.
const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen unix:%[1]s/socket ssl;
		ssl_certificate %[1]s/certificate.pem;
		ssl_certificate_key %[1]s/key.pem;
		ssl_verify_client optional_no_ca;
		location / {
			proxy_pass http://%[2]s;
			proxy_bind 127.0.0.2;
			proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
		}
	}
}
`

// requireNginx returns the name of the program. It skips the test if there is none. In CI the
// test fails instead.
func requireNginx(t *testing.T) string {
	t.Helper()
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("starts nginx, which connects from 127.0.0.2")
	}
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} { // which is not in every PATH
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "nginx is not installed: apt-get install nginx-light"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// startNginx starts nginx in front of the API, and returns the socket on which it listens.
func startNginx(t *testing.T, api string) (socket string) {
	t.Helper()
	program := requireNginx(t)
	home, err := os.MkdirTemp("", "nginx") // the path of a socket must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	own := selfSigned(t)
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	require.NoError(t, err)
	for name, content := range map[string][]byte{
		"nginx.conf":      fmt.Appendf(nil, nginxConfig, home, api),
		"certificate.pem": pemOf(own),
		"key.pem":         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(home, name), content, 0o600))
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "-p", home, "-c", filepath.Join(home, "nginx.conf"), "-e", "stderr")
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the process
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails if it has ended
		<-ended
		if t.Failed() {
			t.Log("nginx: " + log.String())
		}
	})
	socket = filepath.Join(home, "socket")
	require.Eventually(t, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	return socket
}

// selfSigned returns a certificate that no authority has issued.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func pemOf(c tls.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
}

// clientOf returns a client of nginx with these certificates.
func clientOf(socket string, own ...tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, // the certificate is that of this test
			Certificates:       own,
			ClientSessionCache: tls.NewLRUClientSessionCache(1),
		},
		DisableKeepAlives: true, // so that the second request resumes a session
	}}
}

// A real nginx passes the certificate of a client on (RFC 8705 section 6.5), and nothing that
// the client writes.
func TestBoundTokensBehindNginx(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	c, err := configFrom(environment("ISSUER_URL", issuer.URL()))
	require.NoError(t, err)
	var spoofed atomic.Uint64
	c.mtls = &mtls.Config{
		Source: mtls.FromEscapedPEM, Header: "X-Client-Cert", Spoofed: &spoofed,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")},
	}
	both, err := newAPI(c, issuer.Client(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	api := httptest.NewServer(both.timesheets)
	defer api.Close()
	socket := startNginx(t, api.Listener.Addr().String())

	mine, other := selfSigned(t), selfSigned(t)
	hash := sha256.Sum256(mine.Certificate[0])
	token := issuer.Token(map[string]any{
		"scope": "read:timesheets", "cnf": map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(hash[:])},
	})
	forged := url.PathEscape(string(pemOf(mine)))
	right := clientOf(socket, mine)
	for _, tt := range []struct {
		rule    string
		client  *http.Client
		url     string
		field   string
		resumed bool
		status  int
	}{
		{"its certificate", right, "https://nginx", "", false, 200},
		{"its certificate, in a session that is resumed", right, "https://nginx", "", true, 200},
		{"another certificate", clientOf(socket, other), "https://nginx", "", false, 401},
		{"no certificate", clientOf(socket), "https://nginx", "", false, 401},
		{"another certificate, and a field", clientOf(socket, other), "https://nginx", forged, false, 401},
		{"no certificate, and a field", clientOf(socket), "https://nginx", forged, false, 401},
		{"around nginx, with a field", api.Client(), api.URL, forged, false, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url+"/timesheets", nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			if tt.field != "" {
				r.Header.Set("X-Client-Cert", tt.field)
			}
			answer, err := tt.client.Do(r)
			require.NoError(t, err)
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			assert.Equal(t, tt.status, answer.StatusCode, string(body))
			assert.Equal(t, tt.resumed, answer.TLS != nil && answer.TLS.DidResume)
		})
	}
	assert.EqualValues(t, 1, spoofed.Load())
}
