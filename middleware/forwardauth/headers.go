package forwardauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// The longest values of all fields together, and their longest names with what is between them.
// Gateways bound the header of an answer: nginx to 4 KiB (proxy_buffer_size). A longer one is an
// error of the auth server for nginx, which then does not ask it for a while. A fourth of the
// 4 KiB is left for the other fields of an answer.
const (
	maxFieldsBytes = 2 << 10
	maxNamesBytes  = 1 << 10
)

// A field tells the API about the claims of a request.
type field struct {
	name   string // canonical
	values func(*claims.Claims) []string
}

// Claim returns a function for Config.Headers, which returns the values of the claim at path by
// [claims.Claims.Strings]. It panics without a name, or if one is empty.
//
//	Claim("sub")
//	Claim("realm_access", "roles")
func Claim(path ...string) func(*claims.Claims) []string {
	if len(path) == 0 || slices.Contains(path, "") {
		panic("forwardauth: Claim needs the name of a claim, and none may be empty")
	}
	path = slices.Clone(path)
	return func(c *claims.Claims) []string { return c.Strings(path...) }
}

// writeFields writes all fields for these claims, which are nil without a token. If the values are
// too long, no field has one: some of them can mean more than all of them.
func writeFields(header http.Header, fields []field, c *claims.Claims) {
	size := 0
	for _, f := range fields {
		value := f.value(c)
		header[f.name] = []string{value}
		size += len(value)
	}
	if size <= maxFieldsBytes {
		return
	}
	for _, f := range fields {
		header[f.name] = []string{""}
	}
}

// value returns the value of the field, or "" if there is none. The values have no spaces, so the
// API can cut them apart again. None is left out: a list without one of them can mean more.
func (f field) value(c *claims.Claims) string {
	if c == nil {
		return ""
	}
	values := f.values(c)
	for _, v := range values {
		if !isVisible(v) {
			return ""
		}
	}
	return strings.Join(values, " ")
}

// isVisible reports whether s is at least one character of visible ASCII (VCHAR, RFC 5234 section
// B.1). Gateways and backends decode other octets in several ways, and line breaks begin another
// field.
func isVisible(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// isFieldName reports whether a gateway and a backend know the field under one name. CGI and WSGI
// take an underscore for a hyphen, and nginx drops fields with one.
func isFieldName(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// reserved are the fields that answers have, or that gateways obey in them. In others, clients and
// gateways send something else: a backend would take a claim for it.
var reserved = []string{
	"Authorization", "Cache-Control", "Client-Cert", "Connection", "Cookie", "Date", "Dpop", "Dpop-Nonce", "Expect", "Forwarded", "Host",
	"Http2-Settings", "Keep-Alive", "Location", "Origin", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "Refresh",
	"Retry-After", "Server", "Set-Cookie", "Status", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Vary", "Via", "Www-Authenticate",
	"X-Content-Type-Options", "X-Forwarded-Client-Cert", "X-Forwarded-For",
	"X-Forwarded-Host", "X-Forwarded-Method", "X-Forwarded-Port", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Forwarded-Server",
	"X-Forwarded-Uri", "X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Real-Ip", "X-Rewrite-Url",
}

// reservedPrefixes are those of the names of such fields.
var reservedPrefixes = []string{"Access-Control-", "Content-", "Sec-", "X-Accel-", "X-Envoy-", "X-Original-"}

func isReserved(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return slices.Contains(reserved, name) ||
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
