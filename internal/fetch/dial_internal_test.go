package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const maxBytes = 512 << 10

func TestIsPublic(t *testing.T) {
	public := []string{
		"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "169.253.1.1",
		"198.17.255.255", "223.255.255.255", "168.63.129.15",
		"2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
	}
	for _, text := range public {
		assert.True(t, isPublic(netip.MustParseAddr(text)), text)
	}
	notPublic := map[string]string{
		"0.0.0.0":            "unspecified",
		"0.1.2.3":            "this network",
		"10.0.0.1":           "private",
		"100.64.0.1":         "carrier-grade NAT",
		"100.100.100.200":    "Alibaba's metadata service",
		"127.0.0.1":          "loopback",
		"127.255.255.254":    "loopback",
		"168.63.129.16":      "Azure's host services",
		"169.254.169.254":    "link-local: the metadata service",
		"172.16.0.1":         "private",
		"172.31.255.255":     "private",
		"192.0.0.192":        "protocol assignments: Oracle's metadata service",
		"192.0.2.1":          "documentation",
		"192.168.1.1":        "private",
		"198.18.0.1":         "benchmarking",
		"198.51.100.1":       "documentation",
		"203.0.113.1":        "documentation",
		"224.0.0.1":          "multicast",
		"239.255.255.255":    "multicast",
		"240.0.0.1":          "reserved",
		"255.255.255.255":    "broadcast",
		"::":                 "unspecified",
		"::1":                "loopback",
		"::127.0.0.1":        "IPv4-compatible",
		"::ffff:127.0.0.1":   "IPv4-mapped loopback",
		"::ffff:10.0.0.1":    "IPv4-mapped private",
		"::ffff:a9fe:a9fe":   "IPv4-mapped metadata service",
		"64:ff9b::a00:1":     "NAT64 of a private address",
		"64:ff9b::a9fe:a9fe": "NAT64 of the metadata service",
		"64:ff9b:1::1":       "local NAT64",
		"100::1":             "discard",
		"2001::1":            "Teredo",
		"2001:db8::1":        "documentation",
		"2002:a00:1::":       "6to4 of a private address",
		"3fff::1":            "documentation",
		"5f00::1":            "segment routing",
		"fc00::1":            "unique local",
		"fd00:ec2::254":      "unique local: the metadata service",
		"fe80::1":            "link-local",
		"fe80::1%eth0":       "link-local with a zone",
		"fec0::1":            "site-local",
		"ff02::1":            "multicast",
		"2606:4700::1%eth0":  "public, but with a zone",
	}
	for text, why := range notPublic {
		assert.False(t, isPublic(netip.MustParseAddr(text)), "%s: %s", text, why)
	}
	assert.False(t, isPublic(netip.Addr{}))
}

func TestSameHost(t *testing.T) {
	for _, pair := range [][2]string{
		{"a.example", "A.Example"}, {"a.example", "a.example."}, {"::1", "[::1]"}, {"::1", "0:0::1"}, {"10.0.0.1", "::ffff:10.0.0.1"},
	} {
		assert.True(t, sameHost(pair[0], pair[1]), pair)
	}
	for _, pair := range [][2]string{{"a.example", "b.example"}, {"a.example", "xa.example"}, {"", ""}, {"10.0.0.1", "10.0.0.2"}} {
		assert.False(t, sameHost(pair[0], pair[1]), pair)
	}
}

// namedOnly makes every host one that an issuer named.
func namedOnly(client *http.Client) *Client {
	return New(Config{Address: "https://issuer.example/", Client: client})
}

func getOnce(t *testing.T, g *Client, url string) (*Response, error) {
	t.Helper()
	defer g.CloseIdle()
	return g.Get(t.Context(), Request{What: "jwks: key set", URL: url, MaxBytes: maxBytes})
}

// counting is a server on loopback that counts connections, and reports each that has
// closed.
type counting struct {
	*httptest.Server
	opened atomic.Int64
	closed chan struct{}
}

