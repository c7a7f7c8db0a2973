package fiberauth_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

func newAuth(t testing.TB, issuer *jwkstest.Issuer, edits ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth
}

// newApp returns an application that reads tokens of any length.
func newApp(edits ...func(*fiber.Config)) *fiber.App {
	config := fiber.Config{
		ReadBufferSize: 64 << 10,
		RequestMethods: append(fiber.DefaultMethods[:len(fiber.DefaultMethods):len(fiber.DefaultMethods)], "PURGE"),
	}
	for _, edit := range edits {
		edit(&config)
	}
	return fiber.New(config)
}

// listen serves the application until the test ends.
func listen(t testing.TB, app *fiber.App, listener net.Listener) {
	t.Helper()
	served := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		served <- app.Listener(listener, fiber.ListenConfig{
			DisableStartupMessage: true,
			BeforeServeFunc:       func(*fiber.App) error { close(ready); return nil },
		})
	}()
	<-ready
	t.Cleanup(func() {
		assert.NoError(t, app.Shutdown())
		assert.NoError(t, <-served)
	})
}

// A server is an application in memory. It is an [http.Handler], which sends each request over
// the same connection, so that fasthttp uses its memory again.
type server struct {
	transport *http.Transport
	listener  *fasthttputil.InmemoryListener
	context   atomic.Pointer[context.Context] // of the present request
}

// serve serves the application until the test ends. Handlers find the context of the request
// that ServeHTTP was called with.
func serve(t testing.TB, newApp func(outer fiber.Handler) *fiber.App) *server {
	t.Helper()
	s := &server{listener: fasthttputil.NewInmemoryListener()}
	s.transport = &http.Transport{
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return s.listener.Dial() },
		MaxConnsPerHost: 1, DisableCompression: true,
	}
	listen(t, newApp(func(c fiber.Ctx) error {
		if ctx := s.context.Load(); ctx != nil {
			c.SetContext(*ctx)
		}
		return c.Next()
	}), s.listener)
	t.Cleanup(s.transport.CloseIdleConnections)
	return s
}

// serveOne serves GET / with the handlers.
func serveOne(t testing.TB, handler fiber.Handler, handlers ...any) *server {
	t.Helper()
	return serve(t, func(outer fiber.Handler) *fiber.App {
		app := newApp()
		app.Use(outer)
		app.Get("/", handler, handlers...)
		return app
	})
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	s.context.Store(&ctx)
	r = r.Clone(context.WithoutCancel(ctx))
	r.RequestURI, r.URL.Scheme = "", "http"
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	if _, err := io.Copy(w, response.Body); err != nil {
		panic(err)
	}
}

// get sends GET / with fields, as names and values in turn.
func (s *server) get(path string, fields ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "https://api.example.test"+path, nil)
	for n := 1; n < len(fields); n += 2 {
		r.Header.Add(fields[n-1], fields[n])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// dial connects as a client of that address.
func (s *server) dial(t testing.TB, from string) net.Conn {
	t.Helper()
	conn, err := s.listener.DialWithLocalAddr(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from)))
	require.NoError(t, err)
	return conn
}

// raw sends the bytes of one request, closes the connection, and returns the answer.
func raw(t testing.TB, conn net.Conn, request string) *http.Response {
	t.Helper()
	defer conn.Close()
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response
}
