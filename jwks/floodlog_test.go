package jwks_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

const (
	floodBegunEvent = "WARN jwks: a flood of unknown keys has begun: its tokens are answered without a fetch"
	floodOverEvent  = "INFO jwks: the flood of unknown keys is over"
)

// strangersFor asks for an unknown kid, again and again.
func strangersFor(t *testing.T, cache *jwks.Cache, d, pause time.Duration) {
	t.Helper()
	for start := time.Now(); time.Since(start) < d; time.Sleep(pause) {
		_, err := cache.Keys(t.Context(), alg, secret)
		require.Error(t, err)
	}
}

// texts returns the lines as "LEVEL message".
func texts(lines []loudLine) (all []string) {
	for _, line := range lines {
		all = append(all, line.level.String()+" "+line.text)
	}
	return all
}

func TestD5FloodHasABeginningAndAnEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log loudLog
		var all eventLog
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, log.use)
		text := newWarmCache(t, issuer, withLog(&all))
		log.from(time.Now())
		began := time.Now()
		strangersFor(t, cache, time.Hour, 100*time.Millisecond)
		lines := log.all()
		require.Equal(t, []string{floodBegunEvent}, texts(lines))
		assert.LessOrEqual(t, lines[0].at, 11*time.Second, "by the next forced fetch")
		assert.LessOrEqual(t, lines[0].attrs["lookups"].Uint64(), uint64(101))
		assert.WithinDuration(t, began, lines[0].attrs["began"].Time(), time.Second)

		over := time.Now()
		log.from(over)
		busyFor(t, cache, time.Hour)
		lines = log.all()
		require.Equal(t, []string{floodOverEvent}, texts(lines))
		assert.Equal(t, cache.Status().UnknownKeysUnfetched, lines[0].attrs["lookups"].Uint64())
		assert.InDelta(t, time.Hour, lines[0].attrs["lasted"].Duration(), float64(2*time.Second))
		assert.WithinDuration(t, began, lines[0].attrs["began"].Time(), time.Second)
		assert.LessOrEqual(t, lines[0].at, 20*time.Minute, "by the next refresh, not before 5 minutes are over")
		assert.GreaterOrEqual(t, lines[0].at, 5*time.Minute)

		strangersFor(t, text, time.Minute, 100*time.Millisecond)
		busyFor(t, text, time.Hour)
		assert.Equal(t, []string{refreshedEvent, floodBegunEvent, floodOverEvent}, all.take())
		assert.NotContains(t, all.text(), secret, "a token's kid is never logged")
	})
}

func TestD5FloodIsManyLookUpsWithinAMinute(t *testing.T) {
	const begun, over = floodBegunEvent, floodOverEvent
	for name, tt := range map[string]struct {
		act  func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache)
		want []string
	}{
		"a slow trickle": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			strangersFor(t, cache, time.Hour, 5*time.Second) // every second one is answered by a fetch
		}, nil},
		"a rotation": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			issuer.Fail(jwkstest.JWKS, jwkstest.Delay(time.Second))
			issuer.Publish(newKey)
			concurrently(1000, func(int) { requireKnown(t, cache, newKey.ID) })
		}, []string{refreshedEvent}},
		"junk that no fetch is for": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			cache.Block("blocked")
			for range 100 {
				requireUnknown(t, cache, "blocked")
				_, _ = cache.Keys(t.Context(), "HS256", "junk")
			}
		}, []string{"INFO jwks: key withdrawn by Block"}},
		"nine in a minute": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			for range 3 + 9 {
				requireUnknown(t, cache, "junk")
			}
		}, nil},
		"ten in a minute, told afterwards": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			for range 3 + 10 {
				requireUnknown(t, cache, "junk")
			}
		}, []string{begun, over}},
		"with pauses of 4 minutes": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			for range 5 {
				strangersFor(t, cache, time.Minute, time.Second)
				time.Sleep(4 * time.Minute)
			}
		}, []string{begun, over}},
		"two": {func(t *testing.T, _ *jwkstest.Issuer, cache *jwks.Cache) {
			for range 2 {
				strangersFor(t, cache, time.Minute, time.Second)
				time.Sleep(6 * time.Minute)
			}
		}, []string{begun, over, begun, over}},
		"while the issuer asks for a pause": {func(t *testing.T, issuer *jwkstest.Issuer, cache *jwks.Cache) {
			issuer.Fail(jwkstest.JWKS, jwkstest.Respond(http.StatusServiceUnavailable, http.Header{"Retry-After": {"60"}}, ""))
			strangersFor(t, cache, 2*time.Minute, time.Second)
			issuer.Recover()
		}, []string{failingEvent, begun, refreshedEvent, over}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log loudLog
				issuer := newIssuer()
				cache := newWarmCache(t, issuer, log.use)
				log.from(time.Now())
				tt.act(t, issuer, cache)
				busyFor(t, cache, time.Hour)
				assert.Equal(t, tt.want, texts(log.all()))
			})
		})
	}
}

// A sluggish handler takes a minute for each event.
type sluggish struct{ slog.Handler }

func (s sluggish) Handle(ctx context.Context, r slog.Record) error {
	time.Sleep(time.Minute)
	return s.Handler.Handle(ctx, r)
}

// Only fetches log, so a slow handler delays no request.
func TestD5FloodIsLoggedBehindTheRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var log eventLog
		cache := newWarmCache(t, newIssuer(), func(c *jwks.Config) { c.Logger = slog.New(sluggish{&log}) })
		assert.Equal(t, 20*time.Second, took(func() { strangersFor(t, cache, 20*time.Second, 500*time.Millisecond) }))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Contains(t, log.take(), floodBegunEvent)
	})
}