func newCounting(t *testing.T, useTLS bool, handler http.HandlerFunc) *counting {
	t.Helper()
	c := &counting{closed: make(chan struct{}, 100)}
	c.Server = httptest.NewUnstartedServer(handler)
	c.EnableHTTP2 = true
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			c.opened.Add(1)
		case http.StateClosed:
			c.closed <- struct{}{}
		}
	}
	if useTLS {
		c.StartTLS()
	} else {
		c.Start()
	}
	t.Cleanup(c.Close)
	return c
}

func answerKeySet(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) }

func TestNamedHostOnLoopbackIsNotDialled(t *testing.T) {
	for name, client := range map[string]func(*counting) *http.Client{
		"no client":             func(*counting) *http.Client { return nil },
		"no transport":          func(*counting) *http.Client { return &http.Client{} },
		"transport, no dialer":  func(*counting) *http.Client { return &http.Client{Transport: &http.Transport{}} },
		"the default transport": func(*counting) *http.Client { return &http.Client{Transport: http.DefaultTransport} },
	} {
		t.Run(name, func(t *testing.T) {
			server := newCounting(t, false, answerKeySet)
			port := server.Listener.Addr().(*net.TCPAddr).Port
			target := (&url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", strconv.Itoa(port))}).String()
			_, err := getOnce(t, namedOnly(client(server)), target)
			require.ErrorIs(t, err, ErrNotPublic)
			assert.ErrorContains(t, err, "Config.PrivateHosts")
			if name != "the default transport" { // it has a dialer of its own: checked once connected
				assert.Zero(t, server.opened.Load())
			}
		})
	}
}

func TestCallersDialersAreCheckedBeforeAnythingIsSent(t *testing.T) {
	var requests atomic.Int64
	server := newCounting(t, true, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
	redirect := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	trusting := &tls.Config{InsecureSkipVerify: true}
	for name, transport := range map[string]*http.Transport{
		"DialContext": {DialContext: redirect, TLSClientConfig: trusting},
		"DialTLSContext": {DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&tls.Dialer{Config: trusting}).DialContext(ctx, network, server.Listener.Addr().String())
		}},
		"DialTLS": {DialTLS: func(network, _ string) (net.Conn, error) {
			return tls.Dial(network, server.Listener.Addr().String(), trusting)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			target := "https://localhost:1/"
			if name == "DialTLS" { // replaced by a dialer that looks at the address itself
				target = server.URL
			}
			_, err := getOnce(t, namedOnly(&http.Client{Transport: transport}), target)
			require.ErrorIs(t, err, ErrNotPublic)
			assert.Zero(t, requests.Load())
		})
	}
}

func TestTrustedHostsAreNotFiltered(t *testing.T) {
	server := newCounting(t, false, answerKeySet)
	for name, config := range map[string]Config{
		"configured URL":            {Address: server.URL},
		"configured issuer":         {Address: server.URL},
		"named in PrivateHosts":     {Address: "https://issuer.example/", PrivateHosts: []string{"127.0.0.1"}},
		"loopback beside loopback":  {Address: "http://localhost"},
		"configured, own transport": {Address: server.URL, Client: &http.Client{Transport: &http.Transport{}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := getOnce(t, New(config), server.URL)
			require.NoError(t, err)
		})
	}
}

func TestProxyIsNotFiltered(t *testing.T) {
	var asked atomic.Value
	proxy := newCounting(t, false, func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.String())
		answerKeySet(w, r)
	})
	address, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	transport := &http.Transport{Proxy: http.ProxyURL(address)}
	_, err = getOnce(t, namedOnly(&http.Client{Transport: transport}), "http://keys.example/k")
	require.NoError(t, err)
	assert.Equal(t, "http://keys.example/k", asked.Load())
}

func TestProxyFunctionThatChangesItsMindIsNoWayAround(t *testing.T) {
	server := newCounting(t, false, answerKeySet)
	calls := 0
	transport := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		calls++
		if calls == 1 {
			return url.Parse("http://proxy.invalid")
		}
		return nil, nil
	}}
	_, err := getOnce(t, namedOnly(&http.Client{Transport: transport}), server.URL)
	require.ErrorContains(t, err, "changed its mind")
	assert.Zero(t, server.opened.Load())
}

