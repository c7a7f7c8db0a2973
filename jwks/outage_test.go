package jwks_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A loudLine is an event above Debug.
type loudLine struct {
	at    time.Duration // since the beginning
	level slog.Level
	text  string
	attrs map[string]slog.Value
}

// A loudLog keeps the events above Debug.
type loudLog struct {
	mu    sync.Mutex
	begin time.Time
	lines []loudLine
}

func (l *loudLog) use(c *jwks.Config) { c.Logger = slog.New(l) }

func (l *loudLog) Enabled(_ context.Context, level slog.Level) bool { return level > slog.LevelDebug }
func (l *loudLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *loudLog) WithGroup(string) slog.Handler                    { return l }

func (l *loudLog) Handle(_ context.Context, r slog.Record) error {
	line := loudLine{level: r.Level, text: r.Message, attrs: make(map[string]slog.Value)}
	r.Attrs(func(a slog.Attr) bool {
		line.attrs[a.Key] = a.Value
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	line.at = time.Since(l.begin)
	l.lines = append(l.lines, line)
	return nil
}

// from begins a new list, and counts the time from now on.
func (l *loudLog) from(now time.Time) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin, l.lines = now, nil
}

func (l *loudLog) all() []loudLine {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}

// busyFor asks for a key every 20 seconds.
func busyFor(t *testing.T, cache *jwks.Cache, d time.Duration) {
	t.Helper()
	for start := time.Now(); time.Since(start) < d; time.Sleep(20 * time.Second) {
		_, _ = cache.Keys(t.Context(), alg, "known")
	}
}

// late is how late a line can be: the backoff of a fetch, the pause of the requests, and the fetch.
const late = 5*time.Minute + 30*time.Second

func TestD4OutageIsToldHourly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log loudLog
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, log.use)
		success := time.Now()
		log.from(time.Now())
		busyFor(t, cache, 13*time.Minute)
		assert.Empty(t, log.all())
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		busyFor(t, cache, 30*time.Hour-time.Since(success))

		lines := log.all()
		assert.GreaterOrEqual(t, len(lines), 28, "one an hour, and a few minutes")
		assert.LessOrEqual(t, len(lines), 30+5, "and the beginning, stale, half, nine tenths, and the end")
		last := lines[0].at
		assert.InDelta(t, 14*time.Minute, last, float64(2*time.Minute), "the first refresh that failed")
		began := last
		for _, line := range lines {
			assert.LessOrEqual(t, line.at-last, time.Hour+late, "%v", line.at)
			last = line.at
			assert.ErrorContains(t, line.attrs["error"].Any().(error), "connection refused")
			assert.InDelta(t, line.at-began, line.attrs["failed_for"].Duration(), float64(5*time.Second))
			assert.Positive(t, line.attrs["failures"].Int64())
			until, usable := line.attrs["usable_until"]
			if assert.Equal(t, line.at < whileExhausted, usable, "%v", line.at); usable {
				assert.Equal(t, success.Add(whileExhausted), until.Time())
				assert.Equal(t, slog.LevelWarn, line.level)
			} else {
				assert.Equal(t, slog.LevelError, line.level)
				assert.Equal(t, unusableEvent, "ERROR "+line.text)
			}
		}
		assert.Greater(t, last, 29*time.Hour-late, "the ERROR is repeated")

		log.from(time.Now())
		issuer.Recover()
		busyFor(t, cache, time.Hour)
		lines = log.all()
		require.Len(t, lines, 1)
		assert.Equal(t, refreshedEvent, lines[0].level.String()+" "+lines[0].text)
		assert.True(t, lines[0].attrs["recovered"].Bool())
		assert.InDelta(t, 30*time.Hour-began, lines[0].attrs["failed_for"].Duration(), float64(time.Minute))
	})
}

// A line is written when the condition changes, and when half and nine tenths of MaxStale are over.
func TestD4OutageIsToldWhenMaxStaleComesNear(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log loudLog
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, log.use, func(c *jwks.Config) { c.MaxStale = 100 * time.Minute })
		log.from(time.Now())
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		busyFor(t, cache, 110*time.Minute)
		var texts []string
		for i, line := range log.all() {
			texts = append(texts, line.level.String()+" "+line.text)
			due := []time.Duration{13*time.Minute + 30*time.Second, 50 * time.Minute, time.Hour, 90 * time.Minute, 100 * time.Minute}[i]
			assert.GreaterOrEqual(t, line.at, due-90*time.Second, "%d", i) // freshness has jitter
			assert.LessOrEqual(t, line.at, due+late, "%d", i)
		}
		assert.Equal(t, []string{failingEvent, failingEvent, staleEvent, staleEvent, unusableEvent}, texts)
	})
}

// The first failure of a cold cache is told at once, and then each hour. It recovers quietly.
func TestD4ColdOutageIsToldHourly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log loudLog
		issuer := newIssuer()
		cache := newCache(t, issuer, log.use)
		log.from(time.Now())
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		busyFor(t, cache, 3*time.Hour+10*time.Minute)
		lines := log.all()
		require.Len(t, lines, 4)
		for n, line := range lines {
			assert.InDelta(t, time.Duration(n)*time.Hour, line.at, float64(2*time.Minute))
			assert.Equal(t, slog.LevelError, line.level)
		}
		issuer.Recover()
		busyFor(t, cache, time.Hour)
		assert.Len(t, log.all(), 5)
	})
}

// A server without requests makes no fetch, so its first failed fetch after an hour is told.
func TestD4IdleServerIsToldByItsNextFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log loudLog
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, log.use)
		log.from(time.Now())
		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		for _, pause := range []time.Duration{2 * time.Hour, 30 * time.Minute, 2 * time.Hour, 2 * time.Hour} {
			time.Sleep(pause)
			requireKnown(t, cache, "known")
		}
		var hours []time.Duration
		for _, line := range log.all() {
			hours = append(hours, line.at.Round(time.Minute))
		}
		assert.Equal(t, []time.Duration{2 * time.Hour, 4*time.Hour + 30*time.Minute, 6*time.Hour + 30*time.Minute}, hours)
	})
}
