package fetch

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// traced is what an instrumented client has: no *http.Transport, but one below.
func traced(transport *http.Transport) *http.Client {
	return &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		return transport.RoundTrip(r.Clone(r.Context()))
	})}
}

func TestRoundTripperOfAnotherTypeIsHeldToTheRulesOnAddresses(t *testing.T) {
	var requests atomic.Int64
	for name, useTLS := range map[string]bool{"HTTP/1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			server := newCountingServer(t, useTLS, func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				answerKeySet(w, r)
			})
			port := strconv.Itoa(server.Listener.Addr().(*net.TCPAddr).Port)
			client := traced(&http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}})
			target := url.URL{Scheme: "http", Host: "localhost:" + port}
			if useTLS {
				target.Scheme = "https"
			}
			_, err := getOnce(t, namedOnly(client), target.String())
			require.ErrorIs(t, err, ErrNotPublic)
			assert.Zero(t, requests.Load(), "nothing was sent")

			g := New(Config{Address: "https://issuer.example/", Client: client, PrivateHosts: []string{"localhost"}})
			_, err = getOnce(t, g, target.String())
			require.NoError(t, err, "in PrivateHosts")
			before := requests.Swap(0)
			assert.Equal(t, int64(1), before)
			_, err = getOnce(t, namedOnly(client), target.String())
			require.ErrorIs(t, err, ErrNotPublic, "a connection that is there already")
			assert.Zero(t, requests.Load())
		})
	}
}

// Where the RoundTripper itself goes to was configured by hand: a proxy, or a server for tests.
func TestRoundTripperOfAnotherTypeMayChooseAnotherHost(t *testing.T) {
	server := newCountingServer(t, false, answerKeySet)
	address, err := url.Parse(server.URL)
	require.NoError(t, err)
	_, err = getOnce(t, namedOnly(traced(&http.Transport{Proxy: http.ProxyURL(address)})), "http://keys.example/k")
	require.NoError(t, err, "a proxy")

	rewriting := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.URL.Host = address.Host
		return http.DefaultTransport.RoundTrip(r)
	})
	_, err = getOnce(t, namedOnly(&http.Client{Transport: rewriting}), "http://keys.example/k")
	require.NoError(t, err, "another host")
}
