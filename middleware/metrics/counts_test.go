package metrics_test

import (
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

func TestWhatADecisionCounts(t *testing.T) {
	c := typical(t)["hit"].Claims
	for _, tt := range []struct {
		rule string
		d    middleware.Decision
		want map[string]float64
	}{
		{
			"a remembered token",
			middleware.Decision{Outcome: "ok", Issuer: issuerURL, Scheme: "Bearer", Transport: "http", Claims: c, Remembered: true},
			map[string]float64{
				"requests outcome=ok scheme=Bearer transport=http": 1,
				"verifications outcome=ok issuer=" + issuerURL:     1,
				"token_cache.lookups result=hit":                   1,
			},
		}, {
			"a token that was verified",
			middleware.Decision{Outcome: "ok", Issuer: issuerURL, Scheme: "Bearer", Transport: "grpc", Claims: c},
			map[string]float64{
				"requests outcome=ok scheme=Bearer transport=grpc": 1,
				"verifications outcome=ok issuer=" + issuerURL:     1,
				"token_cache.lookups result=miss":                  1,
			},
		}, {
			"a nested layer that lets it through decides nothing new",
			middleware.Decision{Outcome: "ok", Issuer: issuerURL, Scheme: "Bearer", Transport: "http", Claims: c, Nested: true},
			map[string]float64{},
		}, {
			"a nested layer that refuses is no second request",
			middleware.Decision{
				Outcome: "forbidden", Reason: claims.ErrForbidden, Issuer: issuerURL, Scheme: "Bearer", Transport: "http", Claims: c, Nested: true,
			},
			map[string]float64{"verifications outcome=forbidden error.type=forbidden issuer=" + issuerURL: 1},
		}, {
			"a token that a policy refuses was looked up",
			middleware.Decision{
				Outcome: "forbidden", Reason: claims.ErrForbidden, Issuer: issuerURL, Scheme: "Bearer", Transport: "http", Claims: c, Remembered: true,
			},
			map[string]float64{
				"requests outcome=forbidden scheme=Bearer transport=http":                  1,
				"verifications outcome=forbidden error.type=forbidden issuer=" + issuerURL: 1,
				"token_cache.lookups result=hit":                                           1,
			},
		}, {
			"an optional route without a token",
			middleware.Decision{Outcome: "ok", Transport: "connect"},
			map[string]float64{"requests outcome=ok transport=connect": 1, "verifications outcome=ok": 1},
		}, {
			"no token",
			middleware.Decision{Outcome: "missing", Transport: "http", Error: &middleware.Error{Status: http.StatusUnauthorized}},
			map[string]float64{"requests outcome=missing transport=http": 1, "verifications outcome=missing": 1},
		}, {
			"an issuer that is not configured is never a label",
			middleware.Decision{Outcome: "refused", Reason: claims.ErrExpired, Issuer: "https://evil.example/", Scheme: "Bearer", Transport: "http"},
			map[string]float64{
				"requests outcome=refused scheme=Bearer transport=http":          1,
				"verifications outcome=refused error.type=expired issuer=_other": 1,
			},
		}, {
			"what is not in a list",
			middleware.Decision{Outcome: "postponed", Reason: "alice", Scheme: "Basic", Transport: "carrier pigeon"},
			map[string]float64{
				"requests outcome=_other scheme=_other transport=_other": 1,
				"verifications outcome=_other error.type=_other":         1,
			},
		}, {
			"a duration",
			middleware.Decision{Outcome: "unavailable", Reason: claims.ErrKeysUnavailable, Scheme: "DPoP", Transport: "http", Duration: 1},
			map[string]float64{
				"requests outcome=unavailable scheme=DPoP transport=http":       1,
				"verifications outcome=unavailable error.type=keys_unavailable": 1,
				"verification.duration outcome=unavailable cache=miss":          1,
			},
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			counts := known(1)
			counts.Observe(t.Context(), tt.d)
			assert.Equal(t, tt.want, counted(counts.Families(statusOf())))
		})
	}
}

func TestDurations(t *testing.T) {
	counts := known(1)
	d := typical(t)["hit"]
	assert.NotContains(t, flat(counts.Families(statusOf())), "verification.duration outcome=ok cache=hit", "not asked for")
	for _, d.Duration = range []time.Duration{1, time.Microsecond, time.Microsecond + 1, time.Second, time.Minute} {
		counts.Observe(t.Context(), d)
	}
	families := counts.Families(statusOf())
	all := flat(families)
	assert.EqualValues(t, 5, all["verification.duration outcome=ok cache=hit"])
	assert.Contains(t, all, "verification.duration outcome=refused cache=miss", "the others are there with the first")
	assert.NotContains(t, all, "verification.duration outcome=_other cache=miss")

	histogram := families[2]
	require.Equal(t, "bearerguard.verification.duration", histogram.Name)
	assert.Equal(t, 1e-6, histogram.Bounds[0])
	assert.Equal(t, 5.0, histogram.Bounds[len(histogram.Bounds)-1])
	s := histogram.Series[0]
	assert.EqualValues(t, 2, s.Buckets[0], "a bound is part of its bucket")
	assert.EqualValues(t, 3, s.Buckets[1], "buckets are cumulative")
	assert.EqualValues(t, 4, s.Buckets[len(s.Buckets)-1])
	assert.EqualValues(t, 5, s.Count, "with what is above all bounds")
	assert.InDelta(t, 61.000002002, s.Sum, 1e-9)
}

