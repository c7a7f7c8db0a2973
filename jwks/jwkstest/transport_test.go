package jwkstest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// broken returns an issuer whose JWKS endpoint is this handler.
func broken(handler http.HandlerFunc) *jwkstest.Issuer {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	issuer.Fail(jwkstest.JWKS, func(w http.ResponseWriter, r *http.Request, _ http.Handler) { handler(w, r) })
	return issuer
}

func TestBodiesStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := broken(func(w http.ResponseWriter, _ *http.Request) {
			for _, part := range []string{"one", "two"} {
				_, _ = io.WriteString(w, part)
				time.Sleep(time.Second)
			}
		})
		start := time.Now()
		response, err := issuer.Client().Get(issuer.JWKSURL())
		require.NoError(t, err)
		defer response.Body.Close()
		buffer := make([]byte, 16)
		for n, part := range []string{"one", "two"} {
			read, err := response.Body.Read(buffer)
			require.NoError(t, err)
			assert.Equal(t, part, string(buffer[:read]))
			assert.Equal(t, time.Duration(n)*time.Second, time.Since(start))
		}
		_, err = response.Body.Read(buffer)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

// A synctest bubble fails with a deadlock if a goroutine of the exchange is left.
func TestRequestLeavesNoGoroutine(t *testing.T) {
	cancelled := func(gone chan<- struct{}) *jwkstest.Issuer {
		return broken(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "beginning")
			<-r.Context().Done()
			close(gone)
		})
	}
	t.Run("body closed early", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := make(chan struct{})
			issuer := cancelled(gone)
			response, err := issuer.Client().Get(issuer.JWKSURL())
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			<-gone
		})
	})
	t.Run("context cancelled while the body is read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := make(chan struct{})
			issuer := cancelled(gone)
			got := fetch(t, issuer.Client(), issuer.JWKSURL(), time.Second)
			assert.ErrorIs(t, got.err, context.DeadlineExceeded)
			assert.Equal(t, "beginning", got.body)
			<-gone
		})
	})
	t.Run("context cancelled, body never read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gone := make(chan struct{})
			issuer := cancelled(gone)
			ctx, cancel := context.WithCancel(t.Context())
			request, _ := http.NewRequestWithContext(ctx, http.MethodGet, issuer.JWKSURL(), nil)
			_, err := issuer.Client().Do(request) //nolint:bodyclose // left open on purpose
			require.NoError(t, err)
			cancel()
			<-gone
		})
	})
	t.Run("timeout of the client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{})
			issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
			client := issuer.Client()
			client.Timeout = 5 * time.Second
			start := time.Now()
			_, err := client.Get(issuer.JWKSURL())
			require.Error(t, err)
			assert.Equal(t, 5*time.Second, time.Since(start))
		})
	})
	t.Run("a writer that ignores its errors", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			issuer := broken(func(w http.ResponseWriter, _ *http.Request) {
				for range 100 {
					_, _ = io.WriteString(w, "more")
				}
			})
			response, err := issuer.Client().Get(issuer.JWKSURL())
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		})
	})
}

// The handler ends because the context does, so both end at the same moment.
func TestContextErrorComesBeforeTheHandlersError(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{"hang": jwkstest.Hang(), "stall": jwkstest.Stall()} {
		synctest.Test(t, func(t *testing.T) {
			issuer := jwkstest.NewIssuer(jwkstest.Config{})
			issuer.Fail(jwkstest.JWKS, fault)
			for range 200 {
				got := fetch(t, issuer.Client(), issuer.JWKSURL(), time.Second)
				require.ErrorIs(t, got.err, context.DeadlineExceeded, name)
			}
		})
	}
}

func TestCancelledRequestIsNotSent(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, issuer.JWKSURL(), nil)
	_, err := issuer.Client().Do(request)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Zero(t, issuer.Count(jwkstest.JWKS))
}

func TestContentLengthIsEnforced(t *testing.T) {
	var writeErr error
	for _, test := range []struct {
		name, declared, written string
		err                     error
	}{
		{"equal", "3", "abc", nil},
		{"too short", "4", "abc", io.ErrUnexpectedEOF},
		{"none", "", "abc", nil},
		{"too long", "2", "abc", io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			issuer := broken(func(w http.ResponseWriter, _ *http.Request) {
				if test.declared != "" {
					w.Header().Set("Content-Length", test.declared)
				}
				_, writeErr = io.WriteString(w, test.written)
			})
			got := fetch(t, issuer.Client(), issuer.JWKSURL(), time.Minute)
			assert.Equal(t, 200, got.status)
			assert.Equal(t, test.err, got.err)
			if test.name == "too long" {
				assert.ErrorIs(t, writeErr, http.ErrContentLength)
			}
		})
	}
}

func TestHEADHasNoBody(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	response, err := issuer.Client().Head(issuer.JWKSURL())
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	assert.Empty(t, body)
	assert.EqualValues(t, len(issuer.Document()), response.ContentLength)
}

func TestHandlerSeesAServerRequest(t *testing.T) {
	type seen struct{ host, uri, remote, body string }
	var got seen
	issuer := broken(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = seen{r.Host, r.RequestURI, r.RemoteAddr, string(body)}
	})
	response, err := issuer.Client().Post(issuer.JWKSURL()+"?a=b", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	assert.NotEmpty(t, response.Header.Get("Date"))
	assert.Equal(t, seen{"issuer.example.test", "/.well-known/jwks.json?a=b", "192.0.2.1:1234", "hello"}, got)
}

func TestHandlerThatEndsItsGoroutineBreaksTheConnection(t *testing.T) {
	issuer := broken(func(http.ResponseWriter, *http.Request) { runtime.Goexit() })
	_, err := issuer.Client().Get(issuer.JWKSURL())
	require.Error(t, err)
	issuer = broken(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err = issuer.Client().Get(issuer.JWKSURL())
	require.Error(t, err)
}

type closable struct {
	io.Reader
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}

func TestRequestBodyIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		for name, ctx := range map[string]context.Context{"sent": t.Context(), "not sent": ended()} {
			body := &closable{Reader: strings.NewReader("x")}
			request, _ := http.NewRequestWithContext(ctx, http.MethodPost, issuer.TokenURL(), body)
			response, err := issuer.Client().Do(request)
			if err == nil {
				response.Body.Close()
			}
			assert.Equal(t, name == "not sent", errors.Is(err, context.Canceled))
			synctest.Wait()
			assert.True(t, body.closed, name)
		}
	})
}

func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