func TestProxyExemptionIsPerRequest(t *testing.T) {
	server := newCounting(t, false, answerKeySet)
	transport := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	_, err := getOnce(t, namedOnly(&http.Client{Transport: transport}), server.URL)
	require.ErrorIs(t, err, ErrNotPublic, "NO_PROXY")
}

func TestCallersTransportIsNotChanged(t *testing.T) {
	transport := &http.Transport{}
	New(Config{Address: "https://issuer.example/", Client: &http.Client{Transport: transport}})
	assert.Zero(t, transport.MaxResponseHeaderBytes)
	assert.Zero(t, transport.TLSHandshakeTimeout)
	assert.Nil(t, transport.DialContext)
}

func TestOwnTransportIsBounded(t *testing.T) {
	trusted, _, _ := transports(nil, time.Second)
	own := trusted.(*http.Transport)
	assert.NotSame(t, http.DefaultTransport, own)
	assert.Equal(t, int64(64<<10), own.MaxResponseHeaderBytes)
	assert.Positive(t, own.TLSHandshakeTimeout)
	assert.Equal(t, uint16(tls.VersionTLS12), own.TLSClientConfig.MinVersion)
	assert.True(t, own.ForceAttemptHTTP2)
}

// The caller's transport keeps its TLS roots and its protocols in the clones.
// What another part of the program has set for itself must not decide whose keys are
// believed.
func TestDefaultTransportIsNotInherited(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(answerKeySet))
	defer server.Close()
	standard := http.DefaultTransport.(*http.Transport)
	saved := standard.TLSClientConfig
	standard.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	defer func() { standard.TLSClientConfig = saved }()

	g := New(Config{Address: server.URL})
	_, err := getOnce(t, g, server.URL)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
}

func TestClonesSpeakTLSToAServerOfHTTP2(t *testing.T) {
	server := newCounting(t, true, answerKeySet)
	used := server.Client().Transport.(*http.Transport)
	plain := &http.Transport{TLSClientConfig: used.TLSClientConfig.Clone()}
	for name, transport := range map[string]*http.Transport{"with HTTP/2": used, "without": plain} {
		t.Run(name, func(t *testing.T) {
			for _, config := range []Config{
				{Address: server.URL},
				{Address: "https://issuer.example/", PrivateHosts: []string{"127.0.0.1"}},
			} {
				config.Client = &http.Client{Transport: transport}
				_, err := getOnce(t, New(config), server.URL)
				require.NoError(t, err)
			}
		})
	}
}

func TestCertificateThatIsNotTrustedIsNotRetried(t *testing.T) {
	server := newCounting(t, true, answerKeySet)
	retries := 2
	_, err := New(Config{Address: server.URL}).GetWithRetries(t.Context(), Request{What: "jwks: key set", URL: server.URL}, &retries)
	require.ErrorContains(t, err, "certificate")
	assert.Equal(t, 2, retries)
}

func TestAddressThatIsNotPublicIsNotRetried(t *testing.T) {
	retries := 2
	_, err := namedOnly(nil).GetWithRetries(t.Context(), Request{What: "jwks: key set", URL: "https://127.0.0.1:1/"}, &retries)
	require.ErrorIs(t, err, ErrNotPublic)
	assert.Equal(t, 2, retries)
}

func TestGzipBombStopsAtTheLimit(t *testing.T) {
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	_, err := zip.Write(make([]byte, 2<<20))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	require.Less(t, bomb.Len(), maxBytes/8)
	server := newCounting(t, false, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			http.Error(w, "this test is about compression", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	_, err = getOnce(t, New(Config{Address: server.URL}), server.URL)
	require.ErrorContains(t, err, "longer than 524288 bytes")
}

func TestResponseHeaderIsBounded(t *testing.T) {
	server := newCounting(t, false, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Padding", strings.Repeat("a", 128<<10))
		answerKeySet(w, r)
	})
	_, err := getOnce(t, New(Config{Address: server.URL}), server.URL)
	require.ErrorContains(t, err, "no answer")
}
