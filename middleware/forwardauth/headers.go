package forwardauth

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// maxFieldBytes bounds a field, because gateways bound the header of an answer: nginx to 4 KiB.
const maxFieldBytes = 2 << 10

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
	joined := strings.Join(values, " ")
	if len(joined) > maxFieldBytes {
		return ""
	}
	return joined
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

// reserved are the fields that answers have, or that gateways obey in them.
var reserved = []string{
	"Cache-Control", "Connection", "Date", "Dpop-Nonce", "Host", "Keep-Alive", "Location", "Refresh",
	"Retry-After", "Set-Cookie", "Status", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Www-Authenticate",
}

func isReserved(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return slices.Contains(reserved, name) || strings.HasPrefix(name, "Content-") || strings.HasPrefix(name, "X-Accel-") ||
		strings.HasPrefix(name, "X-Envoy-")
}
