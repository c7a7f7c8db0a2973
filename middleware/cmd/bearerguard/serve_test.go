package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// copyAll bounds what a test reads.
func copyAll(w io.Writer, r io.Reader) (int64, error) { return io.Copy(w, io.LimitReader(r, 16<<20)) }

// An output is written by the command while a test waits for its address.
type output struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	written chan struct{} // gets a value after each write
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buffer.Write(p)
	select {
	case o.written <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// startPage runs explain -serve until the test ends. wait returns its exit code; it can stop the
// command before.
func startPage(t *testing.T, p program, args ...string) (address string, out *output, wait func(stop bool) int) {
	t.Helper()
	out = &output{written: make(chan struct{}, 1)}
	p.stdout, p.stderr = out, io.Discard
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() { ended <- p.run(ctx, append([]string{"explain", "-serve"}, args...)) }() // until cancel
	t.Cleanup(cancel)
	select {
	case <-out.written:
	case code := <-ended:
		require.Fail(t, "the page is not served", "exit code %d", code)
	}
	address = regexp.MustCompile(`http://\S+`).FindString(out.String())
	require.NotEmpty(t, address)
	return address, out, func(stop bool) int {
		if stop {
			cancel()
		}
		return <-ended
	}
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(address)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode, bodyOf(t, response)
}

func TestServe(t *testing.T) {
	c := command{report: good()}
	args := explainArgs()[1:]
	address, out, wait := startPage(t, c.program(), args...)
	assert.Regexp(t, `^http://127\.0\.0\.1:[0-9]+/[A-Z2-7]{26}/$`, address)
	assert.Equal(t, 1, strings.Count(out.String(), "http://"))

	status, body := get(t, address)
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "<form")
	status, _ = get(t, regexp.MustCompile(`/[A-Z2-7]{26}/`).ReplaceAllString(address, "/"))
	assert.Equal(t, http.StatusNotFound, status)

	other, _, _ := startPage(t, c.program(), args...)
	assert.NotEqual(t, other[len(other)-28:], address[len(address)-28:], "the path is not random")

	assert.Equal(t, exitNoneFails, wait(true))
	_, err := http.Get(address)
	require.Error(t, err, "still serving after the interrupt")
}

// A client that sends nothing, or reads nothing, does not hold a connection for ever.
func TestServeHasTimeouts(t *testing.T) {
	server := newServer(http.NotFoundHandler())
	for _, d := range []time.Duration{server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout} {
		assert.Greater(t, d, time.Duration(0))
		assert.LessOrEqual(t, d, time.Minute)
	}
	assert.Greater(t, server.WriteTimeout, server.ReadTimeout+explainTimeout-1)
	assert.Positive(t, server.MaxHeaderBytes)
}

// What goes wrong with a request is not logged: it could have a part of a token.
func TestServeLogsNothing(t *testing.T) {
	assert.Equal(t, io.Discard, newServer(nil).ErrorLog.Writer())
}

func TestServeOnIPv6(t *testing.T) {
	listener, err := listen("[::1]:0")
	if err != nil {
		t.Skip("no IPv6 loopback here")
	}
	listener.Close()
	c := command{report: good()}
	address, _, _ := startPage(t, c.program(), explainArgs("-addr", "[::1]:0")[1:]...)
	status, _ := get(t, address)
	assert.Equal(t, http.StatusOK, status)
}

func TestServeReportsAnAddressInUse(t *testing.T) {
	listener, err := listen("")
	require.NoError(t, err)
	defer listener.Close()
	code, stdout, stderr := (&command{args: explainArgs("-serve", "-addr", listener.Addr().String())}).run(t)
	assert.Equal(t, exitWrongUse, code)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "listen tcp 127.0.0.1:")
}

func TestListenOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{
		":0", "0.0.0.0:0", "[::]:0", "localhost:0", "192.0.2.1:0", "127.0.0.1", "example.com:0", "[::ffff:192.0.2.1]:0", "128.0.0.1:0",
	} {
		_, err := listen(addr)
		assert.ErrorContains(t, err, "must be a loopback address", addr)
	}
	for _, addr := range []string{"", "127.0.0.1:0"} {
		listener, err := listen(addr)
		if assert.NoError(t, err, addr) {
			listener.Close()
		}
	}
}
