package forwardauth

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest method and target that are read. A proxy in front must allow a header field of
// this size.
const (
	maxMethodBytes = 32
	maxTargetBytes = 8 << 10
)

// isMethod reports whether s is a method (RFC 9110 section 9.1) in upper case, as all registered
// ones are. A backend that ignores case would take get for GET, and the table would not.
func isMethod(s string) bool {
	if s == "" || len(s) > maxMethodBytes || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// pathOf returns the path of a target, as it was sent. It reports false for every target but
// those that all backends read in the same way: in origin-form (RFC 9112 section 3.2.1), and with
// a path in normal form.
func pathOf(target string) (path string, ok bool) {
	if len(target) > maxTargetBytes {
		return "", false
	}
	for i := range len(target) {
		// A target has no fragment. Some backends cut one off, and others do not.
		if b := target[i]; b <= ' ' || b > '~' || b == '#' {
			return "", false
		}
	}
	path, _, _ = strings.Cut(target, "?")
	return path, isNormalPath(path)
}

// isNormalPath reports whether no backend has a reason to change the path. It begins with a slash,
// and has no empty segment but the last, no dot segments and no path parameters. What is
// percent-encoded must be, and is in upper case (RFC 3986 sections 3.3 and 6.2.2).
func isNormalPath(path string) bool {
	rest, ok := strings.CutPrefix(path, "/")
	for more := ok; more; {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if !isNormalSegment(segment) || segment == "" && more {
			return false
		}
	}
	if !ok || !strings.Contains(path, "%") {
		return ok
	}
	// Lax decoders read a slash in octets that are not UTF-8, such as %C0%AF. Control characters
	// outside of ASCII, such as U+0085, end a line or are trimmed for some.
	decoded, err := url.PathUnescape(path)
	return err == nil && utf8.ValidString(decoded) && !strings.ContainsFunc(decoded, unicode.IsControl)
}

func isNormalSegment(s string) bool {
	if s == "." || s == ".." {
		return false
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '%':
			if !isNormalTriplet(s[i:]) {
				return false
			}
			i += 2
		case !isPlain(s[i]):
			return false
		}
	}
	return true
}

// isPlain reports whether b can be in a path as it is (RFC 3986 section 3.3). The semicolon is
// left out: Java servers cut it off with what follows, and so read ..; as a dot segment.
func isPlain(b byte) bool { return isUnreserved(b) || strings.IndexByte("!$&'()*+,=:@", b) >= 0 }

// isUnreserved reports whether b means the same with and without percent-encoding (RFC 3986
// section 2.3).
func isUnreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~", b) >= 0
}

// isNormalTriplet reports whether s begins with a percent-encoded octet that must be encoded. It
// must also be none that a backend takes for a delimiter after it has decoded the path, even twice.
func isNormalTriplet(s string) bool {
	if len(s) < 3 {
		return false
	}
	high, low := unhex(s[1]), unhex(s[2])
	if high < 0 || low < 0 {
		return false
	}
	switch b := byte(high<<4 | low); {
	case b < ' ', b == 0x7f, isUnreserved(b), strings.IndexByte(`/\;?#`, b) >= 0:
		return false
	case b == '%':
		return !isHex(strings.TrimLeft(s[3:], "uU")) // %u002F is a slash for IIS and for unescape of JavaScript
	}
	return true
}

// unhex returns the value of a hexadecimal digit in upper case, or -1.
func unhex(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// isHex reports whether s begins with two hexadecimal digits, in any case.
func isHex(s string) bool {
	return len(s) >= 2 && strings.Trim(s[:2], "0123456789abcdefABCDEF") == ""
}
