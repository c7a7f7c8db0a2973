package fetch

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// traced is what an instrumented client has: no *http.Transport, but one below. It does not pass the
// end of the context on, so only a closed connection keeps the request back.
func traced(transport *http.Transport) *http.Client {
	return &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
		return transport.RoundTrip(r.Clone(context.WithoutCancel(r.Context())))
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

// A connFrom seems to lead to another address.
type connFrom struct {
	net.Conn
	peer string
}

func (c connFrom) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.peer))
}

// following is a RoundTripper that follows redirects itself, as clients that retry do. It resolves
// the names of hosts, which are all on one server, to these addresses.
func following(server string, peers map[string]string) http.RoundTripper {
	inner := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, server)
		if err != nil {
			return nil, err
		}
		return connFrom{conn, peers[address]}, nil
	}}}
	return roundTripFunc(inner.Do)
}

func TestRoundTripperOfAnotherTypeThatFollowsRedirectsIsHeldToTheRules(t *testing.T) {
	var requests atomic.Int64
	server := newCountingServer(t, false, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.Host == "keys.example" {
			http.Redirect(w, r, "http://elsewhere.example/k", http.StatusFound)
			return
		}
		answerKeySet(w, r)
	})
	for name, c := range map[string]struct {
		peer     string // of what the issuer redirects to
		want     error
		requests int64
	}{
		"to a public address":  {"8.8.4.4:80", nil, 2},
		"to a private address": {"10.0.0.1:80", ErrNotPublic, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := namedOnly(&http.Client{Transport: following(server.Listener.Addr().String(), map[string]string{
				"keys.example:80": "8.8.8.8:80", "elsewhere.example:80": c.peer,
			})})
			requests.Store(0)
			_, err := getOnce(t, g, "http://keys.example/k")
			require.ErrorIs(t, err, c.want)
			assert.Equal(t, c.requests, requests.Load())
		})
	}
}

// An unclosableConn is what quic-go reports of a connection of HTTP/3.
type unclosableConn struct{ connFrom }

func (unclosableConn) Close() error { panic("connection operation prohibited") }

func TestRoundTripperOfAnotherTypeWhoseConnectionsCannotBeClosed(t *testing.T) {
	for peer, want := range map[string]error{"10.0.0.1:443": ErrNotPublic, "8.8.8.8:443": nil} {
		client := &http.Client{Transport: roundTripFunc(func(r *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(r.Context())
			trace.GetConn(r.URL.Hostname() + ":443")
			trace.GotConn(httptrace.GotConnInfo{Conn: unclosableConn{connFrom{nil, peer}}})
			if err := r.Context().Err(); err != nil {
				return nil, err
			}
			answer := httptest.NewRecorder()
			answerKeySet(answer, r)
			assert.NoError(t, want, "the request was sent")
			return answer.Result(), nil
		})}
		_, err := getOnce(t, namedOnly(client), "https://keys.example/k")
		require.ErrorIs(t, err, want, peer)
	}
}
