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

	mu      sync.Mutex       // guards the fields below
	logged  [kinds]time.Time // the latest failure of each kind; zero for none
	failing bool             // a failure was logged, and no answer since
}

// The kinds of failures. One that a single token can cause must not hide a failure of the
// endpoint, nor look like one.
const (
	kindCredentials = iota
	kindOutage
	kindUnusable
	kinds
)

func kindOf(err error, lane int) int {
	switch {
	case isCredentialError(err):
		return kindCredentials
	case isOutage(err, lane):
		return kindOutage
	}
	return kindUnusable
}

// failureLines are what is logged about each kind.
var failureLines = [kinds]struct {
	level   slog.Level
	message string
}{
	kindCredentials: {slog.LevelError, "this API has no credential that the endpoint accepts: tokens that are not remembered get a 503"},
	kindOutage:      {slog.LevelWarn, "the endpoint gives no answer: tokens that are not remembered get a 503"},
	kindUnusable:    {slog.LevelWarn, "the endpoint gives no answer about a token that can be used: the token gets a 503"},
}

func (l *eventLog) failed(ctx context.Context, err error, lane int) {
	kind := kindOf(err, lane)
	l.mu.Lock()
	now := time.Now()
	due := l.logged[kind].IsZero() || now.Sub(l.logged[kind]) >= logEvery
	if due {
		l.logged[kind], l.failing = now, true
	}
	l.mu.Unlock()
	if due {
		l.log(ctx, failureLines[kind].level, failureLines[kind].message, slog.Any("error", err))
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
