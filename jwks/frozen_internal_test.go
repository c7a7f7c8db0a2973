package jwks

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A frozen process does not even run its timers between requests. In the bubble of this test only
// requests take time, and the clock of the cache jumps between them.
type frozenProcess struct {
	issuer *jwkstest.Issuer
	cache  *Cache
	frozen atomic.Int64 // the time between requests so far, in ns
	runs   atomic.Int64 // requests so far
}

func newFrozenProcess(t *testing.T) *frozenProcess {
	t.Helper()
	p := &frozenProcess{issuer: jwkstest.NewIssuer(jwkstest.Config{})}
	cache, err := New(Config{
		Issuer: p.issuer.URL(), Client: &http.Client{Transport: p}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	cache.now, cache.source.now, cache.log.now = p.now, p.now, p.now
	p.cache = cache
	return p
}

func (p *frozenProcess) now() time.Time { return time.Now().Add(time.Duration(p.frozen.Load())) }

// RoundTrip loses a connection that was open when the process was frozen. Nothing tells it so: it
// waits for the end of its context, whose time passes only while the process runs.
func (p *frozenProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	run := p.runs.Load()
	select {
	case <-time.After(200 * time.Millisecond):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if p.runs.Load() != run {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return p.issuer.Client().Transport.RoundTrip(r)
}

// keys serves one request after a freeze. Beside the cache it does 1 ms of work.
func (p *frozenProcess) keys(t *testing.T, freeze time.Duration, kid string) error {
	t.Helper()
	p.frozen.Add(int64(freeze))
	p.runs.Add(1)
	defer time.Sleep(time.Millisecond)
	_, err := p.cache.Keys(t.Context(), "ES256", kid)
	return err
}

func TestA4ProcessWhoseTimersAreFrozenRefusesARemovedKey(t *testing.T) {
	for _, interval := range []time.Duration{time.Minute, 10 * time.Minute, 20 * time.Minute, 2 * time.Hour} {
		t.Run(interval.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer time.Sleep(time.Minute) // every fetch ends
				p := newFrozenProcess(t)
				start := p.now()
				for p.now().Sub(start) < 24*time.Hour {
					kid := p.issuer.Rotate().ID
					accepted := p.keys(t, interval, kid)
					for accepted != nil { // a new kid can need a second request
						require.ErrorIs(t, accepted, claims.ErrKeysUnavailable)
						accepted = p.keys(t, time.Second, kid)
					}
					p.issuer.Rotate()
					p.issuer.Retire(kid)
					removed := p.now()
					for p.keys(t, interval, kid) == nil {
						require.LessOrEqual(t, p.now().Sub(removed), time.Hour+abandonAfter+maxBackoff, "a failure and its backoff")
					}
				}
				if interval < time.Hour {
					assert.NotZero(t, p.cache.Status().FailedFetches)
				}
			})
		})
	}
}

// A fetch that a freeze cut off ended when its time was over, not when the process learned of it.
// Its late outcome is dropped.
func TestA4CutOffFetchIsAFailureOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute)
		p := newFrozenProcess(t)
		reports := make(chan string, 10)
		p.cache.onFetch = func(cause, result string, took time.Duration) {
			reports <- fmt.Sprint(cause, " ", result, " ", took)
		}
		require.NoError(t, p.keys(t, 0, p.issuer.SigningKey().ID))
		require.NoError(t, p.keys(t, 16*time.Minute, p.issuer.SigningKey().ID)) // starts a fetch behind it
		cut := p.cache.current.Load().fetch
		require.NotNil(t, cut)
		ran := p.now().Add(-time.Millisecond)
		require.NoError(t, p.keys(t, 10*time.Minute, p.issuer.SigningKey().ID))
		<-cut.done
		assert.Equal(t, errCutOff, cut.err)
		s := p.cache.current.Load()
		assert.Equal(t, ran.Add(abandonAfter), s.failedAt)
		assert.NotSame(t, cut, s.fetch, "the request started another one")
		assert.Equal(t, uint64(1), s.failed)
		assert.Zero(t, s.outage, "nothing was logged, so the next failure is told")

		time.Sleep(time.Minute)
		synctest.Wait()
		close(reports)
		var told []string
		for report := range reports {
			told = append(told, report)
		}
		assert.ElementsMatch(t, []string{"schedule ok 400ms", "schedule error 6s", "schedule ok 200ms"}, told,
			"the one that was cut off by its own goroutine, and once")
		assert.Equal(t, uint64(3), p.cache.Status().Fetches)
		assert.Equal(t, uint64(1), p.cache.Status().FailedFetches)
	})
}

// Nor does the beginning of a fetch that was cut off keep the presumption of an outage: the request
// after the freeze waits for its own fetch.
func TestA4CutOffFetchKeepsNoPresumption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer time.Sleep(time.Minute)
		p := newFrozenProcess(t)
		kid := p.issuer.SigningKey().ID
		require.NoError(t, p.keys(t, 0, kid))
		p.issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		p.issuer.Fail(jwkstest.Discovery, jwkstest.Hang())
		require.NoError(t, p.keys(t, 50*time.Minute, kid)) // waits, and learns of the outage
		time.Sleep(abandonAfter)
		require.NoError(t, p.keys(t, time.Minute, kid)) // starts a fetch that the freeze cuts off
		require.NotNil(t, p.cache.current.Load().fetch)
		require.Positive(t, p.cache.current.Load().failures)

		start := time.Now()
		require.NoError(t, p.keys(t, 50*time.Minute, kid))
		assert.Equal(t, maxWait+time.Millisecond, time.Since(start))
	})
}
