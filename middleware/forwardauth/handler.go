package forwardauth

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/bearerguard/bearerguard/claims"
)

// A Handler answers gateways: 200 if the Guard of the client's request lets it through, or else
// the refusal. [New] makes it. It is safe for concurrent use, and has nothing to close.
type Handler struct {
	format  Format
	prefix  string
	proxies []netip.Prefix
	fields  []field
	table   table
	logger  *slog.Logger // nil: slog.Default

	untrusted, unset, malformed, unlisted, upgrading *refusal
}

// A Status counts the requests that a [Handler] has refused itself: ShowGateway of package metrics
// publishes it. What a Guard decides is observed by its Middleware.
type Status struct {
	_ [0]func() // written with field names

	// Untrusted came from an address that is no trusted proxy. If it grows, a stranger reaches
	// the Handler, or TrustedProxies lacks a gateway.
	Untrusted uint64

	// Unset lacked a field of the Format, had it twice, or lacked the Prefix. If it grows, the
	// gateway is not configured as the Format demands.
	Unset uint64

	// Malformed had a method or a target that backends could read differently, or asked for
	// another protocol than websocket.
	Malformed uint64

	// Unlisted were for no Route.
	Unlisted uint64
}

// Status returns how many requests were refused so far.
func (h *Handler) Status() Status {
	return Status{
		Untrusted: h.untrusted.count.Load(), Unset: h.unset.count.Load(),
		Malformed: h.malformed.count.Load() + h.upgrading.count.Load(), Unlisted: h.unlisted.count.Load(),
	}
}

// ServeHTTP answers a gateway. It reads no body.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if found, original, refused := h.route(r); refused != nil {
		h.refuse(w, r, refused)
	} else {
		found.ServeHTTP(w, original)
	}
}

// route returns the handler that decides about the client's request, and that request; or why
// there is none.
func (h *Handler) route(r *http.Request) (*guarded, *http.Request, *refusal) {
	if !h.trusts(r.RemoteAddr) {
		return nil, nil, h.untrusted
	}
	method, target, ok := h.requested(r)
	if !ok {
		return nil, nil, h.unset
	}
	path, ok := pathOf(target)
	if !ok || !isMethod(method) {
		return nil, nil, h.malformed
	}
	if !isUpgradeKnown(r.Header["Upgrade"]) {
		return nil, nil, h.upgrading
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, nil, h.malformed
	}
	original := originalOf(r, method, target, u)
	if found := h.table.find(original, path); found != nil {
		return found, original, nil
	}
	return nil, nil, h.unlisted
}

// requested returns the method and the target of the client's request, and whether the gateway
// has written each exactly once. With a second field, the client could have written one of them.
func (h *Handler) requested(r *http.Request) (method, target string, ok bool) {
	var methods, targets []string
	switch h.format {
	case Nginx:
		methods, targets = r.Header["X-Original-Method"], r.Header["X-Original-Uri"]
	case XForwarded:
		methods, targets = r.Header["X-Forwarded-Method"], r.Header["X-Forwarded-Uri"]
	case Envoy:
		target, ok = strings.CutPrefix(r.RequestURI, h.prefix)
		return r.Method, target, ok
	}
	if len(methods) != 1 || len(targets) != 1 {
		return "", "", false
	}
	return methods[0], targets[0], true
}

// isUpgradeKnown reports whether a request keeps its protocol, or asks for websocket only. A backend
// that takes h2c gives the client a connection on which it can send requests without a check.
func isUpgradeKnown(upgrade []string) bool {
	return len(upgrade) == 0 || len(upgrade) == 1 && strings.EqualFold(upgrade[0], "websocket")
}

// originalOf returns the client's request, as far as the gateway's request r tells of it. The TLS
// connection of r is that of the gateway, so its certificate is not the client's.
func originalOf(r *http.Request, method, target string, u *url.URL) *http.Request {
	original := r.WithContext(r.Context()) // a copy
	original.Method, original.RequestURI, original.URL = method, target, u
	original.TLS = nil
	return original
}

// trusts reports whether a connection from this address is one of a gateway.
func (h *Handler) trusts(remoteAddr string) bool {
	address, ok := addressOf(remoteAddr)
	return ok && slices.ContainsFunc(h.proxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// addressOf returns the address of a peer without its zone: a prefix has none, and would not
// match.
func addressOf(remoteAddr string) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(remoteAddr)
	return at.Addr().Unmap().WithZone(""), err == nil
}

// allow answers for a request that its Guard has let through. Each field is sent also without a
// value, so that a gateway that copies it replaces what the client sent.
func (h *Handler) allow(w http.ResponseWriter, r *http.Request) {
	c, _ := claims.FromContext(r.Context())
	header := w.Header()
	writeFields(header, h.fields, c)
	header.Set("Cache-Control", "no-store") // a gateway that keeps it would not ask again
	header.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}
