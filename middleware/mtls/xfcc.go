package mtls

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// An element is what one proxy has written of its client into X-Forwarded-Client-Cert. Other
// keys than Hash and URI are read over.
type element struct{ hashes, uris []string }

// fromXFCC returns the Hash of the client's element. Proxies append theirs behind it.
//
// Envoy does not quote the names of a certificate, and a client can choose them for a certificate
// that it has signed itself. A comma in a name begins another element, and so more than one is
// left; a semicolon adds a second Hash.
func (c *Checker) fromXFCC(field string) (hash [sha256.Size]byte, p problem) {
	elements, ok := parseXFCC(field)
	if !ok {
		return hash, errMalformed
	}
	for len(elements) > 0 && c.isProxy(elements[len(elements)-1]) {
		elements = elements[:len(elements)-1]
	}
	switch {
	case len(elements) != 1:
		return hash, errElements
	case len(elements[0].hashes) == 0:
		return hash, errNoHash
	case len(elements[0].hashes) > 1:
		return hash, errMalformed
	}
	return fromHex(elements[0].hashes[0])
}

func (c *Checker) isProxy(e element) bool {
	return len(e.uris) == 1 && slices.Contains(c.identities, e.uris[0])
}

// parseXFCC takes a field apart: elements between commas, pairs between semicolons, and values
// that can be quoted.
func parseXFCC(s string) ([]element, bool) {
	var all []element
	current := element{}
	for {
		key, rest, found := strings.Cut(s, "=")
		if !found || !isKey(key) {
			return nil, false
		}
		value, rest, ok := cutValue(rest)
		if !ok {
			return nil, false
		}
		switch strings.ToLower(key) {
		case "hash":
			current.hashes = append(current.hashes, value)
		case "uri":
			current.uris = append(current.uris, value)
		}
		if rest == "" {
			return append(all, current), true
		}
		s = rest[1:]
		if rest[0] == ',' {
			all, current = append(all, current), element{}
			s = strings.TrimLeft(s, " \t") // RFC 9110 section 5.6.1
		}
	}
}

// isKey reports whether s consists of letters, as all keys do.
func isKey(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r|0x20 < 'a' || r|0x20 > 'z' })
}

// cutValue returns the value that s begins with, and the rest: nothing, or a separator and more.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ",;")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], !strings.Contains(s[:end], `"`)
	}
	var b strings.Builder
	for n := 1; n < len(s); n++ {
		switch {
		case s[n] == '"':
			rest = s[n+1:]
			return b.String(), rest, rest == "" || rest[0] == ',' || rest[0] == ';'
		case s[n] == '\\' && n+1 < len(s): // OpenSSL and Envoy escape any character so
			n++
		}
		b.WriteByte(s[n])
	}
	return "", "", false
}
