package middleware

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
)

// Refuse answers a request that its handler does not allow, as [Middleware.Require] would.
// It logs and observes the refusal, and calls Config.ErrorHandler or else [Middleware.WriteError].
//
//	if err := middleware.Authorize(r.Context(), policies...); err != nil {
//		auth.Refuse(w, r, err)
//		return
//	}
//
// err is any error that [Middleware.Answer] takes. What [Authorize] has reported for this
// request is not reported again. A [Guard] reports its own errors: use WriteError for them.
func (m *Middleware) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := asError(err)
	m.report(r.Context(), Request{Authorization: m.credentialsOf(r.Header), Transport: transportHTTP}, e)
	m.refuse(w, r, m.forRequest(r, e))
}

// refuse answers with the ErrorHandler, if there is one. The challenge is set before the
// ErrorHandler runs. If the ErrorHandler sets no status, or that of a success, or writes
// nothing, the answer is still the error.
func (m *Middleware) refuse(w http.ResponseWriter, r *http.Request, e *Error) {
	if m.errorHandler == nil {
		m.WriteError(w, r, e)
		return
	}
	a := m.Answer(e)
	a.setHeader(w.Header())
	answer := &answerWriter{ResponseWriter: w, status: a.Status}
	m.errorHandler(answer, unconditional(r), e)
	if !answer.written {
		m.WriteError(w, r, e)
	}
}

// preconditions are the fields that ask for another answer than a whole 200.
var preconditions = []string{
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range",
}

// unconditional returns r without its preconditions. A server ignores them if the answer
// without them is an error (RFC 9110 sections 13.2.1 and 14.2). An ErrorHandler that serves a
// file would obey them, and send no page.
func unconditional(r *http.Request) *http.Request {
	if !slices.ContainsFunc(preconditions, func(name string) bool { return r.Header[name] != nil }) {
		return r
	}
	r = r.WithContext(r.Context()) // a copy
	r.Header = r.Header.Clone()
	for _, name := range preconditions {
		delete(r.Header, name)
	}
	return r
}

// An answerWriter sends its status in place of any status that is no error, such as the 200 of
// http.ServeContent. It sends it with the first byte if no status was sent.
type answerWriter struct {
	http.ResponseWriter
	status  int
	written bool
}

func (w *answerWriter) WriteHeader(status int) {
	final := status >= http.StatusOK || status == http.StatusSwitchingProtocols // for net/http
	if final && status < http.StatusBadRequest {
		status = w.status
	}
	w.written = w.written || final
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(p []byte) (int, error) {
	if !w.written {
		w.WriteHeader(w.status)
	}
	return w.ResponseWriter.Write(p)
}

// FlushError sends the header, whose status must not be a 200 either.
func (w *answerWriter) FlushError() error {
	if !w.written {
		w.WriteHeader(w.status)
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is not supported: on the bare connection any status could be sent.
func (w *answerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, fmt.Errorf("middleware: the connection of a refused request: %w", http.ErrNotSupported)
}

// Unwrap lets [http.ResponseController] set deadlines on the writer.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
