package dpop

import "strings"

// normalPath returns an absolute path in normal form: triplets in upper case, unreserved
// characters decoded, dot segments removed (RFC 3986 section 6.2.2). Path must begin with a
// slash. It refuses a % without two digits, and what is not printable ASCII: such bytes must be
// percent-encoded.
//
// The printable characters that no path can have are encoded. Browsers and Node.js send some of
// them as they are, such as | and ^, and proxies that use net/url encode them.
func normalPath(path string) (string, error) {
	rewrite := false
	for i := range len(path) {
		if path[i] <= ' ' || path[i] > '~' {
			return "", errPath
		}
		rewrite = rewrite || path[i] == '%' || isExcluded(path[i])
	}
	if rewrite {
		var err error
		if path, err = normalTriplets(path); err != nil {
			return "", err
		}
	}
	if strings.Contains(path, "/.") {
		path = removeDotSegments(path)
	}
	return path, nil
}

// normalTriplets decodes the triplets of unreserved characters, and writes all others in upper
// case (RFC 3986 sections 6.2.2.1 and 6.2.2.2). It writes triplets for excluded characters.
func normalTriplets(path string) (string, error) {
	const upperHex = "0123456789ABCDEF"
	normal := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if b := path[i]; b != '%' {
			if isExcluded(b) {
				normal = append(normal, '%', upperHex[b>>4], upperHex[b&15])
			} else {
				normal = append(normal, b)
			}
			continue
		}
		if len(path) < i+3 {
			return "", errPath
		}
		high, low := unhex(path[i+1]), unhex(path[i+2])
		if high < 0 || low < 0 {
			return "", errPath
		}
		if b := byte(high<<4 | low); isUnreserved(b) {
			normal = append(normal, b)
		} else {
			normal = append(normal, '%', upperHex[high], upperHex[low])
		}
		i += 2
	}
	return string(normal), nil
}

// unhex returns the value of a hexadecimal digit, or -1.
func unhex(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b && b <= 'f':
		return int(b-'a') + 10
	case 'A' <= b && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// isUnreserved reports whether b means the same with and without percent-encoding (RFC 3986
// section 2.3).
func isUnreserved(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || strings.IndexByte("-._~", b) >= 0
}

// isExcluded reports whether b is printable and can be in no path (RFC 3986 section 3.3). The
// delimiters ? and # end a path, and never get here.
func isExcluded(b byte) bool {
	switch b {
	case '"', '<', '>', '[', '\\', ']', '^', '`', '{', '|', '}':
		return true
	}
	return false
}

// removeDotSegments is RFC 3986 section 5.2.4 for a path that begins with a slash. Unlike
// path.Clean it keeps empty segments and the slash at the end.
func removeDotSegments(path string) string {
	var kept []string
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		switch segment {
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		case ".":
		default:
			kept = append(kept, segment)
			continue
		}
		if i == len(segments)-1 {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}
