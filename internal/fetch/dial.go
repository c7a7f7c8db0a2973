package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
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
// Only an *http.Transport can be held to this rule in full: see watched for any other RoundTripper.
func transports(given http.RoundTripper, c Config) (trusted, named http.RoundTripper, closeIdle func()) {
	build, proxy := func() *http.Transport { return ownTransport(c) }, http.ProxyFromEnvironment
	switch t := given.(type) {
	case nil:
	case *http.Transport:
		build, proxy = t.Clone().Clone, t.Proxy // of a copy: the caller can change t
	default:
		return given, watched{given}, func() {}
	}
	bounded := func() *http.Transport {
		t := build()
		if t.MaxResponseHeaderBytes == 0 {
			t.MaxResponseHeaderBytes = maxHeaderBytes
		}
		if t.TLSHandshakeTimeout == 0 {
			t.TLSHandshakeTimeout = c.Timeout
		}
		if c.IdleConnections > 0 && t.IdleConnTimeout == 0 {
			t.IdleConnTimeout = idleTimeout // no code closes them
		}
		return t
	}
	unguarded := &lazyTransport{build: bounded}
	guarded := newPublicOnly(bounded, proxy, given == nil, c.Timeout)
	return unguarded, guarded, func() {
		unguarded.closeIdleConnections()
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
		own.MaxIdleConnsPerHost = c.IdleConnections
	}
	return own
}

// A lazyTransport makes its transport for its first request. Most clients use one of their three,
// and each takes more than 1 kB, which counts in a program with thousands of issuers.
type lazyTransport struct {
	build func() *http.Transport
	once  sync.Once
	built atomic.Pointer[http.Transport] // nil before the first request
}

func (l *lazyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return l.transport().RoundTrip(r)
}

func (l *lazyTransport) transport() *http.Transport {
	l.once.Do(func() { l.built.Store(l.build()) })
	return l.built.Load()
}

func (l *lazyTransport) closeIdleConnections() {
	if t := l.built.Load(); t != nil {
		t.CloseIdleConnections()
	}
}

// A publicOnly sends a request through the proxy if one is configured for it, and otherwise
// dials public addresses only. It never checks the proxy's own address, which was
// configured by hand. The proxy decides where it connects to.
type publicOnly struct {
	proxy   func(*http.Request) (*url.URL, error)
	proxied lazyTransport
	direct  lazyTransport
}

// newPublicOnly makes both transports with build. own says that they have no dialer of the
// caller's.
func newPublicOnly(
	build func() *http.Transport, proxy func(*http.Request) (*url.URL, error), own bool, timeout time.Duration,
) *publicOnly {
	p := &publicOnly{proxy: proxy}
	p.proxied.build = func() *http.Transport {
		t := build()
		t.Proxy = p.proxyOnly
		return t
	}
	p.direct.build = func() *http.Transport { return dialPublic(build(), own, timeout) }
	return p
}

// dialPublic makes a transport dial public addresses only. If it has a dialer of the caller's,
// that dialer connects, and the connection is closed before anything is written to it. Otherwise
// a private address is refused before a packet is sent.
func dialPublic(t *http.Transport, own bool, timeout time.Duration) *http.Transport {
	t.Proxy = nil
	if own || t.DialContext == nil {
		dialer := &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, Control: refusePrivate}
		t.DialContext = dialer.DialContext
	} else {
		t.DialContext = dropPrivate(t.DialContext)
	}
	if t.DialTLSContext != nil {
		t.DialTLSContext = dropPrivate(t.DialTLSContext)
	}
	//lint:ignore SA1019 a caller's transport that still sets it must not get around the check
	t.DialTLS = nil
	return t
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
	p.proxied.closeIdleConnections()
	p.direct.closeIdleConnections()
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
		if !hasPublicPeer(conn) {
			_ = conn.Close()
			return nil, ErrNotPublic
		}
		return conn, nil
	}
}

func hasPublicPeer(conn net.Conn) bool {
	peer := conn.RemoteAddr()
	return peer != nil && refusePrivate(peer.Network(), peer.String(), nil) == nil
}
