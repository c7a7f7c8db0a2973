package sharedtest_test

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A cutter is a proxy that closes a connection in place of the reply to a SET command. The server
// has carried the command out.
type cutter struct {
	address, server string
	cuts            atomic.Int64 // how many replies it still takes away
}

func startCutter(t *testing.T, server string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	c := &cutter{address: l.Addr().String(), server: server}
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	return c
}

// serve ends with the connections.
func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	var isSet atomic.Bool
	go func() {
		defer server.Close()
		buffer := make([]byte, 4096)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				return
			}
			if bytes.Contains(buffer[:n], []byte("$3\r\nSET\r\n")) {
				isSet.Store(true)
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 4096)
	for {
		n, err := server.Read(buffer)
		if err != nil || isSet.Swap(false) && c.cuts.Add(-1) >= 0 {
			return
		}
		if _, err := client.Write(buffer[:n]); err == io.EOF {
			return
		}
	}
}

// A client that sends a command again after a lost connection finds its own value. Its proof is
// not a replay.
func TestAnOwnRetry(t *testing.T) {
	s := startServer(t, forgetful...)
	c := startCutter(t, s.address)
	retries := map[string]bool{"go-redis": true, "valkey-go": false}
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			do := connect(t, c.address)
			config := dpop.SharedConfig{Timeout: slow, Prefix: name}
			shared, other := newShared(t, do, config), newShared(t, connect(t, s.address), config)
			use := func(s *dpop.Shared, id int) (bool, error) {
				return s.Use(t.Context(), keyOf(id), idOf(id), time.Now().Add(lifetime))
			}
			for id := range 20 {
				c.cuts.Store(1)
				fresh, err := use(shared, id)
				assert.LessOrEqual(t, c.cuts.Load(), int64(0), "the reply was lost")
				if retries[name] {
					require.NoError(t, err)
					require.True(t, fresh)
				} else {
					require.Error(t, err)
					c.cuts.Store(0)
					fresh, err = use(shared, id)
					require.NoError(t, err)
					require.False(t, fresh, "the command was carried out")
				}
				c.cuts.Store(0)
				fresh, err = use(other, id)
				require.NoError(t, err)
				require.False(t, fresh, "it is used")
			}
		})
	}
}
