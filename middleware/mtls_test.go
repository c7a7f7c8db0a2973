package middleware_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

const proxyAddress = "10.0.3.7:4711"

// Two certificates, as far as they matter: nothing parses them.
var (
	certificateA = &x509.Certificate{Raw: []byte("certificate a")}
	certificateB = &x509.Certificate{Raw: []byte("certificate b")}
)

func thumbprint(c *x509.Certificate) string {
	hash := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

func clientCert(c *x509.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"
}

// An mtlsBench is an API behind a proxy, and a token that is bound to certificateA.
type mtlsBench struct {
	*dpopBench
	spoofed atomic.Uint64
}

func newMTLSBench(t testing.TB, config mtls.Config, edits ...func(*middleware.Config)) *mtlsBench {
	b := &mtlsBench{}
	if config.Source == 0 {
		config.Source, config.Spoofed = mtls.FromClientCert, &b.spoofed
		config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")}
	}
	b.dpopBench = newDPoPBench(t, dpop.Config{}, append([]func(*middleware.Config){func(c *middleware.Config) {
		c.DPoP, c.MTLS = nil, &config
	}}, edits...)...)
	b.token = b.issuer.Token(map[string]any{"scope": "read:example", "cnf": map[string]any{"x5t#S256": thumbprint(certificateA)}})
	return b
}

// behind returns GET /orders from this peer, with these Client-Cert fields.
func (b *mtlsBench) behind(peer, authorization string, fields ...string) *http.Request {
	r := b.request(authorization)
	r.RemoteAddr = peer
	for _, field := range fields {
		r.Header.Add("Client-Cert", field)
	}
	return r
}

// The numbers are those of the rules for certificates in the table of standards. RFC 8705 section 3.1.
func TestMTLSAnswers(t *testing.T) {
	b, required := newMTLSBench(t, mtls.Config{}), newMTLSBench(t, mtls.Config{
		Source: mtls.FromClientCert, Required: true, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.3.0/24")},
	})
	a, other := clientCert(certificateA), clientCert(certificateB)
	refused := []string{`Bearer, error="invalid_token", scope="read:example"`}
	for _, tt := range []struct {
		rule   string
		b      *mtlsBench
		r      *http.Request
		status int
		want   []string
	}{
		{"no token", b, b.behind(proxyAddress, "", a), 401, []string{`Bearer, scope="read:example"`}},
		{"8.1 bound token with its certificate", b, b.behind(proxyAddress, "Bearer "+b.token, a), 200, nil},
		{"8.1 without a certificate", b, b.behind(proxyAddress, "Bearer "+b.token), 401, refused},
		{"8.1 with another certificate", b, b.behind(proxyAddress, "Bearer "+b.token, other), 401, refused},
		{"8.2 with two fields", b, b.behind(proxyAddress, "Bearer "+b.token, a, a), 401, refused},
		{"8.2 with a spoofed field", b, b.behind("192.0.2.1:1", "Bearer "+b.token, a), 401, refused},
		{"8.2 with another field", b, withField(b.behind(proxyAddress, "Bearer "+b.token), "X-Client-Cert", a), 401, refused},
		{"8.3 bound by a method that nothing proves", b, b.behind(proxyAddress, "Bearer "+b.bound(b.key, map[string]any{
			"cnf": map[string]any{"kid": "x"},
		}), a), 401, refused},
		{"unbound token", b, b.behind(proxyAddress, "Bearer "+b.issuer.Token(nil), a), 200, nil},
		{"unbound token and a broken field", b, b.behind(proxyAddress, "Bearer "+b.issuer.Token(nil), "junk"), 200, nil},
		{"unbound token where bound ones are required", required, required.behind(proxyAddress, "Bearer "+required.issuer.Token(nil), a), 401, refused},
		{"bound token where bound ones are required", required, required.behind(proxyAddress, "Bearer "+required.token, a), 200, nil},
		{"token bound to a DPoP key, too", b, b.behind(proxyAddress, "Bearer "+b.bound(b.key, map[string]any{"cnf": map[string]any{
			"x5t#S256": thumbprint(certificateA), "jkt": b.key.Thumbprint(),
		}}), a), 401, refused},
		{"another scheme", b, b.behind(proxyAddress, "DPoP "+b.token, a), 401, []string{`Bearer, scope="read:example"`}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			w, challenges := tt.b.send(tt.b.auth.RequireScopes("read:example")(whoami), tt.r)
			assert.Equal(t, tt.status, w.Code, w.Body.String())
			assert.Equal(t, tt.want, challenges)
		})
	}
	assert.EqualValues(t, 1, b.spoofed.Load())
}

func withField(r *http.Request, name, value string) *http.Request {
	r.Header.Set(name, value)
	return r
}

