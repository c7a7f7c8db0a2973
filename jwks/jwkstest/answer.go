package jwkstest

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
)

// An answer is a good answer, held back to be broken. It is an http.ResponseWriter.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// capture makes the whole good answer, also to a conditional request: a 304 would have
// nothing in it to break.
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

// sendHeader declares a body of this length, or of an unknown one if it is negative.
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

// send writes through every buffer.
func send(w http.ResponseWriter, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return err
	}
	return http.NewResponseController(w).Flush()
}
