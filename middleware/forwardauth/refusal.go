package forwardauth

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// Why a Handler refuses a request itself. The texts are sent, and have no byte of the request.
const (
	errUntrusted = "The request does not come from a trusted proxy"
	errUnset     = "The gateway has not written the method and the target of the request, each exactly once"
	errMalformed = "The method or the target of the request is not in normal form"
	errUnlisted  = "The API has no such method and path"
	errUpgrading = "The request asks for another protocol than websocket"
)

// warnInterval is the time between two warnings of a kind. Any client can cause any number.
const warnInterval = 10 * time.Second

// A refusal is an answer that does not depend on a token. It has no challenge: another token
// would not help.
type refusal struct {
	status int
	detail string
	body   []byte
	length string
	level  slog.Level

	count atomic.Uint64 // of requests
	next  atomic.Int64  // Unix nanoseconds of the next warning; 0 before the first
}

func newRefusal(status int, detail string, level slog.Level) *refusal {
	body, _ := json.Marshal(struct { // strings and a number: it cannot fail
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(status), status, detail})
	return &refusal{status: status, detail: detail, body: body, length: strconv.Itoa(len(body)), level: level}
}

// refuse answers with a problem document (RFC 9457), which HEAD does not get.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, why *refusal) {
	why.count.Add(1)
	h.log(r, why)
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", why.length)
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(why.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(why.body) // fails if the gateway is gone: there is nothing left to do
	}
}

// log logs the fixed text and the address of the connection. That is the word of the kernel, and
// what an operator must add to TrustedProxies.
func (h *Handler) log(r *http.Request, why *refusal) {
	logger := h.logger
	if logger == nil {
		logger = slog.Default()
	}
	if !logger.Enabled(r.Context(), why.level) {
		return
	}
	address, _ := addressOf(r.RemoteAddr)
	attrs := []slog.Attr{
		slog.Int("status", why.status), slog.String("detail", why.detail), slog.String("peer", address.String()),
	}
	if why.level >= slog.LevelWarn {
		if !why.due(time.Now()) {
			return
		}
		attrs = append(attrs, slog.Uint64("requests", why.count.Load())) // so far
	}
	logger.LogAttrs(r.Context(), why.level, "forwardauth: request refused", attrs...)
}

// due reports whether another warning may be logged. A clock that is set back does not suppress
// warnings.
func (f *refusal) due(now time.Time) bool {
	next := f.next.Load()
	wait := time.Duration(next - now.UnixNano())
	early := wait > 0 && wait <= warnInterval
	return !early && f.next.CompareAndSwap(next, now.Add(warnInterval).UnixNano())
}
