package fetch

import (
	"net/http"
	"strings"
	"time"
)

// Validators make a request conditional (RFC 9110 section 13.1). The zero value makes it
// unconditional.
type Validators struct{ etag, lastModified string }

// NewValidators returns the validators of an answer. It takes an ETag only if it follows the
// grammar, and a Last-Modified only if it is at least a second older than the answer: a
// document that changes twice within a second has one Last-Modified for both (RFC 9110
// section 8.8.2.2).
func NewValidators(h http.Header) (v Validators) {
	if etag := h.Get("ETag"); isETag(etag) {
		v.etag = etag
	}
	modified, err := http.ParseTime(h.Get("Last-Modified"))
	date, errDate := http.ParseTime(h.Get("Date"))
	if err == nil && errDate == nil && date.Sub(modified) >= time.Second {
		v.lastModified = modified.UTC().Format(http.TimeFormat)
	}
	return v
}

// HasETag reports whether the answer had a usable ETag.
func (v Validators) HasETag() bool { return v.etag != "" }

// set sends the date only without an ETag, which a server prefers in any case (RFC 9110
// section 13.1.3).
func (v Validators) set(h http.Header) {
	switch {
	case v.etag != "":
		h.Set("If-None-Match", v.etag)
	case v.lastModified != "":
		h.Set("If-Modified-Since", v.lastModified)
	}
}

// isETag reports whether text is an entity-tag of printable ASCII and at most 256 bytes (RFC
// 9110 section 8.8.3).
func isETag(text string) bool {
	opaque, ok := strings.CutPrefix(strings.TrimPrefix(text, "W/"), `"`)
	opaque, end := strings.CutSuffix(opaque, `"`)
	return ok && end && len(text) <= 256 && !strings.ContainsFunc(opaque, func(r rune) bool {
		return r <= ' ' || r == '"' || r > '~'
	})
}

// Confirmed reports whether the header of a 304 can be about the document that v names. A
// server that answers with another ETag speaks of another document (RFC 9110 section
// 15.4.5). The comparison is the weak one of section 8.8.3.2.
func (v Validators) Confirmed(h http.Header) bool {
	etag := h.Get("ETag")
	return v.etag == "" || etag == "" || strings.TrimPrefix(etag, "W/") == strings.TrimPrefix(v.etag, "W/")
}
