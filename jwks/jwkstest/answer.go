package jwkstest

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
)

// An answer records the good answer, so that a fault can change it before it is sent.
// It is an http.ResponseWriter.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// capture returns the good answer. It ignores the conditions of a conditional request,
// because a 304 has no body that a fault could change.
func capture(next http.Handler, r *http.Request) *answer {
	r = r.Clone(r.Context())
	r.Header.Del("If-None-Match")
	r.Header.Del("If-Modified-Since")
	a := &answer{header: make(http.Header), status: http.StatusOK}
	next.ServeHTTP(a, r)
	return a
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// sendHeader declares a body of this length. A negative length declares none.
func (a *answer) sendHeader(w http.ResponseWriter, length int) {
	header := w.Header()
	maps.Copy(header, a.header)
	header.Del("Content-Length")
	if length >= 0 {
		header.Set("Content-Length", strconv.Itoa(length))
	}
	w.WriteHeader(a.status)
	_ = http.NewResponseController(w).Flush()
}

func (a *answer) send(w http.ResponseWriter) {
	a.sendHeader(w, a.body.Len())
	_ = send(w, a.body.Bytes())
}

func (a *answer) sendHalf(w http.ResponseWriter) {
	a.sendHeader(w, a.body.Len())
	_ = send(w, a.body.Bytes()[:a.body.Len()/2])
}

// send writes and flushes, so that the client receives the bytes at once.
func send(w http.ResponseWriter, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}
