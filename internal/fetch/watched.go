package fetch

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// A watched is a RoundTripper of any type, for hosts that an issuer named. It cannot be given a
// dialer, but most of those that connect at all have an *http.Transport below, which reports each
// connection to the context of the request before it writes the request. A connection to a
// private address is closed then. A RoundTripper that reports none, such as one in memory, is not
// held to any rule.
//
// The address of a proxy, or of another host that the RoundTripper itself has chosen, was
// configured by hand. It is not checked, as in publicOnly. Only the address that is asked for first
// can be such a one: if it is that of the host, a redirect by the host is behind the others.
type watched struct{ next http.RoundTripper }

func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(r.Context()) // which has a timeout, so nothing is left behind
	watch := &watch{host: r.URL.Hostname(), cancel: cancel}
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: watch.asked,
		GotConn: func(got httptrace.GotConnInfo) { watch.connected(got.Conn) },
	})
	res, err := w.next.RoundTrip(r.WithContext(ctx))
	if !watch.hasRefused() {
		return res, err
	}
	if err == nil {
		_ = res.Body.Close()
	}
	return nil, ErrNotPublic
}

// A watch sees the connections of one request. A RoundTripper can make several at once.
type watch struct {
	host   string
	cancel context.CancelFunc

	mu        sync.Mutex // guards the fields below
	first     string     // the address that was asked for first
	elsewhere bool       // no other one was asked for, and it is not that of host
	refused   bool
}

// asked notes that the RoundTripper wants a connection to an address.
func (w *watch) asked(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.first != "" {
		w.elsewhere = w.elsewhere && address == w.first
		return
	}
	dialled, _, err := net.SplitHostPort(address)
	w.first, w.elsewhere = address, err == nil && !sameHost(dialled, w.host)
}

// connected closes a connection to a private address. Nothing else keeps the request from being
// written. If it is one of HTTP/2, other requests of the same RoundTripper to that host fail, too.
func (w *watch) connected(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.elsewhere || hasPublicPeer(conn) {
		return
	}
	w.refused = true
	w.cancel() // for what cannot be closed
	defer func() { _ = recover() }()
	_ = conn.Close() // panics if it is one of HTTP/3 in quic-go
}

func (w *watch) hasRefused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}
