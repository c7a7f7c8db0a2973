package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	maxHeaderBytes = 64 << 10
	idleTimeout    = 90 * time.Second
)

// ErrNotPublic says that a host which an issuer named has an address that is not on the
// public Internet.
var ErrNotPublic = errors.New("address is not public: if the host is right, name it in jwks.Config.PrivateHosts")

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// transports returns a RoundTripper for trusted hosts, and one for hosts that an issuer
// named, which dials public addresses only. closeIdle closes the idle connections of both.
//
// Only an *http.Transport can be held to this rule. Any other RoundTripper serves as both.
func transports(given http.RoundTripper, c Config) (trusted, named http.RoundTripper, closeIdle func()) {
	var base *http.Transport
	switch t := given.(type) {
	case nil:
		base = ownTransport(c)
	case *http.Transport:
		base = t.Clone()
	default:
		return given, given, func() {}
	}
	if base.MaxResponseHeaderBytes == 0 {
		base.MaxResponseHeaderBytes = maxHeaderBytes
	}
	if base.TLSHandshakeTimeout == 0 {
		base.TLSHandshakeTimeout = c.Timeout
	}
	guarded := newPublicOnly(base, given == nil, c.Timeout)
	return base, guarded, func() {
		base.CloseIdleConnections()
		guarded.closeIdleConnections()
	}
}

// ownTransport returns a transport that is not a copy of http.DefaultTransport. Another part
// of the program can have set InsecureSkipVerify there; that must not decide whose keys are
// believed.
func ownTransport(c Config) *http.Transport {
	own := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs},
	}
	if c.Certificate != nil {
		own.TLSClientConfig.Certificates = []tls.Certificate{*c.Certificate}
	}
	if c.IdleConnections > 0 {
		own.MaxIdleConnsPerHost, own.IdleConnTimeout = c.IdleConnections, idleTimeout
	}
	return own
}

// A publicOnly sends a request through the proxy if one is configured for it, and otherwise
// dials public addresses only. It never checks the proxy's own address, which was
// configured by hand. The proxy decides where it connects to.
type publicOnly struct {
	proxy   func(*http.Request) (*url.URL, error)
	proxied *http.Transport
	direct  *http.Transport
}

// newPublicOnly makes both transports from base. If base has a dialer of the caller's, that
// dialer connects, and the connection is closed before anything is written to it.
// Otherwise a private address is refused before a packet is sent.
func newPublicOnly(base *http.Transport, own bool, timeout time.Duration) *publicOnly {
	p := &publicOnly{proxy: base.Proxy, proxied: base.Clone(), direct: base.Clone()}
	p.proxied.Proxy = p.proxyOnly
	p.direct.Proxy = nil
	if own || base.DialContext == nil {
		dialer := &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, Control: refusePrivate}
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

// proxyOnly fails if the proxy function returns no proxy the second time: the proxied
// transport must not dial the host itself.
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

// refusePrivate is the Control of a net.Dialer. It sees the address after the name was
// resolved, so a name that changes its address cannot get around it.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	peer, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(peer.Addr()) {
		return ErrNotPublic
	}
	return nil
}

// dropPrivate checks the connections of a dialer that has no Control.
func dropPrivate(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		peer := conn.RemoteAddr()
		if peer == nil || refusePrivate(network, peer.String(), nil) != nil {
			_ = conn.Close()
			return nil, ErrNotPublic
		}
		return conn, nil
	}
}
