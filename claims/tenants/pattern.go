package tenants

import (
	"errors"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/internal/fetch"
)

// maxIssuerBytes is the length of the longest iss that is looked up.
const maxIssuerBytes = 512

// anything matches a label of a host, a whole host, or a segment of a path.
const anything = "*"

// A pattern is one of Config.Patterns in parts.
type pattern struct {
	scheme, host string
	segments     []string // of the path, which begins with a slash; nil without a path
}

// parsePattern reads a pattern. plain are the hosts that may be asked over http.
func parsePattern(text string, plain []string) (pattern, error) {
	scheme, rest, found := strings.Cut(text, "://")
	p := pattern{scheme: scheme}
	host, path, hasPath := strings.Cut(rest, "/")
	p.host = host
	if hasPath {
		p.segments = strings.Split(path, "/")
	}
	suffix, isWild := strings.CutPrefix(host, "*.")
	name, port, hasPort := strings.Cut(host, ":")
	switch {
	case !found || scheme != "https" && scheme != "http":
		return p, errors.New("it must begin with https://")
	case strings.ContainsAny(text, "?#@") || strings.ContainsFunc(text, isNotVisible):
		return p, errors.New("it may have neither a query, a fragment, a user name nor white space")
	case scheme == "http" && !slices.Contains(plain, name):
		return p, errors.New("https is required; to allow http, name the host in Config.Keys.InsecureHTTPHosts")
	case hasPort && (len(port) > 5 || port == "" || strings.Trim(port, "0123456789") != ""):
		return p, errors.New("the port must be a number")
	case host == anything:
	case hasPort && strings.Contains(name, anything):
		return p, errors.New("a host with a star has no port")
	case isWild && (!strings.Contains(suffix, ".") || strings.Contains(suffix, anything) || !fetch.IsHostname(suffix)):
		return p, errors.New("a host such as *.example.com needs two labels after the star")
	case !isWild && !fetch.IsHostname(name) || host != strings.ToLower(host):
		return p, errors.New("the host must be a name in lower case, *.example.com or *")
	}
	for _, segment := range p.segments {
		if segment != anything && strings.Contains(segment, anything) {
			return p, errors.New("a star must be a whole segment of the path")
		}
	}
	return p, nil
}

func isNotVisible(r rune) bool { return r <= ' ' || r > '~' }

// matches reports whether the pattern has this iss. It compares byte by byte; a star is never
// empty, and has only letters, digits and a few marks, so that one iss has one reading.
func (p *pattern) matches(iss string) bool {
	rest, ok := strings.CutPrefix(iss, p.scheme+"://")
	host, path, hasPath := strings.Cut(rest, "/")
	if !ok || len(iss) > maxIssuerBytes || hasPath != (p.segments != nil) || !p.matchesHost(host) {
		return false
	}
	if !hasPath {
		return true
	}
	segments := strings.Split(path, "/")
	return slices.EqualFunc(p.segments, segments, func(want, got string) bool {
		return want == got || want == anything && isSegment(got)
	})
}

func (p *pattern) matchesHost(host string) bool {
	suffix, isWild := strings.CutPrefix(p.host, anything)
	switch {
	case !isWild:
		return host == p.host
	case suffix == "":
		return isPublicName(host)
	}
	label, ok := strings.CutSuffix(host, suffix)
	return ok && isLabel(label)
}

// isPublicName reports whether a host is a name of two labels and more, and no IP address.
func isPublicName(host string) bool {
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	return len(labels) > 1 && !slices.ContainsFunc(labels, func(l string) bool { return !isLabel(l) }) &&
		last[0] >= 'a' // no top-level domain begins with a digit, but spellings of IP addresses do
}

func isLabel(s string) bool {
	return s != "" && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		s[0] != '-' && s[len(s)-1] != '-'
}

func isSegment(s string) bool {
	const marks = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~"
	return s != "" && s != "." && s != ".." && strings.Trim(s, marks+".") == "" && !strings.Contains(s, "..")
}
