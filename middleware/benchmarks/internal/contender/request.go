package contender

import (
	"context"
	"net/http"
	"net/url"
)

// A Client makes requests to a handler in memory and keeps only the status of the answer.
// It must not be used concurrently.
type Client struct {
	handler http.Handler
	request *http.Request
	answer  answer
	field   []string // the Authorization field
}

// NewClient returns a client of the handler.
func NewClient(ctx context.Context, handler http.Handler) *Client {
	field := []string{""}
	request := &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/timesheets"}, Host: "timesheets.example.com",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "192.0.2.1:1234",
		Header: http.Header{"Authorization": field},
	}
	return &Client{
		handler: handler, request: request.WithContext(ctx), field: field,
		answer: answer{header: make(http.Header)},
	}
}

// Bearer makes the following requests carry the token.
func (c *Client) Bearer(token string) { c.Authorize("Bearer " + token) }

// Authorize makes the following requests carry the field value.
func (c *Client) Authorize(value string) { c.field[0] = value }

// Do makes a request and returns the status of the answer. The client itself allocates
// nothing.
func (c *Client) Do() int {
	clear(c.answer.header)
	c.answer.status = http.StatusOK
	c.handler.ServeHTTP(&c.answer, c.request)
	return c.answer.status
}

// An answer discards the body. httptest.ResponseRecorder would allocate more than some
// of the handlers.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }
func (a *answer) WriteHeader(status int)      { a.status = status }

// WriteString spares io.WriteString a copy, as net/http's own writer does.
func (a *answer) WriteString(s string) (int, error) { return len(s), nil }
