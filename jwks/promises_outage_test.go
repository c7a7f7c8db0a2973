package jwks_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// The cost of an outage. A request waits at most 3 s, and only if the last fetch failed longer ago
// than RefreshAfter and the backoff: the server was idle. Otherwise only the request that starts a
// fetch waits, at most 0.5 s. With Run, no request waits.
func TestP3OutageIsInvisibleButForItsWaits(t *testing.T) {
	for name, fault := range map[string]jwkstest.Fault{
		"refused": jwkstest.Refuse(),
		"hangs":   jwkstest.Hang(),
		"stalls":  jwkstest.Stall(),
		"503":     jwkstest.Respond(http.StatusServiceUnavailable, nil, ""),
		"HTML":    jwkstest.Respond(http.StatusOK, nil, "<html>maintenance</html>"),
		"no keys": jwkstest.Respond(http.StatusOK, nil, `{"keys":[]}`),
	} {
		for traffic, tt := range map[string]struct {
			interval time.Duration
			run      bool
			most     time.Duration // of a wait
		}{
			"busy":                         {2 * time.Minute, false, moment},
			"rare":                         {10 * time.Minute, false, moment},
			"after 2 idle hours":           {2 * time.Hour, false, tooLong},
			"busy, with Run":               {2 * time.Minute, true, 0},
			"after 2 idle hours, with Run": {2 * time.Hour, true, 0},
		} {
			t.Run(name+", "+traffic, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					issuer := newIssuer()
					cache := newWarmCache(t, issuer)
					if tt.run {
						go func() { _ = cache.Run(t.Context()) }()
					}
					atHost(fault)(issuer)
					start := time.Now()
					for time.Since(start) < 24*time.Hour-tt.interval-3*time.Second {
						time.Sleep(tt.interval)
						before := cache.Status().Fetches
						waited := took(func() { requireKnown(t, cache, "known") })
						require.LessOrEqual(t, waited, tt.most)
						if cache.Status().Fetches == before {
							require.Zero(t, waited, "it started no fetch")
						}
					}
					time.Sleep(time.Until(start.Add(whileExhausted)))
					requireUnavailable(t, cache, "known")
					issuer.Recover()
					time.Sleep(10 * time.Second) // the rest of a fetch, and the longest backoff
					requireKnown(t, cache, "known")
				})
			})
		}
	}
}

// The first request after a long rest waits for the issuer, also in an outage that was known
// before the rest: the issuer can have removed a key meanwhile.
func TestP3EachLongRestInAnOutageAddsOneWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		issuer.Fail(jwkstest.Discovery, jwkstest.Hang())
		for range 5 {
			time.Sleep(2 * time.Hour)
			assert.Equal(t, tooLong, took(func() { requireKnown(t, cache, "known") }), "after the rest")
			var waited []time.Duration
			for range 20 {
				time.Sleep(time.Minute)
				if d := took(func() { requireKnown(t, cache, "known") }); d > 0 {
					waited = append(waited, d)
				}
			}
			assert.NotEmpty(t, waited)
			for _, d := range waited {
				assert.Equal(t, moment, d)
			}
		}
	})
}

// A RefreshAfter that is shorter than a fetch must not end the presumption of an outage while the
// fetch waits for the issuer.
func TestP3ShortRefreshAfterAddsNoWait(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer, func(c *jwks.Config) { c.RefreshAfter = 250 * time.Millisecond })
		issuer.Fail(jwkstest.JWKS, jwkstest.Hang())
		issuer.Fail(jwkstest.Discovery, jwkstest.Hang())
		time.Sleep(time.Second)
		assert.Equal(t, tooLong, took(func() { requireKnown(t, cache, "known") }))
		for range 600 {
			time.Sleep(50 * time.Millisecond)
			require.LessOrEqual(t, took(func() { requireKnown(t, cache, "known") }), moment)
		}
	})
}
