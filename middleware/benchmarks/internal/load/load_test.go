package load_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/load"
)

func serve(t *testing.T, handler http.HandlerFunc) load.Load {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return load.Load{
		Address: server.Listener.Addr().String(), Connections: 4, Duration: 20 * time.Millisecond,
		Authorization: func(connection int) []string {
			return []string{fmt.Sprintf("Bearer %d-a", connection), fmt.Sprintf("Bearer %d-b", connection)}
		},
	}
}

func TestRunCountsAnswers(t *testing.T) {
	var asked atomic.Int64
	var connections, fields sync.Map
	l := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		connections.Store(r.RemoteAddr, true)
		fields.Store(r.Header.Get("Authorization"), true)
		_, _ = io.WriteString(w, "[]\n")
	})
	began := time.Now()
	perSecond, err := l.Run(t.Context())
	require.NoError(t, err)
	assert.InEpsilon(t, float64(asked.Load()), perSecond*time.Since(began).Seconds(), 0.5)
	count := func(m *sync.Map) (n int) {
		m.Range(func(any, any) bool { n++; return true })
		return n
	}
	assert.Equal(t, l.Connections, count(&connections), "connections are kept")
	assert.Equal(t, 2*l.Connections, count(&fields), "each has its fields, in turn")
}

func TestRunFails(t *testing.T) {
	for rule, answer := range map[string]http.HandlerFunc{
		"on a refusal":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
		"without Content-Length": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"on a broken answer": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := serve(t, answer).Run(t.Context())
			assert.Error(t, err)
		})
	}
	t.Run("when cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := serve(t, func(w http.ResponseWriter, _ *http.Request) { cancel(); _, _ = io.WriteString(w, "x") })
		l.Duration = load.MaxDuration
		_, err := l.Run(ctx)
		assert.ErrorIs(t, err, context.Canceled)
	})
}

// A generator that could be pointed elsewhere, or left running, would be a weapon.
func TestRunIsBounded(t *testing.T) {
	good := load.Load{Address: "127.0.0.1:1", Connections: 1, Duration: time.Second}
	for rule, change := range map[string]func(*load.Load){
		"another host":         func(l *load.Load) { l.Address = "192.0.2.1:80" },
		"a name":               func(l *load.Load) { l.Address = "localhost:80" },
		"no port":              func(l *load.Load) { l.Address = "127.0.0.1" },
		"no end":               func(l *load.Load) { l.Duration = 0 },
		"too long":             func(l *load.Load) { l.Duration = load.MaxDuration + 1 },
		"no connections":       func(l *load.Load) { l.Connections = 0 },
		"too many connections": func(l *load.Load) { l.Connections = 257 },
	} {
		l := good
		change(&l)
		_, err := l.Run(t.Context())
		assert.ErrorContains(t, err, "load: ", rule)
	}
}
