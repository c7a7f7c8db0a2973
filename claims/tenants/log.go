package tenants

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/bearerguard/bearerguard/internal/redact"
)

// logInterval is how often a line of one kind is logged at most: strangers cause look-ups.
const logInterval = 10 * time.Second

// warn logs that the settings of a tenant are not valid. issuer is the URL in these settings: an
// iss that differs from it is a stranger's text.
func (r *Resolver) warn(issuer string, err error) {
	if r.isDue(&r.warned) {
		r.log(slog.LevelWarn, "tenants: the settings of a tenant are not valid", "issuer", redact.URL(issuer), "error", fmt.Sprint(err))
	}
}

// maxStack is the length of the longest stack that is logged.
const maxStack = 4 << 10

// logPanic logs where Lookup panicked, because Lookup cannot log it itself. What it panicked with
// is not logged, unless the runtime has made it: it may have a secret or a stranger's text.
func (r *Resolver) logPanic(value any) {
	if !r.isDue(&r.panicked) {
		return
	}
	text := fmt.Sprintf("a %T", value)
	if err, ok := value.(runtime.Error); ok {
		text = err.Error()
	}
	stack := debug.Stack()
	r.log(slog.LevelError, "tenants: a panic of Lookup was recovered", "panic", text, "stack", string(stack[:min(len(stack), maxStack)]))
}

// isDue reports whether the latest line of a kind was logged long enough ago.
func (r *Resolver) isDue(latest *time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	due := latest.IsZero() || now.Sub(*latest) >= logInterval
	if due {
		*latest = now
	}
	return due
}

// log recovers the panic of a handler, which would end the process on the goroutine of a look-up.
func (r *Resolver) log(level slog.Level, message string, args ...any) {
	defer func() { _ = recover() }()
	logger := r.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.Log(context.Background(), level, message, args...)
}
