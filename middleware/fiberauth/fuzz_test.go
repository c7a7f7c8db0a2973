package fiberauth_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/valyala/fasthttp"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/fiberauth"
)

// If net/http accepts the bytes of a request as well, the Middleware must get the same of it: a
// proxy may have read them as net/http does.
func FuzzRequest(f *testing.F) {
	const post, host = "POST /path HTTP/1.1\r\n", "Host: a\r\n"
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n",
		"GET http://b/c?d HTTP/1.1\r\nHost: a\r\nAuthorization:\tBearer\r\n  a \r\nDPoP: a\r\n\r\n",
		post + host + "Content-Length: 1\r\nX-Client: a\r\n\r\na",
		post + host + "Transfer-Encoding: chunked\r\nX-Client: a\r\n\r\n1\r\na\r\n0\r\nX-Client: b\r\nDPoP: c\r\n\r\n",
		post + host + "transfer-encoding: Chunked\r\nTrailer: X-Client\r\n\r\n0\r\nX-Client: b\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	var got *http.Request
	auth := newAuth(f, jwkstest.NewIssuer(jwkstest.Config{}), func(c *middleware.Config) {
		c.ErrorHandler = func(_ http.ResponseWriter, r *http.Request, _ *middleware.Error) { got = r }
	})
	app := newApp()
	app.Use(fiberauth.Handler(auth))
	handler := app.Handler()
	f.Fuzz(func(t *testing.T, request []byte) {
		got = nil
		ctx := new(fasthttp.RequestCtx)
		if err := ctx.Request.Read(bufio.NewReaderSize(bytes.NewReader(request), 64<<10)); err != nil {
			return
		}
		handler(ctx)
		plain, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
		if got == nil || err != nil { // a method that fiber does not know
			return
		}
		if _, err := io.Copy(io.Discard, plain.Body); err != nil {
			return
		}
		assert.Equal(t, plain.Method, got.Method)
		assert.Equal(t, plain.RequestURI, got.RequestURI)
		for _, name := range []string{"Authorization", "Dpop", "X-Client"} {
			assert.Equal(t, strings.Join(plain.Header[name], "\n"), strings.Join(got.Header[name], "\n"), name)
		}
	})
}
