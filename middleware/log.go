package middleware

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// warnInterval is the time between two warnings of a Middleware.
const warnInterval = 10 * time.Second

// log records that a request was not let through. It logs fixed texts, codes and the
// configured issuer, and nothing of the request. The text of an error that is not of this
// module could hold a token, so it is not logged either.
//
// A refusal is logged at debug level, because any stranger can cause any number of them. An
// outage is a warning, but at most one in ten seconds, because it affects every request.
//
// with carries the claims of the verified token; it is nil if there is none.
func (m *Middleware) log(ctx, with context.Context, e *Error) {
	logger, issuer := m.slog(), m.issuerOf(claimsIn(with), e)
	m.suspect(ctx, e, issuer)
	if e.Status != http.StatusServiceUnavailable || errors.Is(ctx.Err(), context.Canceled) {
		if logger.Enabled(ctx, slog.LevelDebug) { // saves the allocation of the arguments
			attrs := []slog.Attr{
				slog.Int("status", e.Status), slog.String("error", e.Code), slog.String("reason", string(e.Reason)),
			}
			logger.LogAttrs(ctx, slog.LevelDebug, "middleware: request refused", about(attrs, issuer, m.detailOf(e))...)
		}
		return
	}
	if unlogged, ok := m.warnings.take(time.Now()); ok {
		attrs := []slog.Attr{slog.String("reason", string(e.Reason)), slog.Int64("unlogged", unlogged)}
		logger.LogAttrs(ctx, slog.LevelWarn, "middleware: request could not be decided", about(attrs, issuer, m.detailOf(e))...)
	}
}

// about appends the issuer and the detail, where they are known.
func about(attrs []slog.Attr, issuer, detail string) []slog.Attr {
	if issuer != "" {
		attrs = append(attrs, slog.String("issuer", issuer))
	}
	if detail != "" {
		attrs = append(attrs, slog.String("detail", detail))
	}
	return attrs
}

// slog returns Config.Logger or its default.
func (m *Middleware) slog() *slog.Logger {
	if m.logger == nil {
		return slog.Default()
	}
	return m.logger
}

// A warnLimit allows one warning in each interval. It is safe for concurrent use.
type warnLimit struct {
	next     atomic.Int64 // Unix nanoseconds; 0 before the first
	unlogged atomic.Int64 // warnings that were not allowed since the last one
}

// take reports whether a warning may be logged, and how many were not since the last one.
// A clock that is set back does not suppress warnings.
func (l *warnLimit) take(now time.Time) (int64, bool) {
	next := l.next.Load()
	wait := time.Duration(next - now.UnixNano())
	early := wait > 0 && wait <= warnInterval
	if early || !l.next.CompareAndSwap(next, now.Add(warnInterval).UnixNano()) {
		l.unlogged.Add(1)
		return 0, false
	}
	return l.unlogged.Swap(0), true
}