func TestMTLSWithoutItsConfig(t *testing.T) {
	b := newMTLSBench(t, mtls.Config{}, func(c *middleware.Config) { c.MTLS = nil })
	w, challenges := b.send(b.auth.Handler(whoami), b.behind(proxyAddress, "Bearer "+b.token, clientCert(certificateA)))
	assert.Equal(t, 401, w.Code)
	assert.Equal(t, []string{`Bearer, error="invalid_token"`}, challenges)

	_, err := middleware.New(middleware.Config{Verifier: accepting(t, `{}`), DPoP: &dpop.Config{}, MTLS: &mtls.Config{}, Realm: "\n"})
	require.ErrorContains(t, err, `middleware: invalid Config.Realm`)
	require.ErrorContains(t, err, "middleware: invalid Config.DPoP: dpop: invalid Config.Origins")
	require.ErrorContains(t, err, "middleware: invalid Config.MTLS: mtls: invalid Config.Source 0")
}

// A token that is bound to a certificate and to a DPoP key needs both, under the scheme DPoP.
func TestMTLSAndDPoP(t *testing.T) {
	b := newMTLSBench(t, mtls.Config{}, func(c *middleware.Config) { c.DPoP = &dpop.Config{Origins: []string{dpopOrigin}} })
	certificateOnly := b.token
	both := map[string]any{"cnf": map[string]any{"x5t#S256": thumbprint(certificateA), "jkt": b.key.Thumbprint()}}
	b.token = b.bound(b.key, both)
	a, other := clientCert(certificateA), clientCert(certificateB)
	proven := func(r *http.Request) *http.Request { return withField(r, "DPoP", b.proof(nil)) }
	for _, tt := range []struct {
		rule   string
		r      *http.Request
		status int
		want   []string
	}{
		{"both", proven(b.behind(proxyAddress, "DPoP "+b.token, a)), 200, nil},
		{"another certificate", proven(b.behind(proxyAddress, "DPoP "+b.token, other)), 401, []string{`DPoP, error="invalid_token" algs`}},
		{"no certificate", proven(b.behind(proxyAddress, "DPoP "+b.token)), 401, []string{`DPoP, error="invalid_token" algs`}},
		{"no proof", b.behind(proxyAddress, "DPoP "+b.token, a), 401, []string{`DPoP, error="invalid_dpop_proof" algs`}},
		{"the scheme Bearer", proven(b.behind(proxyAddress, "Bearer "+b.token, a)), 401, []string{`DPoP, error="invalid_token" algs`}},
		{"a token for the certificate only", b.behind(proxyAddress, "Bearer "+certificateOnly, a), 200, nil},
		{"the same, without its certificate", b.behind(proxyAddress, "Bearer "+certificateOnly), 401, []string{`Bearer, error="invalid_token"`}},
		{
			"the same, with the scheme DPoP", withField(b.behind(proxyAddress, "DPoP "+certificateOnly, a), "DPoP",
				jwkstest.Proof(b.key, "GET", dpopOrigin+"/orders", certificateOnly, nil)), 401, []string{`DPoP, error="invalid_token" algs`},
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			w, challenges := b.send(b.auth.Handler(b.auth.Handler(whoami)), tt.r)
			assert.Equal(t, tt.status, w.Code, w.Body.String())
			assert.Equal(t, tt.want, challenges)
		})
	}
}

// The memory of a request must not lend its certificate to another peer or field.
func TestMTLSInNestedLayers(t *testing.T) {
	a, other := clientCert(certificateA), clientCert(certificateB)
	field := newMTLSBench(t, mtls.Config{})
	connection := newMTLSBench(t, mtls.Config{Source: mtls.FromTLS})
	overTLS := connection.request("Bearer " + connection.token)
	overTLS.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificateA}}
	for _, tt := range []struct {
		rule   string
		b      *mtlsBench
		edit   func(r *http.Request)
		status int
	}{
		{"the same request", field, func(*http.Request) {}, 200},
		{"another trusted proxy", field, func(r *http.Request) { r.RemoteAddr = "10.0.3.8:1" }, 200},
		{"another peer", field, func(r *http.Request) { r.RemoteAddr = "192.0.2.1:1" }, 401},
		{"another certificate", field, func(r *http.Request) { r.Header.Set("Client-Cert", other) }, 401},
		{"no certificate", field, func(r *http.Request) { r.Header.Del("Client-Cert") }, 401},
		{"a second field", field, func(r *http.Request) { r.Header.Add("Client-Cert", a) }, 401},
		{"an unbound token of another peer", field, func(r *http.Request) {
			r.RemoteAddr = "192.0.2.1:1"
			r.Header.Set("Authorization", "Bearer "+field.issuer.Token(nil))
		}, 200},
		{"the same connection", connection, func(*http.Request) {}, 200},
		{"a connection with another certificate", connection, func(r *http.Request) {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificateB}}
		}, 401},
		{"a connection without", connection, func(r *http.Request) { r.TLS = nil }, 401},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			inner := tt.b.auth.RequireScopes("read:example")(whoami)
			if strings.HasPrefix(tt.rule, "an unbound") {
				inner = tt.b.auth.Handler(whoami)
			}
			between := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r = r.Clone(r.Context())
				tt.edit(r)
				inner.ServeHTTP(w, r)
			})
			h := tt.b.auth.Handler(tt.b.auth.RequireScopes("read:example")(between))
			r := overTLS
			if tt.b == field {
				r = field.behind(proxyAddress, "Bearer "+field.token, a)
			}
			w, _ := tt.b.send(h, r)
			assert.Equal(t, tt.status, w.Code, w.Body.String())
		})
	}
	t.Run("a field from a stranger is counted once", func(t *testing.T) {
		before := field.spoofed.Load()
		h := field.auth.Handler(field.auth.Handler(whoami))
		field.send(h, field.behind("192.0.2.1:1", "Bearer "+field.issuer.Token(nil), a))
		assert.Equal(t, before+1, field.spoofed.Load())
		field.send(h, field.behind("192.0.2.1:1", "", a))
		assert.Equal(t, before+2, field.spoofed.Load(), "without a token as well")
	})
}

