package fiberauth

import (
	"bytes"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v3"
	"github.com/valyala/fasthttp"
)

// requestOf returns the request as net/http would have it, without its body. Every text is a
// copy: what the Middleware remembers of a request, such as its token, would change with the
// next one on the connection.
func requestOf(c fiber.Ctx) *http.Request {
	from := c.RequestCtx()
	header := &from.Request.Header
	r := new(http.Request).WithContext(c.Context())
	r.Method = string(header.Method())
	// From the header: Request.RequestURI returns another target than the one that was received,
	// and a DPoP proof is for that one.
	r.RequestURI = string(header.RequestURI())
	r.URL = urlOf(from, r.RequestURI)
	r.Proto, r.ProtoMajor, r.ProtoMinor = protocolOf(header)
	r.Header, r.Host, r.Body = headerOf(header), string(from.Host()), http.NoBody
	r.RemoteAddr, r.TLS = from.RemoteAddr().String(), from.TLSConnectionState()
	return r
}

// urlOf returns the URL of a target. net/http refuses targets that are not valid. fasthttp does
// not, and has a path for each.
func urlOf(from *fasthttp.RequestCtx, target string) *url.URL {
	if u, err := url.ParseRequestURI(target); err == nil {
		return u
	}
	return &url.URL{Path: string(from.Path())}
}

func protocolOf(header *fasthttp.RequestHeader) (name string, major, minor int) {
	name = string(header.Protocol())
	major, minor, ok := http.ParseHTTPVersion(name)
	if !ok {
		return name, 1, 1
	}
	return name, major, minor
}

// headerOf returns the fields of the header section, in the order in which they were received.
// fiber can be told not to change their names to canonical ones, under which the Middleware
// looks for them.
func headerOf(header *fasthttp.RequestHeader) http.Header {
	fields := make(http.Header)
	for name, value := range header.All() {
		key := http.CanonicalHeaderKey(string(name))
		fields[key] = append(fields[key], string(value))
	}
	delete(fields, "Host") // it is Request.Host
	if raw := header.RawHeaders(); isChunked(raw) {
		dropTrailer(fields, raw)
	}
	return fields
}

// isChunked reports whether the body can have a trailer. raw is the header section as it was
// received, because fasthttp removes the field when it has read an empty body.
func isChunked(raw []byte) bool {
	for line := range bytes.Lines(raw) {
		if name, _, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			return true
		}
	}
	return false
}

// dropTrailer removes the fields of the trailer section, which fasthttp has appended. Fields of a
// trailer must not be merged into the header unless they are known to be harmless there (RFC 9110
// section 6.5.1). Authorization stays: fasthttp accepts none in a trailer, so it can only be one
// of the header, or one that an outer handler has set.
func dropTrailer(fields http.Header, raw []byte) {
	received := make(map[string]int)
	for line := range bytes.Lines(raw) {
		name, _, _ := bytes.Cut(line, []byte(":")) // that of a folded line begins with a space
		received[http.CanonicalHeaderKey(string(name))]++
	}
	for name, values := range fields {
		if n := received[name]; n < len(values) && name != "Authorization" {
			fields[name] = values[:n]
		}
	}
}
