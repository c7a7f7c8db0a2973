package jwks_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A firewall refuses requests by their Cache-Control, for good. It is before the whole host.
type firewall struct {
	fault  jwkstest.Fault
	takes  time.Duration // until a refused fetch has failed
	only   string        // the Cache-Control that it refuses; empty: any
	repeat bool          // a scheduled fetch repeats the refused request at once
}

// put puts the firewall before an issuer that delivers its key set after a delay.
func (f firewall) put(issuer *jwkstest.Issuer, delay time.Duration) {
	before := func(answer jwkstest.Fault) jwkstest.Fault {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if cc := r.Header.Get("Cache-Control"); cc != "" && (f.only == "" || f.only == cc) {
				f.fault(w, r, next)
				return
			}
			answer(w, r, next)
		}
	}
	issuer.Fail(jwkstest.JWKS, before(jwkstest.Delay(delay)))
	issuer.Fail(jwkstest.Discovery, before(jwkstest.Delay(0)))
	issuer.Fail(jwkstest.Metadata, before(jwkstest.Delay(0)))
}

func firewalls() map[string]firewall {
	all := make(map[string]firewall)
	for what, only := range map[string]string{"no-cache": "no-cache", "any Cache-Control": ""} {
		for how, fault := range map[string]jwkstest.Fault{
			"400": respond(http.StatusBadRequest, ""), "401": respond(http.StatusUnauthorized, ""),
			"403": respond(http.StatusForbidden, ""), "404": respond(http.StatusNotFound, ""),
			"429": respond(http.StatusTooManyRequests, ""), "503": respond(http.StatusServiceUnavailable, ""),
			"reset": jwkstest.Reset(), "dropped": jwkstest.Hang(),
		} {
			f := firewall{only: only, fault: fault, repeat: how == "400" || how == "403"}
			if how == "dropped" {
				f.takes = 5 * time.Second
			}
			all[what+", "+how] = f
		}
	}
	return all
}

// behindFirewall returns a cache that started behind the firewall. If its requests are refused, and
// the answer is not a reason to repeat them at once, its third attempt is without Cache-Control.
func behindFirewall(t *testing.T, issuer *jwkstest.Issuer, f firewall, edits ...func(*jwks.Config)) *jwks.Cache {
	t.Helper()
	f.put(issuer, 0)
	cache := newCache(t, issuer, edits...)
	if f.only != "" || f.repeat {
		requireKnown(t, cache, "known")
		return cache
	}
	start := time.Now()
	for _, err := cache.Keys(t.Context(), alg, "known"); err != nil; _, err = cache.Keys(t.Context(), alg, "known") {
		require.ErrorIs(t, err, claims.ErrKeysUnavailable)
		time.Sleep(100 * time.Millisecond)
		require.Less(t, time.Since(start), 7*time.Second+2*f.takes, "pauses of at most 2 s and 4 s")
	}
	return cache
}

func TestA3RotationBehindAFirewallIsSeenWithinSeconds(t *testing.T) {
	t.Parallel()
	for name, f := range firewalls() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := behindFirewall(t, issuer, f)
				for n := range 20 {
					time.Sleep(time.Duration(n) * 10 * time.Minute)
					requireKnown(t, cache, "known")
					synctest.Wait()
					kid := issuer.Rotate().ID
					most := time.Duration(0)
					if n == 0 || n > 15 { // no-cache is tried once in a day
						most = 2*time.Second + f.takes
					}
					assert.LessOrEqual(t, acceptedAfter(t, cache, kid, time.Minute), most, n)
				}
			})
		})
	}
}

// Five mornings: a key is removed, the server idles for 12 hours, and then gets 100 requests a
// second while the issuer answers in 2.5 s.
func TestA3RemovedKeyBehindAFirewallIsRefused(t *testing.T) {
	t.Parallel()
	for name, f := range firewalls() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := behindFirewall(t, issuer, f)
				for n := range 5 {
					kid := strconv.Itoa(n)
					issuer.Publish(namedKey(kid))
					acceptedAfter(t, cache, kid, time.Minute)
					issuer.Retire(kid)
					time.Sleep(12 * time.Hour)
					f.put(issuer, slowAnswer)
					assert.Zero(t, acceptedIn(t, cache, 100, kid), n)
					f.put(issuer, 0)
				}
			})
		})
	}
}

// A firewall that refuses the Cache-Control of a server must not cost a warning every 15 minutes.
func TestA3RefreshBehindAFirewallIsOneRequestWithoutAWarning(t *testing.T) {
	t.Parallel()
	for name, f := range firewalls() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				var log eventLog
				cache := behindFirewall(t, issuer, f, withLog(&log))
				synctest.Wait()
				log.take()
				count := counter(issuer)
				for range 23 * 60 {
					time.Sleep(time.Minute)
					assert.Zero(t, took(func() { requireKnown(t, cache, "known") }))
				}
				synctest.Wait()
				assert.Empty(t, log.take())
				assert.InDelta(t, 23*60/15, count().keys, 6)
				assert.Zero(t, count().discovery)
			})
		})
	}
}

// Discovery is read again after a day, also behind a firewall that refuses its Cache-Control.
func TestA3DiscoveryIsReadAgainBehindAFirewall(t *testing.T) {
	t.Parallel()
	for name, f := range firewalls() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := behindFirewall(t, issuer, f)
				issuer.MoveJWKS(issuer.URL() + "moved/jwks.json")
				issuer.Publish(newKey)
				time.Sleep(24*time.Hour - time.Minute)
				requireKnown(t, cache, "known") // exhausted in a minute
				time.Sleep(16 * time.Minute)
				requireKnown(t, cache, "known")
				synctest.Wait()
				requireKnown(t, cache, "new")
			})
		})
	}
}

// Refresh at the start, as a server that waits for its keys does it.
func TestA3RefreshGetsThroughAFirewall(t *testing.T) {
	t.Parallel()
	for name, f := range firewalls() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				f.put(issuer, 0)
				cache := newCache(t, issuer)
				tries := 1
				for cache.Refresh(t.Context()) != nil {
					tries++
					require.LessOrEqual(t, tries, 4)
				}
				kid := issuer.Rotate().ID
				most := time.Duration(0)
				if f.only == "" && f.repeat { // it is not known yet that max-age is refused, too
					most = time.Second
				}
				assert.Equal(t, most, acceptedAfter(t, cache, kid, time.Minute))
			})
		})
	}
}

// Refresh reads discovery with a Cache-Control, and repeats it without.
func TestA3RefreshReadsDiscoveryAgainBehindAFirewall(t *testing.T) {
	t.Parallel()
	for name, f := range firewalls() {
		if !f.repeat {
			continue
		}
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				cache := behindFirewall(t, issuer, f)
				issuer.MoveJWKS(issuer.URL() + "moved/jwks.json")
				issuer.Publish(newKey)
				time.Sleep(24 * time.Hour)
				require.NoError(t, cache.Refresh(t.Context()))
				assert.Contains(t, cache.Status().KeyIDs, newKey.ID)
			})
		})
	}
}