func TestFetches(t *testing.T) {
	counts := known(1)
	counts.ObserveFetch(issuerURL, "schedule", "ok", 40*time.Millisecond)
	counts.ObserveFetch(issuerURL, "schedule", "ok", 0)
	counts.ObserveFetch("https://evil.example/", "forced", "error", time.Second)
	counts.ObserveFetch("", "unheard of", "unheard of", time.Hour)
	want := make(map[string]float64)
	for text, n := range map[string]float64{
		" issuer=" + issuerURL + " cause=schedule result=ok": 2,
		" issuer=_other cause=forced result=error":           1,
		" cause=_other result=_other":                        1,
	} {
		want["jwks.fetches"+text], want["jwks.fetch.duration"+text] = n, n
	}
	assert.Equal(t, want, counted(counts.Families(statusOf())))
}

// The order of the configuration decides, and neither traffic nor time.
func TestIssuersBeyondThe64thAreOther(t *testing.T) {
	counts, all := metrics.New(), statuses(1000)
	count := func() {
		for n := range all {
			counts.Observe(t.Context(), middleware.Decision{Outcome: "ok", Issuer: all[999-n].Issuer, Transport: "http"})
		}
	}
	count()
	assert.EqualValues(t, 1000, flat(counts.Families(statusOf()))["verifications outcome=ok issuer=_other"], "no issuer is known yet")
	before := flat(counts.Families(statusOf(all...)))
	assert.Contains(t, before, "verifications outcome=refused error.type=expired issuer=_other", "there with 0, like all others")
	count()
	after := flat(counts.Families(statusOf(all...)))
	assert.Len(t, after, len(before))
	assert.EqualValues(t, 1, after["verifications outcome=ok issuer="+all[63].Issuer])
	assert.NotContains(t, after, "verifications outcome=ok issuer="+all[64].Issuer)
	assert.EqualValues(t, 1000+1000-64, after["verifications outcome=ok issuer=_other"])
	assert.Equal(t, all[63].Issuer, counts.Issuer(all[63].Issuer))
	assert.Equal(t, "_other", counts.Issuer(all[64].Issuer))
	assert.Empty(t, counts.Issuer(""))
}

func TestCountersOfRemovedIssuersStay(t *testing.T) {
	counts := known(1)
	counts.Observe(t.Context(), middleware.Decision{Outcome: "ok", Issuer: issuerURL, Transport: "http"})
	all := flat(counts.Families(statusOf(statuses(70)...)))
	assert.EqualValues(t, 1, all["verifications outcome=ok issuer="+issuerURL])
	assert.NotContains(t, all, "jwks.age issuer="+issuerURL)
	assert.Contains(t, all, "jwks.age issuer=_other", "it keeps its place among the 64")
	assert.NotContains(t, all, "jwks.age issuer="+statuses(64)[63].Issuer)
}

// An issuer that is named like a label shares it.
func TestIssuerNamedOther(t *testing.T) {
	counts := metrics.New()
	status := statusOf(jwks.Status{Issuer: "_other", State: jwks.StateFresh}, jwks.Status{Issuer: "", State: jwks.StateFresh})
	counts.Families(status)
	for _, issuer := range []string{"_other", "https://unknown.example/"} {
		counts.Observe(t.Context(), middleware.Decision{Outcome: "ok", Issuer: issuer, Transport: "http"})
	}
	assert.EqualValues(t, 2, flat(counts.Families(status))["verifications outcome=ok issuer=_other"])
}

// Counters never go back and sums agree, however many goroutines count meanwhile.
func TestCountersGrowWhileTheyAreRead(t *testing.T) {
	counts := metrics.New()
	const goroutines, each = 4, 2000
	var counting sync.WaitGroup
	for range goroutines {
		counting.Go(func() {
			for n := range each {
				for _, d := range typical(t) {
					d.Duration = time.Duration(n)
					counts.Observe(t.Context(), d)
				}
				counts.ObserveFetch(issuerURL, "forced", "ok", time.Duration(n))
			}
		})
	}
	done := make(chan struct{})
	go func() { counting.Wait(); close(done) }()
	last := make(map[string]float64)
	for n, running := 1, true; running; n++ {
		select {
		case <-done:
			running = false
		default:
		}
		now := flat(counts.Families(statusOf(append(statuses(min(n, 30)), jwks.Status{Issuer: issuerURL})...)))
		for text, value := range last {
			require.GreaterOrEqual(t, now[text], value, text)
		}
		last = now
	}
	total := 0.0
	for text := range maps.Keys(last) {
		if len(text) > 13 && text[:13] == "verifications" {
			total += last[text]
		}
	}
	assert.EqualValues(t, goroutines*each*(len(typical(t))-1), total, "all but the nested one")
}
