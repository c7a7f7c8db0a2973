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

// log records a request that was not let through, in fixed texts and codes only:
// nothing of the request, and no error's text, whose author may have put a token there.
//
// A refusal is logged at debug level, because any stranger can cause any number of
// them. A request that could not be decided is a warning, but at most one in ten
// seconds, since an outage meets every request.
func (m *Middleware) log(ctx context.Context, e *Error) {
	logger := m.logger
	if logger == nil {
		logger = slog.Default()
	}
	if e.Status != http.StatusServiceUnavailable || errors.Is(ctx.Err(), context.Canceled) {
		if logger.Enabled(ctx, slog.LevelDebug) { // the arguments alone would cost an allocation
			logger.LogAttrs(ctx, slog.LevelDebug, "middleware: request refused", slog.Int("status", e.Status),
				slog.String("error", e.Code), slog.String("reason", string(e.Reason)))
		}
		return
	}
	if unlogged, ok := m.warnings.take(time.Now()); ok {
		logger.LogAttrs(ctx, slog.LevelWarn, "middleware: request could not be decided",
			slog.String("reason", string(e.Reason)), slog.Int64("unlogged", unlogged))
	}
}

// A warnLimit lets one warning pass in each interval. It is safe for concurrent use.
type warnLimit struct {
	next     atomic.Int64 // Unix nanoseconds; 0 before the first
	unlogged atomic.Int64 // since the last one that passed
}

// take reports whether a warning may pass, and how many before it did not. A clock that
// was set back does not silence it.
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
