package fetch

import (
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// A watched is a RoundTripper of any type, for hosts that an issuer named. It cannot be given a
// dialer, but most of those that connect at all have an *http.Transport below, which reports each
// connection to the context of the request before it writes the request. A connection to a
// private address is closed then. A RoundTripper that reports none, such as one in memory, is not
// held to any rule.
//
// The address of a proxy, or of another host that the RoundTripper itself has chosen, was
// configured by hand. It is not checked, as in publicOnly.
type watched struct{ next http.RoundTripper }

func (w watched) RoundTrip(r *http.Request) (*http.Response, error) {
	var elsewhere, refused atomic.Bool
	host := r.URL.Hostname()
	ctx := httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GetConn: func(address string) {
			dialled, _, err := net.SplitHostPort(address)
			elsewhere.Store(err == nil && !sameHost(dialled, host))
		},
		GotConn: func(got httptrace.GotConnInfo) {
			if !elsewhere.Load() && !hasPublicPeer(got.Conn) {
				refused.Store(true)
				_ = got.Conn.Close()
			}
		},
	})
	res, err := w.next.RoundTrip(r.WithContext(ctx))
	if !refused.Load() {
		return res, err
	}
	if err == nil {
		_ = res.Body.Close()
	}
	return nil, ErrNotPublic
}
