package jwks_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A freezer is the network of a process that runs only while it serves a request, as a function in
// a cloud does. What is under way when the process freezes is lost.
type freezer struct {
	next    http.RoundTripper
	latency time.Duration
	runs    atomic.Int64 // odd while the process runs
}

func (f *freezer) RoundTrip(r *http.Request) (*http.Response, error) {
	run := f.runs.Load()
	time.Sleep(f.latency)
	if run%2 == 1 && f.runs.Load() == run {
		return f.next.RoundTrip(r)
	}
	<-r.Context().Done()
	return nil, errors.New("connection reset")
}

// keys serves one request, and freezes the process.
func (f *freezer) keys(t *testing.T, cache *jwks.Cache, kid string) error {
	t.Helper()
	f.runs.Add(1)
	defer f.runs.Add(1)
	_, err := cache.Keys(t.Context(), alg, kid)
	return err
}

// For a day a key is removed as soon as the last one is refused.
func TestA4FrozenProcessRefusesARemovedKey(t *testing.T) {
	for interval, latency := range map[time.Duration]time.Duration{
		time.Minute: 450 * time.Millisecond, 10 * time.Minute: 200 * time.Millisecond, 14 * time.Minute: 450 * time.Millisecond,
		20 * time.Minute: 1400 * time.Millisecond, 2 * time.Hour: 1400 * time.Millisecond, // after a rest requests wait longer
	} {
		for name, edits := range addressings() {
			t.Run(interval.String()+", "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					issuer := newIssuer()
					issuer.Publish(namedKey("removed"))
					network := &freezer{next: issuer.Client().Transport, latency: latency}
					cache := newCache(t, issuer, append(edits(issuer), func(c *jwks.Config) {
						c.Client = &http.Client{Transport: network}
					})...)
					start := time.Now()
					for time.Since(start) < 24*time.Hour {
						require.NoError(t, network.keys(t, cache, "removed"))
						issuer.Retire("removed")
						removed := time.Now()
						for {
							time.Sleep(interval)
							if err := network.keys(t, cache, "removed"); err != nil {
								require.ErrorIs(t, err, claims.ErrUnknownKey)
								break
							}
						}
						require.LessOrEqual(t, time.Since(removed), time.Hour+5*time.Second+5*time.Minute+interval, "a failure and its backoff")
						require.NoError(t, network.keys(t, cache, "known"))
						issuer.Publish(namedKey("removed"))
						time.Sleep(10 * time.Second)
					}
					if interval < time.Hour {
						assert.NotZero(t, cache.Status().FailedFetches, "fetches behind requests are cut off")
					}
				})
			})
		}
	}
}

// The request that starts the refresh waits for 0.5 s at most, and no other one waits.
func TestA4WaitInAFrozenProcess(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		network := &freezer{next: issuer.Client().Transport, latency: 200 * time.Millisecond}
		cache := newCache(t, issuer, func(c *jwks.Config) { c.Client = &http.Client{Transport: network} })
		require.NoError(t, network.keys(t, cache, "known"))
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		waits := map[time.Duration]int{}
		for range 6 * 12 {
			time.Sleep(10 * time.Minute)
			waits[took(func() { assert.NoError(t, network.keys(t, cache, "known")) })]++
		}
		assert.Equal(t, map[time.Duration]int{0: 5, moment: 6*12 - 5}, waits)
	})
}
