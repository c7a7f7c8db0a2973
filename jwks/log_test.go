package jwks_test

import (
	"bytes"
	"context"
	stdlog "log"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// eventLog keeps the events above Debug, as "LEVEL message", and all lines as text.
type eventLog struct {
	mu     sync.Mutex
	events []string
	lines  bytes.Buffer
}

func (l *eventLog) logger() *slog.Logger { return slog.New(l) }

func (l *eventLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *eventLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *eventLog) WithGroup(string) slog.Handler            { return l }

func (l *eventLog) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Level > slog.LevelDebug {
		l.events = append(l.events, r.Level.String()+" "+r.Message)
	}
	return slog.NewTextHandler(&l.lines, &slog.HandlerOptions{Level: slog.LevelDebug}).Handle(ctx, r)
}

func (l *eventLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	events := l.events
	l.events = nil
	return events
}

func (l *eventLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}

func withLog(l *eventLog) func(*jwks.Config) {
	return func(c *jwks.Config) { c.Logger = l.logger() }
}

const (
	refreshedEvent = "INFO jwks: key set refreshed"
	failingEvent   = "WARN jwks: key set could not be refreshed"
	staleEvent     = "WARN jwks: key set is stale and could not be refreshed"
	unusableEvent  = "ERROR jwks: no usable key set: tokens cannot be verified"
)

func TestColdStartIsLoggedOncePerChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		issuer := newIssuer()
		cache := newCache(t, issuer, withLog(&log))
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		for range 100 {
			requireUnavailable(t, cache, "known")
			time.Sleep(time.Second)
		}
		assert.Equal(t, []string{unusableEvent}, log.take())
		issuer.Recover()
		time.Sleep(10 * time.Second)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.Equal(t, []string{refreshedEvent}, log.take())
	})
}

func TestEventsNameKeysAddedRemovedAndSkipped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, withLog(&log))
		synctest.Wait()
		assert.Contains(t, log.text(), `issuer=https://issuer.example.test/ keys=1 added="\"known\"" removed="" recovered=false`)
		log.take()

		issuer.Publish(namedKey("added"))
		issuer.Retire("known")
		issuer.PublishJWK(`{"kty":"RSA","use":"enc","kid":"encryption","n":"AA","e":"AQAB"}`)
		for range 2 {
			require.NoError(t, cache.Refresh(t.Context()))
			synctest.Wait()
		}
		assert.Equal(t, []string{refreshedEvent, "INFO jwks: keys skipped"}, log.take(), "once")
		assert.Contains(t, log.text(), `keys=1 added="\"added\"" removed="\"known\""`)
		assert.Contains(t, log.text(), `skipped="kid \"encryption\": `)

		issuer.Publish(namedKey("added")) // new material under the old kid
		require.NoError(t, cache.Refresh(t.Context()))
		synctest.Wait()
		assert.Equal(t, []string{refreshedEvent}, log.take())
		assert.Contains(t, log.text(), `added="\"added\"" removed="\"added\""`)

		cache.Block("added")
		assert.Equal(t, []string{"INFO jwks: key withdrawn by Block"}, log.take())
	})
}

func TestEventsAreBoundedAndPrintable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		issuer := newIssuer()
		for range 200 {
			issuer.Publish(namedKey(strings.Repeat("\x1b[31mé\n", 20) + namedKey("").ID + time.Now().String()))
			time.Sleep(time.Nanosecond)
		}
		for range 50 {
			issuer.PublishJWK(map[string]any{"kty": "x", "kid": strings.Repeat("y", 5000)})
		}
		newWarmCache(t, issuer, withLog(&log))
		synctest.Wait()
		for line := range strings.Lines(log.text()) {
			assert.Less(t, len(line), 5000)
			assert.NotContains(t, line, "\x1b")
		}
		assert.Contains(t, log.text(), "and 185 more")
		assert.Contains(t, log.text(), "and 42 more")
	})
}

func TestFailedRediscoveryIsLoggedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, withLog(&log))
		synctest.Wait()
		log.take()
		issuer.Fail(jwkstest.Discovery, jwkstest.Edit(map[string]any{"issuer": "https://evil.example/"}))
		for range 48 * 12 {
			requireKnown(t, cache, "known")
			_, _ = cache.Keys(t.Context(), alg, "junk")
			time.Sleep(5 * time.Minute)
		}
		const event = "WARN jwks: discovery could not be read again; the known key set address is used"
		assert.Equal(t, []string{event}, log.take())
		assert.Contains(t, log.text(), "its issuer differs")
		assert.InDelta(t, 2+24*60/15, issuer.Count(jwkstest.Discovery), 20, "once with each refresh on the second day")
	})
}

func TestEventsNameTheURLWhereThereIsNoIssuer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		issuer := newIssuer()
		cache := newCache(t, issuer, withLog(&log), func(c *jwks.Config) { c.Issuer, c.URL = "", issuer.JWKSURL() })
		issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusForbidden, nil, secret))
		requireUnavailable(t, cache, "known")
		synctest.Wait()
		assert.Contains(t, log.text(), `url=https://issuer.example.test/.well-known/jwks.json error="jwks: key set: status 403"`)
		assert.NotContains(t, log.text(), secret)
	})
}

func TestDefaultLoggerIsLookedUpForEachEvent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		issuer := newIssuer()
		cache := newCache(t, issuer, func(c *jwks.Config) { c.Logger = nil })
		before, writer, flags := slog.Default(), stdlog.Writer(), stdlog.Flags()
		defer func() {
			slog.SetDefault(before)
			stdlog.SetOutput(writer) // SetDefault has redirected it
			stdlog.SetFlags(flags)
		}()
		slog.SetDefault(log.logger())
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.Equal(t, []string{refreshedEvent}, log.take())
	})
}

// An operator must see which host does not answer, and how much time is left to act.
func TestFailureIsLoggedWithItsOutlook(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		issuer := newIssuer()
		issuer.MoveJWKS("https://keys.example.net/jwks.json")
		cache := newCache(t, issuer, withLog(&log))
		atBoth(respond(http.StatusForbidden, ""))(issuer)
		requireUnavailable(t, cache, "known")
		synctest.Wait()
		assert.Regexp(t, `level=ERROR .* cause=schedule retry_in=(1(\.\d+)?|2)s\n`, log.text(), "rounded")
		assert.NotContains(t, log.text(), "usable_until", "nothing is usable")
		assert.NotContains(t, log.text(), "key_set_host", "no document has named it")

		issuer.Recover()
		require.NoError(t, cache.Refresh(t.Context()))
		until := time.Now().Add(24 * time.Hour).Format("2006-01-02T15:04:05.000")
		issuer.Fail(jwkstest.JWKS, limited("120"))
		time.Sleep(whileRevalidating)
		requireKnown(t, cache, "known")
		synctest.Wait()
		assert.Regexp(t, `cause=schedule retry_in=2m(\d|1\d|2[0-4])(\.\d+)?s key_set_host=keys\.example\.net usable_until=`+until, log.text())

		time.Sleep(whileExhausted)
		requireUnavailable(t, cache, "known")
		synctest.Wait()
		assert.Regexp(t, `level=ERROR .* cause=schedule retry_in=1m(\d|1[0-2])?(\.\d+)?s key_set_host=keys.example.net\n`, log.text())
	})
}

// A stuckTransport ignores the context of a request. The log names its type.
type stuckTransport struct{ roundTrip }

func TestAbandonedFetchIsAnErrorThatNamesTheTransport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		issuer := newIssuer()
		release := make(chan struct{})
		cache := newCache(t, issuer, withLog(&log), atURL(issuer), func(c *jwks.Config) {
			c.Client = &http.Client{Transport: stuckTransport{stuckOnce(issuer, release)}}
		})
		requireUnavailable(t, cache, "known")
		time.Sleep(4 * time.Second)
		assert.Equal(t, []string{"ERROR jwks: a fetch was given up: the RoundTripper ignores its context, " +
			"and keeps a place in the FetchLimit until it returns", unusableEvent}, log.take())
		assert.Contains(t, log.text(), "transport=jwks_test.stuckTransport")
		close(release)
		synctest.Wait()
		assert.Empty(t, log.take(), "once")
	})
}
