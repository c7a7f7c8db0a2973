package fetch

import (
	"bytes"
	"compress/gzip"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

const maxBytes = 512 << 10

// namedOnly returns a client for which every host was named by an issuer's document.
func namedOnly(client *http.Client) *Client {
	return New(Config{Address: "https://issuer.example/", Client: client})
}

func getOnce(t *testing.T, g *Client, url string) (*Response, error) {
	t.Helper()
	defer g.CloseIdle()
	return g.Get(t.Context(), Request{What: "jwks: key set", URL: url, MaxBytes: maxBytes})
}

// countingServer is a server on loopback that counts its connections.
type countingServer struct {
	*httptest.Server
	opened atomic.Int64
}

func newCountingServer(t *testing.T, useTLS bool, handler http.HandlerFunc) *countingServer {
	t.Helper()
	c := &countingServer{}
	c.Server = httptest.NewUnstartedServer(handler)
	c.EnableHTTP2 = true
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			c.opened.Add(1)
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

func TestGzipBombStopsAtTheLimit(t *testing.T) {
	var bomb bytes.Buffer
	zip := gzip.NewWriter(&bomb)
	_, err := zip.Write(make([]byte, 2<<20))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	require.Less(t, bomb.Len(), maxBytes/8)
	server := newCountingServer(t, false, func(w http.ResponseWriter, r *http.Request) {
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
	server := newCountingServer(t, false, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Padding", strings.Repeat("a", 128<<10))
		answerKeySet(w, r)
	})
	_, err := getOnce(t, New(Config{Address: server.URL}), server.URL)
	require.ErrorContains(t, err, "no answer")
}
