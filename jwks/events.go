package jwks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A condition is what the log says of a cache, until it says something else.
type condition string

const (
	conditionGood     condition = ""
	conditionFailing  condition = "key set could not be refreshed"
	conditionStale    condition = "key set is stale and could not be refreshed"
	conditionUnusable condition = "no usable key set: tokens cannot be verified"
)

// conditionOf returns the condition after an attempt that ended in state s.
func conditionOf(s State, err error) condition {
	switch {
	case err == nil:
		return conditionGood
	case s == StateCold || s == StateExhausted:
		return conditionUnusable
	case s == StateStale:
		return conditionStale
	}
	return conditionFailing
}

func (c condition) level() slog.Level {
	if c == conditionUnusable {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// observer tells the operator what has changed. It is called on the goroutine of a
// fetch, never on a request's.
type observer struct {
	logger    *slog.Logger // nil: slog.Default() at the time of the event
	source    slog.Attr
	transport slog.Attr // the type of Config.Client's RoundTripper
}

func newObserver(c Config) observer {
	o := observer{logger: c.Logger, source: slog.String("issuer", c.Issuer)}
	if c.Issuer == "" {
		o.source = slog.String("url", c.URL)
	}
	if c.Client != nil {
		o.transport = slog.String("transport", fmt.Sprintf("%T", c.Client.Transport))
	}
	return o
}

func (o observer) log(level slog.Level, message string, attrs ...slog.Attr) {
	logger := o.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), level, "jwks: "+message, append([]slog.Attr{o.source}, attrs...)...)
}

func (c *Cache) report(before, after *view, f *flight, out outcome) {
	o := c.observer
	if errors.Is(out.err, errAbandoned) {
		o.abandoned()
	}
	if out.warning != nil && before.warning == nil {
		o.log(slog.LevelWarn, "discovery could not be read again; the known key set address is used",
			slog.Any("error", out.warning))
	}
	if out.err != nil {
		o.reportFailure(before, after, f, out.err, c.outlook(after, time.Now()))
		return
	}
	o.reportSuccess(before, after, f)
}

// outlook says, after a failure, which host the keys are expected from, in how long the
// next scheduled fetch may be made, and until when the present set may be used. What is
// not known, or not so, is left out.
func (c *Cache) outlook(v *view, now time.Time) []slog.Attr {
	attrs := []slog.Attr{slog.Duration("retry_in", c.untilDue(v, now).Round(time.Millisecond))}
	if host := v.location.host(); host != "" {
		attrs = append(attrs, slog.String("key_set_host", host))
	}
	if s := c.state(v, now); s != StateCold && s != StateExhausted {
		age, _ := elapsed(now, v.good.began)
		attrs = append(attrs, slog.Time("usable_until", now.Add(c.schedule.maxStale-age)))
	}
	return attrs
}

// reportFailure is loud when the condition changes, and quiet at every further failure.
func (o observer) reportFailure(before, after *view, f *flight, err error, outlook []slog.Attr) {
	level := slog.LevelDebug
	if after.reported != before.reported {
		level = after.reported.level()
	}
	attrs := []slog.Attr{slog.Any("error", err), slog.String("cause", string(f.cause))}
	o.log(level, string(after.reported), append(attrs, outlook...)...)
}

// abandoned is an Error each time: it is a defect of the program, a goroutine and a slot
// are lost to it, and there are no more of these than there are slots.
func (o observer) abandoned() {
	o.log(slog.LevelError, "a fetch was given up: the RoundTripper ignores its context, "+
		"and keeps a place in the FetchLimit until it returns", o.transport)
}

func (o observer) reportSuccess(before, after *view, f *flight) {
	var old *keySet
	if before.good != nil {
		old = before.good.keys
	}
	keys := after.good.keys
	added, removed := keys.beyond(old), old.beyond(keys)
	level := slog.LevelDebug
	if len(added)+len(removed) > 0 || before.reported != conditionGood {
		level = slog.LevelInfo
	}
	o.log(level, "key set refreshed",
		slog.Int("keys", keys.size()),
		slog.String("added", quoteKeyIDs(added)),
		slog.String("removed", quoteKeyIDs(removed)),
		slog.Bool("recovered", before.reported != conditionGood),
		slog.String("cause", string(f.cause)))
	if skipped := keys.skipped(); len(skipped) > 0 && !slices.Equal(skipped, old.skipped()) {
		o.log(slog.LevelInfo, "keys skipped", slog.String("skipped", strings.TrimPrefix(describe(skipped), ": ")))
	}
}

func (o observer) blocked(kid string) {
	o.log(slog.LevelInfo, "key withdrawn by Block", slog.String("kid", quoteKeyIDs([]string{kid})))
}

func (o observer) badSeed(err error) {
	o.log(slog.LevelWarn, "seed could not be used", slog.Any("error", err))
}

// beyond returns the kids of the keys that other lacks. New material under an old kid is
// a new key.
func (s *keySet) beyond(other *keySet) []string {
	if s == nil {
		return nil
	}
	known := other.identities()
	var kids []string
	for _, e := range s.entries {
		if _, ok := known[e.id]; !ok {
			kids = append(kids, e.id.kid)
		}
	}
	return kids
}

// What a log line holds of a document is bounded: a document may have 256 keys.
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
