package dpop

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
)

var (
	errScheme   = errors.New("the scheme is not https, or http")
	errUserinfo = errors.New("it has userinfo")
	errHost     = errors.New("the host is neither a name in ASCII nor an address")
	errPort     = errors.New("the port is not a number")
	errNoPath   = errors.New("it has no path")
	errLongPath = errors.New("its path is too long")
	errPath     = errors.New("the path is not that of a URI")
)

// maxTargetBytes is the length of the longest path of a request that is brought into normal
// form. No htu of a proof of maxProofBytes is longer, even if each of its bytes is
// percent-encoded.
const maxTargetBytes = 3 * maxProofBytes

// compareURI makes check 9 of RFC 9449 section 4.3: htu must be the URI of the request. It
// returns what is wrong.
//
// The URI of the request is one of the configured origins with the path of the target. Both
// sides are compared in normal form (RFC 3986 sections 6.2.2 and 6.2.3). Case and the slash at
// the end of a path are significant.
func (c *Checker) compareURI(htu, target string) string {
	at, path, err := splitURI(htu)
	if err != nil {
		return "htu: " + err.Error()
	}
	requested, err := pathOf(target)
	if err != nil {
		return "the target of the request: " + err.Error()
	}
	// The two parts are normalised one by one, so that no dot segments lead out of the prefix.
	isTarget := func(o origin) bool {
		rest, ok := strings.CutPrefix(path, o.prefix)
		return ok && o.authority == at && rest == requested
	}
	switch {
	case slices.ContainsFunc(c.origins, isTarget):
		return ""
	case !slices.ContainsFunc(c.origins, func(o origin) bool { return o.authority == at }):
		return "htu is at none of Config.Origins"
	}
	return "htu has another path than the request"
}

// An authority is the part of a URI before its path, in normal form.
type authority struct {
	scheme string
	host   string // with the port, if it is not the default of the scheme
}

// splitURI returns the two parts of a URI in normal form, without query and fragment.
func splitURI(uri string) (at authority, path string, err error) {
	scheme, rest, _ := strings.Cut(uri, "://")
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if at, err = parseAuthority(scheme, rest[:end]); err != nil {
		return authority{}, "", err
	}
	path = rest[end:]
	if cut := strings.IndexAny(path, "?#"); cut >= 0 {
		path = path[:cut]
	}
	if path == "" {
		path = "/" // RFC 3986 section 6.2.3
	}
	path, err = normalPath(path)
	return at, path, err
}

func parseAuthority(scheme, host string) (authority, error) {
	at := authority{scheme: lower(scheme), host: lower(host)}
	if at.scheme != "https" && at.scheme != "http" {
		return authority{}, errScheme
	}
	name, port := at.cutPort()
	switch {
	case strings.Contains(host, "@"):
		return authority{}, errUserinfo
	case !isHost(name):
		return authority{}, errHost
	case strings.Trim(port, "0123456789") != "":
		return authority{}, errPort
	case port == "", port == "443" && at.scheme == "https", port == "80" && at.scheme == "http":
		at.host = name // RFC 3986 section 6.2.3
	}
	return at, nil
}

// cutPort returns the host and its port. The colons of an IPv6 address are inside brackets.
func (a authority) cutPort() (name, port string) {
	if colon := strings.LastIndexByte(a.host, ':'); colon > strings.LastIndexByte(a.host, ']') {
		return a.host[:colon], a.host[colon+1:]
	}
	return a.host, ""
}

// isHost reports whether name is the host of a URI. It also refuses percent-encoding, which no
// name that is in use needs.
func isHost(name string) bool {
	if inside, ok := strings.CutPrefix(name, "["); ok {
		address, closed := strings.CutSuffix(inside, "]")
		ip, err := netip.ParseAddr(address)
		return closed && err == nil && ip.Is6() && ip.Zone() == ""
	}
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-._~") == ""
}

// lower folds ASCII only: Unicode folds other letters onto those of ASCII.
func lower(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return 'A' <= r && r <= 'Z' }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// pathOf returns the path of a request's target in normal form. The host of an absolute-form
// (RFC 9112 section 3.2.2) is the sender's word, and ignored.
func pathOf(target string) (string, error) {
	path := target
	if !strings.HasPrefix(target, "/") {
		_, rest, absolute := strings.Cut(target, "://")
		if !absolute {
			return "", errNoPath // the targets of CONNECT and OPTIONS *
		}
		path = "/"
		if start := strings.IndexAny(rest, "/?"); start >= 0 && rest[start] == '/' {
			path = rest[start:]
		}
	}
	path, _, _ = strings.Cut(path, "?")
	switch {
	case len(path) > maxTargetBytes:
		return "", errLongPath
	case strings.Contains(path, "#"):
		// A target has no fragment. Routers take # for a part of the path, so it must not be cut.
		return "", errPath
	}
	return normalPath(path)
}
