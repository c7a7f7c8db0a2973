package introspection

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// logEvery is the time between two lines about the same kind of failure.
const logEvery = time.Minute

// An eventLog tells the operator about the endpoint. It logs no line per request, and nothing of
// an answer's body.
type eventLog struct {
	logger   *slog.Logger
	endpoint string

	mu      sync.Mutex   // guards the fields below
	logged  [3]time.Time // the latest failure of each kind; zero for none
	failing bool         // a failure was logged, and no answer since
}

// kindOf returns the number of a kind of failure, and its line. A failure that one token can cause
// must not hide a failure of the endpoint, nor look like one.
func kindOf(err error, lane int) (kind int, level slog.Level, message string) {
	switch {
	case isCredentialError(err):
		return 0, slog.LevelError, "this API has no credential that the endpoint accepts: tokens that are not remembered get a 503"
	case isOutage(err, lane):
		return 1, slog.LevelWarn, "the endpoint gives no answer: tokens that are not remembered get a 503"
	}
	return 2, slog.LevelWarn, "the endpoint gives no answer about a token that can be used: the token gets a 503"
}

func (l *eventLog) failed(ctx context.Context, err error, lane int) {
	kind, level, message := kindOf(err, lane)
	l.mu.Lock()
	now := time.Now()
	due := l.logged[kind].IsZero() || now.Sub(l.logged[kind]) >= logEvery
	if due {
		l.logged[kind], l.failing = now, true
	}
	l.mu.Unlock()
	if due {
		l.log(ctx, level, message, slog.Any("error", err))
	}
}

func (l *eventLog) answered(ctx context.Context) {
	l.mu.Lock()
	due := l.failing
	l.failing = false
	l.mu.Unlock()
	if due {
		l.log(ctx, slog.LevelInfo, "the endpoint answers")
	}
}

// log recovers the panic of a handler, which would end the process on the goroutine of a request.
func (l *eventLog) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	logger := l.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(ctx, level, "introspection: "+message, append(attrs, slog.String("endpoint", l.endpoint))...)
}
