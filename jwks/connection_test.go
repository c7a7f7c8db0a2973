package jwks_test

import (
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
)

func TestConnectionsAreClosedAfterTheFetch(t *testing.T) {
	for name, useTLS := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan struct{}, 100)
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(`{"keys":[]}`))
			}))
			defer server.Close()
			server.EnableHTTP2 = true
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
				if s == http.StateClosed {
					closed <- struct{}{}
				}
			}
			if useTLS {
				server.StartTLS()
			} else {
				server.Start()
			}
			cache, err := jwks.New(jwks.Config{URL: server.URL, Client: server.Client(), Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			err = cache.Refresh(t.Context())
			require.ErrorIs(t, err, claims.ErrKeysUnavailable)
			assert.ErrorContains(t, err, "no usable key")
			select {
			case <-closed:
			case <-time.After(10 * time.Second):
				t.Fatal("the connection outlives the fetch, with its two goroutines")
			}
		})
	}
}
