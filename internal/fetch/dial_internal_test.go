package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNamedHostOnLoopbackIsNotDialled(t *testing.T) {
	for name, client := range map[string]func(*countingServer) *http.Client{
		"no client":             func(*countingServer) *http.Client { return nil },
		"no transport":          func(*countingServer) *http.Client { return &http.Client{} },
		"transport, no dialer":  func(*countingServer) *http.Client { return &http.Client{Transport: &http.Transport{}} },
		"the default transport": func(*countingServer) *http.Client { return &http.Client{Transport: http.DefaultTransport} },
	} {
		t.Run(name, func(t *testing.T) {
			server := newCountingServer(t, false, answerKeySet)
			port := server.Listener.Addr().(*net.TCPAddr).Port
			target := (&url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", strconv.Itoa(port))}).String()
			_, err := getOnce(t, namedOnly(client(server)), target)
			require.ErrorIs(t, err, ErrNotPublic)
			assert.ErrorContains(t, err, "Config.PrivateHosts")
			if name != "the default transport" { // its dialer is checked after it has connected
				assert.Zero(t, server.opened.Load())
			}
		})
	}
}

// An instrumented client wraps its transport. The wrapped one must still follow the rules.
func TestA16WrappedTransportKeepsTheRulesOnAddresses(t *testing.T) {
	for name, client := range map[string]*http.Client{"no client": nil, "transport": {Transport: &http.Transport{}}} {
		t.Run(name, func(t *testing.T) {
			server := newCountingServer(t, false, answerKeySet)
			port := server.Listener.Addr().(*net.TCPAddr).Port
			target := (&url.URL{Scheme: "http", Host: net.JoinHostPort("localhost", strconv.Itoa(port))}).String()
			var seen atomic.Int64
			g := New(Config{
				Address: "https://issuer.example/", Client: client,
				WrapTransport: func(next http.RoundTripper) http.RoundTripper {
					return roundTripFunc(func(r *http.Request) (*http.Response, error) {
						seen.Add(1)
						return next.RoundTrip(r)
					})
				},
			})
			require.True(t, g.Complete())
			_, err := getOnce(t, g, target)
			require.ErrorIs(t, err, ErrNotPublic)
			assert.Equal(t, int64(1), seen.Load())
			assert.Zero(t, server.opened.Load())
		})
	}
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCallersDialersAreCheckedBeforeAnythingIsSent(t *testing.T) {
	var requests atomic.Int64
	server := newCountingServer(t, true, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
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
			if name == "DialTLS" { // is replaced by a dialer that checks the address
				target = server.URL
			}
			_, err := getOnce(t, namedOnly(&http.Client{Transport: transport}), target)
			require.ErrorIs(t, err, ErrNotPublic)
			assert.Zero(t, requests.Load())
		})
	}
}

func TestTrustedHostsAreNotFiltered(t *testing.T) {
	server := newCountingServer(t, false, answerKeySet)
	for name, config := range map[string]Config{
		"configured URL":               {Address: server.URL},
		"configured issuer":            {Address: server.URL},
		"named in PrivateHosts":        {Address: "https://issuer.example/", PrivateHosts: []string{"127.0.0.1"}},
		"loopback beside loopback":     {Address: "http://localhost"},
		"configured, with a transport": {Address: server.URL, Client: &http.Client{Transport: &http.Transport{}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := getOnce(t, New(config), server.URL)
			require.NoError(t, err)
		})
	}
}

func TestProxyIsNotFiltered(t *testing.T) {
	var asked atomic.Value
	proxy := newCountingServer(t, false, func(w http.ResponseWriter, r *http.Request) {
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

func TestProxyFunctionThatChangesItsAnswerIsRefused(t *testing.T) {
	server := newCountingServer(t, false, answerKeySet)
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
	server := newCountingServer(t, false, answerKeySet)
	transport := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	_, err := getOnce(t, namedOnly(&http.Client{Transport: transport}), server.URL)
	require.ErrorIs(t, err, ErrNotPublic, "a host in NO_PROXY")
}

func TestCallersTransportIsNotChanged(t *testing.T) {
	transport := &http.Transport{}
	New(Config{Address: "https://issuer.example/", Client: &http.Client{Transport: transport}})
	assert.Zero(t, transport.MaxResponseHeaderBytes)
	assert.Zero(t, transport.TLSHandshakeTimeout)
	assert.Nil(t, transport.DialContext)
}

func TestOwnTransportIsBounded(t *testing.T) {
	trusted, _, _ := transports(nil, Config{Timeout: time.Second})
	own := trusted.(*lazyTransport).transport()
	assert.NotSame(t, http.DefaultTransport, own)
	assert.Equal(t, int64(64<<10), own.MaxResponseHeaderBytes)
	assert.Positive(t, own.TLSHandshakeTimeout)
	assert.Equal(t, uint16(tls.VersionTLS12), own.TLSClientConfig.MinVersion)
	assert.True(t, own.ForceAttemptHTTP2)
}

// A program with many issuers has a Client for each of them.
func TestOnlyTheTransportThatIsUsedIsMade(t *testing.T) {
	server := newCountingServer(t, false, answerKeySet)
	proxied := http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(server.URL) }}
	for name, tt := range map[string]struct {
		config                   Config
		target                   string
		trusted, direct, proxied bool
	}{
		"configured":             {Config{Address: server.URL}, server.URL, true, false, false},
		"not public":             {Config{Address: "https://issuer.example/"}, server.URL, false, true, false},
		"named, through a proxy": {Config{Address: "https://issuer.example/", Client: &http.Client{Transport: &proxied}}, "http://other.example/", false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := New(tt.config)
			made := func() [3]bool {
				trusted, named := g.trusted.Transport.(*lazyTransport), g.named.Transport.(*publicOnly)
				return [3]bool{trusted.built.Load() != nil, named.direct.built.Load() != nil, named.proxied.built.Load() != nil}
			}
			g.CloseIdle()
			assert.Equal(t, [3]bool{}, made(), "there is nothing to close")
			_, _ = getOnce(t, g, tt.target) // whether it succeeds is tested elsewhere
			g.CloseIdle()
			assert.Equal(t, [3]bool{tt.trusted, tt.direct, tt.proxied}, made())
		})
	}
}

func TestChangesOfTheCallersTransportHaveNoEffect(t *testing.T) {
	server := newCountingServer(t, false, answerKeySet)
	transport := &http.Transport{}
	g := New(Config{Address: server.URL, Client: &http.Client{Transport: transport}})
	transport.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("changed") }
	_, err := getOnce(t, g, server.URL)
	require.NoError(t, err)
}

// Another part of the program can change http.DefaultTransport. That must not decide which
// issuers are trusted.
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

// The clones keep the TLS roots and the protocols of the caller's transport.
func TestClonesReachAnHTTP2Server(t *testing.T) {
	server := newCountingServer(t, true, answerKeySet)
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
