package fetch

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
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

// A server can close an idle connection at the moment of the next request. The user of that moment
// must not get an error: net/http sends the form again.
func TestPostSurvivesAClosedIdleConnection(t *testing.T) {
	const requests = 5
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // answers one request, and ends before the answer to the next one
				defer conn.Close()
				for n := range 2 {
					r, err := http.ReadRequest(bufio.NewReader(conn))
					if err != nil || n == 1 {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
				}
			}()
		}
	}()
	address := "http://" + listener.Addr().String()
	c := New(Config{Address: address, IdleConnections: 1})
	defer c.CloseIdle()
	for range requests {
		_, err := c.Post(t.Context(), Request{What: "x", URL: address, MaxBytes: 10}, url.Values{"token": {"t"}}, "")
		require.NoError(t, err)
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