// A request keeps its certificate while it runs: the connection cannot show another one.
func TestMTLSOfLongRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMTLSBench(t, mtls.Config{}, func(c *middleware.Config) { c.MTLS.Required = true })
		b.token = b.issuer.Token(map[string]any{
			"exp": time.Now().Add(time.Hour).Unix(), "cnf": map[string]any{"x5t#S256": thumbprint(certificateA)},
		})
		guard := b.auth.GuardAuthenticated()
		w, _ := b.send(b.auth.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			begin := time.Now()
			ctx, stop := b.auth.UntilExpiry(r.Context())
			defer stop()
			time.Sleep(time.Minute)
			again, err := guard.Check(r)
			require.NoError(t, err)
			_, err = guard.Check(again)
			require.NoError(t, err)
			again.RemoteAddr = "192.0.2.1:1"
			_, err = guard.Check(again)
			require.ErrorIs(t, err, claims.ErrConfirmation, "what was verified again is remembered with its peer")
			<-ctx.Done()
			assert.Equal(t, time.Hour+5*time.Second, time.Since(begin))
		})), b.behind(proxyAddress, "Bearer "+b.token, clientCert(certificateA)))
		assert.Equal(t, 200, w.Code)
	})
}

// RFC 8705 section 3.3, RFC 9728 section 2: it says that such tokens are supported.
func TestMTLSMetadata(t *testing.T) {
	for _, with := range []bool{false, true} {
		b := newMTLSBench(t, mtls.Config{}, func(c *middleware.Config) {
			if !with {
				c.MTLS = nil
			}
		})
		h, err := b.auth.ResourceMetadata()
		require.NoError(t, err)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/.well-known/oauth-protected-resource", nil))
		assert.Equal(t, with, strings.Contains(w.Body.String(), `"tls_client_certificate_bound_access_tokens":true`))
	}
}

// The log has what is wrong with the certificate, and nothing of the field.
func TestMTLSLog(t *testing.T) {
	var out lockedText
	b := newMTLSBench(t, mtls.Config{}, func(c *middleware.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.MTLS.Required = true
	})
	for _, tt := range []struct {
		r    *http.Request
		want string
	}{
		{b.behind(proxyAddress, "Bearer "+b.token, "STRANGE"), "the certificate's field is malformed"},
		{b.behind("192.0.2.1:1", "Bearer "+b.token, "STRANGE"), "the certificate's field is not from a trusted proxy"},
		{b.behind(proxyAddress, "Bearer "+b.token, clientCert(certificateB)), "the token is bound to another certificate"},
		{b.behind(proxyAddress, "Bearer "+b.token), "no proof of x5t#S256"},
		{b.behind(proxyAddress, "Bearer "+b.issuer.Token(nil)), "tokens must be bound to a certificate of their client"},
	} {
		out.Reset()
		b.send(b.auth.Handler(whoami), tt.r)
		assert.Contains(t, out.String(), `error=invalid_token reason=confirmation`)
		assert.Contains(t, out.String(), `detail="`+tt.want+`"`)
		assert.NotContains(t, out.String(), "STRANGE")
	}
}

func TestMTLSAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	field, connection := newMTLSBench(t, mtls.Config{}), newMTLSBench(t, mtls.Config{Source: mtls.FromTLS})
	behind := field.behind(proxyAddress, "Bearer "+field.token, clientCert(certificateA))
	overTLS := connection.request("Bearer " + connection.token)
	overTLS.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificateA}}
	for _, tt := range []struct {
		rule string
		b    *mtlsBench
		r    *http.Request
		most float64
	}{
		{"a field", field, behind, 16},
		{"a connection", connection, overTLS, 15},
		{"an unbound token", field, field.behind(proxyAddress, "Bearer "+field.issuer.Token(nil)), 3},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			h, w := tt.b.auth.Handler(done), sink{http.Header{}}
			allocations := testing.AllocsPerRun(100, func() { h.ServeHTTP(w, tt.r) })
			t.Logf("%v allocations", allocations)
			assert.LessOrEqual(t, allocations, tt.most)
		})
	}
}
