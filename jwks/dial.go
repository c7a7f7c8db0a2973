package jwks

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	maxHeaderBytes   = 64 << 10
	handshakeTimeout = fetchTimeout
)

// errNotPublic is a host that an issuer named and nobody configured, at an address that
// is not on the public Internet.
var errNotPublic = errors.New("address is not public: if the host is right, name it in jwks.Config.PrivateHosts")

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// transports returns one RoundTripper for hosts that are trusted and one for hosts that
// an issuer named, which dials public addresses only. release closes the connections
// that either left idle, with their goroutines.
//
// Only a *http.Transport can be held to this; another RoundTripper serves as both.
func transports(given http.RoundTripper) (trusted, named http.RoundTripper, release func()) {
	var base *http.Transport
	switch t := given.(type) {
	case nil:
		base = ownTransport()
	case *http.Transport:
		base = t.Clone()
	default:
		return given, given, func() {}
	}
	if base.MaxResponseHeaderBytes == 0 {
		base.MaxResponseHeaderBytes = maxHeaderBytes
	}
	if base.TLSHandshakeTimeout == 0 {
		base.TLSHandshakeTimeout = handshakeTimeout
	}
	guarded := newPublicOnly(base, given == nil)
	return base, guarded, func() {
		base.CloseIdleConnections()
		guarded.closeIdleConnections()
	}
}

// ownTransport is not a copy of http.DefaultTransport: that one is the whole program's,
// and what somebody has set there for another purpose, such as InsecureSkipVerify, must
// not decide whose keys are believed.
func ownTransport() *http.Transport {
	return &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

// publicOnly sends a request through the proxy, if one is configured for it, and
// otherwise dials public addresses only. A proxy's own address is never checked: it was
// configured by hand, and where the proxy connects to is the proxy's policy.
type publicOnly struct {
	proxy   func(*http.Request) (*url.URL, error)
	proxied *http.Transport
	direct  *http.Transport
}

// newPublicOnly makes both from base. The address is refused before a packet is sent
// where base has no dialer of its caller's; otherwise the caller's dials, and the
// connection is dropped before anything is written to it.
func newPublicOnly(base *http.Transport, own bool) *publicOnly {
	p := &publicOnly{proxy: base.Proxy, proxied: base.Clone(), direct: base.Clone()}
	p.proxied.Proxy = p.proxyOnly
	p.direct.Proxy = nil
	if own || base.DialContext == nil {
		dialer := &net.Dialer{Timeout: fetchTimeout, KeepAlive: 30 * time.Second, Control: refusePrivate}
		p.direct.DialContext = dialer.DialContext
	} else {
		p.direct.DialContext = dropPrivate(base.DialContext)
	}
	if base.DialTLSContext != nil {
		p.direct.DialTLSContext = dropPrivate(base.DialTLSContext)
	}
	//lint:ignore SA1019 a caller's transport that still sets it must not get around the check
	p.direct.DialTLS = nil
	return p
}

func (p *publicOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.proxy == nil {
		return p.direct.RoundTrip(r)
	}
	proxy, err := p.proxy(r)
	switch {
	case err != nil:
		return nil, err
	case proxy != nil:
		return p.proxied.RoundTrip(r)
	}
	return p.direct.RoundTrip(r)
}

// proxyOnly fails where the second answer of a proxy function differs from the first:
// the proxied transport must not dial the host itself.
func (p *publicOnly) proxyOnly(r *http.Request) (*url.URL, error) {
	proxy, err := p.proxy(r)
	if err == nil && proxy == nil {
		err = errors.New("jwks: the proxy function changed its mind")
	}
	return proxy, err
}

func (p *publicOnly) closeIdleConnections() {
	p.proxied.CloseIdleConnections()
	p.direct.CloseIdleConnections()
}

// refusePrivate is a net.Dialer's Control: it sees the address after the name has been
// resolved, so that a name that changes its address cannot get around it.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	peer, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(peer.Addr()) {
		return errNotPublic
	}
	return nil
}

// dropPrivate checks a connection of a dialer that has no Control.
func dropPrivate(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		peer := conn.RemoteAddr()
		if peer == nil || refusePrivate(network, peer.String(), nil) != nil {
			_ = conn.Close()
			return nil, errNotPublic
		}
		return conn, nil
	}
}

// notPublic4 are the networks of the IANA IPv4 Special-Purpose Address Registry (RFC
// 6890) that are not globally reachable, and multicast.
var notPublic4 = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // Azure's virtual host services: public by number only
)

// Of IPv6 only global unicast is public, less what carries an IPv4 address inside
// (Teredo, 6to4) or is for documentation. Unique-local, link-local, multicast and loopback
// are outside 2000::/3 already.
var (
	public6    = netip.MustParsePrefix("2000::/3")
	notPublic6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// nat64 is how an IPv6-only network reaches IPv4 (RFC 6052 section 2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// isPublic reports whether addr is a public unicast address. One with a zone is in no
// prefix, and so is not; one of NAT64 is what the IPv4 address in its last bytes is.
func isPublic(addr netip.Addr) bool {
	addr = addr.Unmap()
	if nat64.Contains(addr) {
		bytes := addr.As16()
		addr = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	contains := func(p netip.Prefix) bool { return p.Contains(addr) }
	if addr.Is4() {
		return !slices.ContainsFunc(notPublic4, contains)
	}
	return public6.Contains(addr) && !slices.ContainsFunc(notPublic6, contains)
}

// isLoopback reports whether host names this machine's loopback.
func isLoopback(host string) bool {
	if sameHost(host, "localhost") {
		return true
	}
	addr, err := parseIP(host)
	return err == nil && addr.IsLoopback()
}

// parseIP reads an IP address, in brackets or not. An IPv4-mapped one is IPv4.
func parseIP(host string) (netip.Addr, error) {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap(), err
}
