package fetch

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPostSendsAForm(t *testing.T) {
	server := newCountingServer(t, false, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
		assert.Equal(t, "Basic YTpi", r.Header.Get("Authorization"))
		assert.Equal(t, "an-agent", r.Header.Get("User-Agent"))
		assert.Equal(t, "application/json", r.Header.Get("Accept"))
		assert.NotContains(t, r.Header, "Idempotency-Key")
		assert.NoError(t, r.ParseForm())
		assert.Equal(t, url.Values{"token": {"a b&c"}}, r.PostForm)
		_, _ = w.Write([]byte("{}"))
	})
	c := New(Config{Address: server.URL, UserAgent: "an-agent"})
	defer c.CloseIdle()
	res, err := c.Post(t.Context(), Request{What: "x", URL: server.URL, Accept: "application/json", MaxBytes: 10},
		url.Values{"token": {"a b&c"}}, "Basic YTpi")
	require.NoError(t, err)
	assert.Equal(t, "{}", string(res.Body))
}

// The body of a request has credentials. It must not be sent anywhere else, also where redirects
// of a GET are followed.
func TestPostFollowsNoRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := newCountingServer(t, true, func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, "/", r.URL.Path)
			http.Redirect(w, r, "/other", status)
		})
		c := New(Config{Address: server.URL, Client: server.Client(), AllowRedirects: true})
		_, err := c.Post(t.Context(), Request{What: "x", URL: server.URL + "/", MaxBytes: 10}, url.Values{"secret": {"s"}}, "")
		c.CloseIdle()
		require.ErrorContains(t, err, "a redirect, which is not followed", status)
	}
}

func TestPostRefusesALongAnswer(t *testing.T) {
	server := newCountingServer(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 11)) })
	c := New(Config{Address: server.URL})
	defer c.CloseIdle()
	_, err := c.Post(t.Context(), Request{What: "x", URL: server.URL, MaxBytes: 10}, nil, "")
	require.ErrorContains(t, err, "longer than 10 bytes")
}

// newClosingServer returns the address of a server that answers one request on each connection. It
// reads the next one, and closes the connection. received gets each form.
func newClosingServer(t *testing.T, received func(form string)) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	serve := func(conn net.Conn) {
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for n := range 2 {
			r, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			form, _ := io.ReadAll(r.Body)
			received(string(form))
			if n == 0 {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			}
		}
	}
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn) // ends after two requests
		}
	}()
	return "http://" + listener.Addr().String()
}

// A server can close an idle connection at the moment of the next request. The user of that moment
// must not get an error: net/http sends the form again.
func TestPostSurvivesAClosedIdleConnection(t *testing.T) {
	address := newClosingServer(t, func(string) {})
	c := New(Config{Address: address, IdleConnections: 1})
	defer c.CloseIdle()
	for range 5 {
		_, err := c.Post(t.Context(), Request{What: "x", URL: address, MaxBytes: 10}, url.Values{"token": {"t"}}, "")
		require.NoError(t, err)
	}
}

// An issuer accepts an assertion once. It can take the second one for a theft.
func TestPostSendsAnAssertionOnce(t *testing.T) {
	var mu sync.Mutex // guards received
	received := map[string]int{}
	address := newClosingServer(t, func(form string) {
		mu.Lock()
		defer mu.Unlock()
		received[form]++
	})
	c := New(Config{Address: address, IdleConnections: 1})
	defer c.CloseIdle()
	for n := range 4 {
		form := url.Values{"token": {"t"}, "client_assertion": {strconv.Itoa(n)}}
		_, err := c.Post(t.Context(), Request{What: "x", URL: address, MaxBytes: 10}, form, "")
		assert.Equal(t, n%2 == 0, err == nil, "each connection has one answer")
	}
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, received, 4)
	for form, times := range received {
		assert.Equal(t, 1, times, form)
	}
}

func TestConnectionsAreKeptIfAsked(t *testing.T) {
	server := newCountingServer(t, false, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	c := New(Config{Address: server.URL, IdleConnections: 4})
	defer c.CloseIdle()
	for range 5 {
		_, err := c.Post(t.Context(), Request{What: "x", URL: server.URL, MaxBytes: 10}, nil, "")
		require.NoError(t, err)
	}
	assert.EqualValues(t, 1, server.opened.Load())
	own := c.trusted.Transport.(*lazyTransport).transport()
	assert.Equal(t, 4, own.MaxIdleConnsPerHost)
	assert.Equal(t, 90*time.Second, own.IdleConnTimeout)
}

// CloseIdle is not called if connections are kept. Without an end they would be left behind.
func TestKeptConnectionsOfACallersTransportEnd(t *testing.T) {
	for _, tc := range []struct {
		kept       int
		own, after time.Duration
	}{{4, 0, 90 * time.Second}, {4, time.Second, time.Second}, {0, 0, 0}} {
		given := &http.Client{Transport: &http.Transport{IdleConnTimeout: tc.own}}
		c := New(Config{Address: "https://issuer.example/", Client: given, IdleConnections: tc.kept})
		assert.Equal(t, tc.after, c.trusted.Transport.(*lazyTransport).transport().IdleConnTimeout)
	}
}
