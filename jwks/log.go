package jwks

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bearerguard/bearerguard/internal/fetch"
	"github.com/bearerguard/bearerguard/internal/keyset"
)

// An eventLog tells the operator what has changed. It is called on the goroutine of a fetch,
// never on that of a request.
type eventLog struct {
	logger    *slog.Logger // nil: slog.Default() at the time of the event
	source    slog.Attr
	transport slog.Attr // the type of Config.Client's RoundTripper
	now       func() time.Time
}

func newEventLog(c Config, now func() time.Time) eventLog {
	l := eventLog{logger: c.Logger, source: slog.String("issuer", c.Issuer), now: now}
	if c.Issuer == "" {
		l.source = slog.String("url", c.URL)
	}
	if c.Client != nil {
		l.transport = slog.String("transport", fmt.Sprintf("%T", c.Client.Transport))
	}
	return l
}

// log recovers the panic of a handler, which would end the process on the goroutine of a
// fetch.
func (l eventLog) log(level slog.Level, message string, attrs ...slog.Attr) {
	defer func() { _ = recover() }()
	logger := l.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), level, "jwks: "+message, append([]slog.Attr{l.source}, attrs...)...)
}

// fetched logs the end of a fetch.
func (l eventLog) fetched(before, after *snapshot, f *fetching, out outcome) {
	switch out.err {
	case errNoSlot:
		l.log(slog.LevelDebug, "no fetch yet: too many others are under way", slog.String("cause", string(f.kind)))
		return
	case errAbandoned:
		l.abandoned()
	}
	if out.warning != nil && before.warning == nil {
		l.log(slog.LevelWarn, "discovery could not be read again; the known key set address is used",
			slog.Any("error", out.warning))
	}
	if out.err != nil {
		l.failure(after, f, out.err)
		return
	}
	l.success(before, after, f)
}

func (l eventLog) failure(after *snapshot, f *fetching, err error) {
	now, o := l.now(), after.outage
	level := slog.LevelDebug
	if o.loud {
		level = o.condition.level()
	}
	attrs := []slog.Attr{
		slog.Any("error", err), slog.Duration("failed_for", o.length(now)), slog.Int("failures", after.failures),
		slog.String("cause", string(f.kind)),
	}
	l.log(level, string(o.condition), append(attrs, after.outlook(now)...)...)
}

// outlook says after a failure what comes next. That is when the next scheduled fetch can start,
// from which host the keys are expected, and until when the present set can be used. It leaves out
// what is not known.
func (s *snapshot) outlook(now time.Time) []slog.Attr {
	attrs := []slog.Attr{slog.Duration("retry_in", s.untilDue(now).Round(time.Millisecond))}
	if host := s.location.host(); host != "" {
		attrs = append(attrs, slog.String("key_set_host", host))
	}
	if until := s.usableUntil(now); !until.IsZero() {
		attrs = append(attrs, slog.Time("usable_until", until))
	}
	return attrs
}

// abandoned logs an Error each time, because a goroutine and a slot are lost. There are no
// more of these events than there are slots.
func (l eventLog) abandoned() {
	l.log(slog.LevelError, "a fetch was given up: the RoundTripper ignores its context, "+
		"and keeps a place in the FetchLimit until it returns", l.transport)
}

// panicked logs an Error each time: it is a defect of the program.
func (l eventLog) panicked(where string, value any) {
	l.log(slog.LevelError, "a panic was recovered in "+where,
		slog.String("panic", fetch.Printable(fmt.Sprint(value), 200)), l.transport)
}

func (l eventLog) success(before, after *snapshot, f *fetching) {
	var old *keyset.Set
	if before.good != nil {
		old = before.good.keys
	}
	keys := after.good.keys
	added, removed := keys.Beyond(old), old.Beyond(keys)
	recovered := before.outage.condition != conditionGood
	level := slog.LevelDebug
	if len(added)+len(removed) > 0 || recovered {
		level = slog.LevelInfo
	}
	attrs := []slog.Attr{
		slog.Int("keys", keys.Len()),
		slog.String("added", quoteKeyIDs(added)),
		slog.String("removed", quoteKeyIDs(removed)),
		slog.Bool("recovered", recovered),
	}
	if recovered {
		attrs = append(attrs, slog.Duration("failed_for", before.outage.length(l.now())))
	}
	l.log(level, "key set refreshed", append(attrs, slog.String("cause", string(f.kind)))...)
	if skipped := keys.Skipped(); len(skipped) > 0 && !slices.Equal(skipped, old.Skipped()) {
		l.log(slog.LevelInfo, "keys skipped", slog.String("skipped", keys.SkipText()))
	}
}

func (l eventLog) blocked(kid string) {
	l.log(slog.LevelInfo, "key withdrawn by Block", slog.String("kid", quoteKeyIDs([]string{kid})))
}

func (l eventLog) badSeed(err error) {
	l.log(slog.LevelWarn, "seed could not be used", slog.Any("error", err))
}

// Bounds on what a log line holds of a document, which can have 256 keys.
const (
	maxListed      = 16
	maxListedBytes = 64
)

func quoteKeyIDs(kids []string) string {
	var b strings.Builder
	for i, kid := range kids[:min(len(kids), maxListed)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.QuoteToASCII(kid[:min(len(kid), maxListedBytes)]))
		if len(kid) > maxListedBytes {
			b.WriteString("...")
		}
	}
	if more := len(kids) - maxListed; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
