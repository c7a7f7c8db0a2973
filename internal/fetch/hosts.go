package fetch

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const maxURLBytes = 2048

// Hosts are the rules about host names: which host is trusted, and which can be asked over
// http. The zero value trusts no host.
type Hosts struct {
	configured string   // host of the address that was configured by hand
	port       string   // and its port
	http       bool     // that address is itself http
	insecure   []string // hosts that can be asked over http
	private    []string // hosts that are trusted besides the configured one
	publicOnly bool     // see PublicOnly
}

// NewHosts returns the rules for a configured address. insecure names hosts that can be
// asked over http; private names hosts that are dialled wherever they are.
func NewHosts(address string, insecure, private []string) Hosts {
	h := Hosts{insecure: slices.Clone(insecure), private: slices.Clone(private)}
	if u, err := url.Parse(address); err == nil {
		h.configured, h.port, h.http = u.Hostname(), portOf(u), u.Scheme == "http"
	}
	return h
}

// PublicOnly returns rules for an address that was not configured by hand. Its host has no
// privilege, and neither has loopback. Only hosts that were named are trusted, or asked over http.
func (h Hosts) PublicOnly() Hosts {
	h.publicOnly = true
	return h
}

// portOf returns the port of a URL, also if it is the default.
func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "http":
		return "80"
	}
	return "443"
}

// MayUseHTTP reports whether a host can be asked over http: loopback, or a host that was
// named for it.
func (h Hosts) MayUseHTTP(host string) bool {
	return isLoopback(host) && !h.publicOnly || containsHost(h.insecure, host)
}

// trusts reports whether a host is dialled wherever it is. All names of this machine's
// loopback are one host.
func (h Hosts) trusts(host string) bool {
	if h.publicOnly {
		return containsHost(h.private, host)
	}
	return sameHost(host, h.configured) || containsHost(h.private, host) ||
		isLoopback(host) && isLoopback(h.configured)
}

// CheckNamed returns an error if a URL that was not configured by hand must not be asked. The
// dialer checks the addresses of its host later, once the name is resolved.
func (h Hosts) CheckNamed(raw string) error {
	if len(raw) > maxURLBytes {
		return fmt.Errorf("longer than %d bytes", maxURLBytes)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || !IsHostname(u.Hostname()):
		return errors.New("not a URL with a host")
	case u.User != nil || strings.Contains(raw, "#"):
		return errors.New("a user name or fragment is not allowed")
	case u.Scheme == "http" && !h.http:
		return fmt.Errorf("http on host %q is not allowed, because the issuer is on https", u.Hostname())
	case u.Scheme == "http" && !h.MayUseHTTP(u.Hostname()):
		return fmt.Errorf("http on host %q is not allowed: to allow it, name the host in Config.InsecureHTTPHosts", u.Hostname())
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("https is required")
	case !h.trusts(u.Hostname()) && isPrivateLiteral(u.Hostname()):
		return fmt.Errorf("host %q: %w", u.Hostname(), ErrNotPublic)
	}
	return nil
}

// isPrivateLiteral reports whether a host is known to be private without resolving it. A proxy or
// a RoundTripper may resolve names that the dialer here never sees: names of loopback (RFC 6761
// section 6.3), and other spellings of IPv4 addresses, such as 127.1 and 0x7f000001. No top-level
// domain begins with a digit.
func isPrivateLiteral(host string) bool {
	if addr, err := parseIP(host); err == nil {
		return !isPublic(addr)
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last == "localhost" || last != "" && '0' <= last[0] && last[0] <= '9'
}

func containsHost(list []string, host string) bool {
	return slices.ContainsFunc(list, func(entry string) bool { return sameHost(entry, host) })
}

func sameHost(a, b string) bool {
	addrA, errA := parseIP(a)
	addrB, errB := parseIP(b)
	if errA == nil && errB == nil {
		return addrA == addrB
	}
	return a != "" && strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// IsHostname reports whether text has only the characters of host names and IP addresses.
// Anything else must not get into a URL that is dialled, or into a log.
func IsHostname(text string) bool {
	if addr, err := parseIP(text); err == nil {
		return addr.Zone() == ""
	}
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
	return text != "" && len(text) <= 253 && strings.Trim(text, allowed) == ""
}

// isLoopback reports whether host names this machine's loopback.
func isLoopback(host string) bool {
	if sameHost(host, "localhost") {
		return true
	}
	addr, err := parseIP(host)
	return err == nil && addr.IsLoopback()
}

// parseIP reads an IP address, in brackets or not. An IPv4-mapped address counts as IPv4.
func parseIP(host string) (netip.Addr, error) {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap(), err
}
