package jwkstest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Client returns a new client that sends every request to this issuer, in memory. It
// does so for every host and scheme, so that a test also sees requests that the tested
// code should not send. The client follows redirects and has no timeout, like the zero
// [http.Client].
//
// Bodies stream: the issuer waits until the client reads. The caller must read a body to
// its end, close it, or cancel the request's context; after that, no goroutine of the
// request is left.
func (i *Issuer) Client() *http.Client {
	return &http.Client{Transport: transport{i}}
}

type transport struct{ handler http.Handler }

// RoundTrip runs the handler in a goroutine. The goroutine ends soon after the body was
// closed or the request's context is done.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	if body == nil {
		body = http.NoBody
	}
	if err := r.Context().Err(); err != nil {
		_ = body.Close()
		return nil, err
	}
	x := newExchange(r)
	in := r.Clone(x.ctx)
	in.Body = body
	in.RequestURI = r.URL.RequestURI()
	in.RemoteAddr = "192.0.2.1:1234" // RFC 5737
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	go x.serve(t.handler, in)

	select {
	case <-x.started:
		return x.response, x.refused
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// An exchange is one request and its answer. It is the handler's http.ResponseWriter,
// and it makes the client's http.Response.
type exchange struct {
	request *http.Request
	ctx     context.Context // of the handler; done with the request's, or when the body is closed
	cancel  context.CancelFunc
	body    *io.PipeWriter
	reader  *io.PipeReader
	header  http.Header
	left    int64 // bytes that are missing from the declared Content-Length; negative without one
	cause   error // why the handler broke the connection

	start    sync.Once
	started  chan struct{} // closed when response or refused is set
	response *http.Response
	refused  error
}

func newExchange(r *http.Request) *exchange {
	ctx, cancel := context.WithCancel(r.Context())
	x := &exchange{
		request: r,
		ctx:     ctx,
		cancel:  cancel,
		header:  make(http.Header),
		left:    -1,
		started: make(chan struct{}),
	}
	x.reader, x.body = io.Pipe()
	// This also wakes a handler that waits for its reader. It has no effect after the
	// handler has returned, because only the first close of a pipe counts.
	context.AfterFunc(ctx, func() { _ = x.body.CloseWithError(ctx.Err()) })
	return x
}

func (x *exchange) serve(handler http.Handler, r *http.Request) {
	returned := false
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
		x.end(returned) // also after runtime.Goexit, which t.FailNow calls in a hook
		_ = r.Body.Close()
		x.cancel()
	}()
	handler.ServeHTTP(x, r)
	returned = true
}

// end ends the answer, with an error if the connection broke. The error of a context that
// is done comes first, because the handler may have ended for that reason.
func (x *exchange) end(returned bool) {
	cause := x.ctx.Err()
	if cause == nil && !returned {
		cause = cmp.Or(x.cause, resetError())
	}
	if cause != nil {
		x.start.Do(func() {
			x.refused = cause
			close(x.started)
		})
		_ = x.body.CloseWithError(cause)
		return
	}
	x.WriteHeader(http.StatusOK)
	if x.left > 0 && !x.bodiless() {
		_ = x.body.CloseWithError(io.ErrUnexpectedEOF)
		return
	}
	_ = x.body.Close()
}

func (x *exchange) Header() http.Header { return x.header }

func (x *exchange) WriteHeader(status int) {
	x.start.Do(func() {
		header := x.header.Clone()
		if header.Get("Date") == "" {
			header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
		}
		if n, err := strconv.ParseInt(header.Get("Content-Length"), 10, 64); err == nil {
			x.left = n
		}
		x.response = &http.Response{
			Status:     strconv.Itoa(status) + " " + http.StatusText(status),
			StatusCode: status,
			Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header:        header,
			Body:          body{x.reader, x.cancel},
			ContentLength: x.left,
			Request:       x.request,
		}
		close(x.started)
	})
}

func (x *exchange) Write(b []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	if x.bodiless() {
		return len(b), nil
	}
	if x.left >= 0 {
		if int64(len(b)) > x.left {
			return 0, http.ErrContentLength
		}
		x.left -= int64(len(b))
	}
	return x.body.Write(b)
}

// Flush sends the header. There is nothing else to send, because Write does not buffer.
func (x *exchange) Flush() { x.WriteHeader(http.StatusOK) }

// bodiless reports whether the answer must not have a body (RFC 9110 section 6.4.1).
func (x *exchange) bodiless() bool {
	status := x.response.StatusCode
	return x.request.Method == http.MethodHead ||
		status == http.StatusNoContent || status == http.StatusNotModified
}

// body cancels the handler's context when it is closed, as a closed connection does.
type body struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b body) Close() error {
	b.cancel()
	return b.PipeReader.Close()
}

func refusedError() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
}

func resetError() error {
	return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
}

// abort ends the connection. A client in memory gets the cause as its error; a client
// over a socket gets a reset.
func abort(w http.ResponseWriter, cause error) {
	if x, ok := w.(*exchange); ok {
		x.cause = cause
		panic(http.ErrAbortHandler)
	}
	connection, _, err := http.NewResponseController(w).Hijack()
	if errors.Is(err, http.ErrNotSupported) { // HTTP/2: the panic resets the stream
		panic(http.ErrAbortHandler)
	}
	if err == nil {
		reset(connection)
	}
}

// reset makes the kernel send RST instead of FIN.
func reset(connection net.Conn) {
	if wrapped, ok := connection.(interface{ NetConn() net.Conn }); ok { // TLS
		connection = wrapped.NetConn()
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}
