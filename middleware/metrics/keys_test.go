package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

// bubbleStart is when time begins in a synctest bubble.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// The figures of 64 issuers are their own. Those of all others are the worst of them.
func TestFiguresOfKeySets(t *testing.T) {
	now := bubbleStart
	good := jwks.Status{
		State: jwks.StateFresh, Age: time.Minute, LastSuccess: now.Add(-time.Minute), UsableUntil: now.Add(time.Hour),
		Keys: 2, UnknownKeys: 5, UnknownKeysUnfetched: 3, ClockDifference: 3 * time.Second,
	}
	cold := jwks.Status{State: jwks.StateCold, Failures: 1, UnknownKeys: 1, ClockDifference: -4 * time.Second}
	bad := jwks.Status{
		State: jwks.StateExhausted, Age: time.Hour, LastSuccess: now.Add(-time.Hour),
		Keys: 3, Skipped: make([]jwks.SkippedKey, 2), Failures: 7, UnknownKeys: 10, UnknownKeysUnfetched: 10,
	}
	static := jwks.Status{}
	goodSuccess, badSuccess := float64(now.Unix()-60), float64(now.Unix()-3600)
	for _, tt := range []struct {
		rule   string
		shared []jwks.Status
		want   keyFigures
	}{
		{"only one", []jwks.Status{good}, keyFigures{60, 3600, 2, 0, 0, goodSuccess, 3, 5, 3, "fresh"}},
		{"never fetched", []jwks.Status{cold}, keyFigures{0, 0, 0, 0, 1, 0, -4, 1, 0, "cold"}},
		{
			"a cold one does not hide the others",
			[]jwks.Status{cold, good, cold},
			keyFigures{60, 3600, 2, 0, 1, goodSuccess, -4, 7, 3, "cold fresh"},
		},
		{"the worst counts", []jwks.Status{good, bad, static}, keyFigures{3600, 0, 2, 2, 7, badSuccess, 3, 15, 13, "fresh exhausted"}},
		{"in any order", []jwks.Status{bad, static, good}, keyFigures{3600, 0, 2, 2, 7, badSuccess, 3, 15, 13, "fresh exhausted"}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for n := range tt.shared {
					tt.shared[n].Issuer = statuses(100)[64+n].Issuer
				}
				all := flat(metrics.New().Families(statusOf(append(statuses(64), tt.shared...)...)))
				assert.Equal(t, tt.want, figuresOf(t, all, "_other"))
				assert.Equal(t, 2.0, all["jwks.keys issuer="+statuses(1)[0].Issuer])
			})
		})
	}
}

// keyFigures are the figures of one label, and the states that it is in.
type keyFigures struct {
	age, usableFor, keys, skipped, failures, lastSuccess, clock, unknown, suppressed float64

	states string
}

func figuresOf(t *testing.T, all map[string]float64, issuer string) keyFigures {
	t.Helper()
	of := func(name string) float64 {
		text := "jwks." + name + " issuer=" + issuer
		require.Contains(t, all, text)
		return all[text]
	}
	var states []string
	for _, state := range []string{"cold", "fresh", "stale-while-revalidate", "stale-if-error", "exhausted"} {
		text := "jwks.state issuer=" + issuer + " state=" + state
		require.Contains(t, all, text)
		if all[text] == 1 {
			states = append(states, state)
		}
	}
	return keyFigures{
		of("age"), of("usable_for"), of("keys"), of("keys_skipped"), of("consecutive_failures"),
		of("last_success_timestamp"), of("clock_difference"), of("unknown_kid"), of("unknown_kid_suppressed"),
		strings.Join(states, " "),
	}
}

// Static keys do not age, so they have no series.
func TestIssuersWithoutAKeyCache(t *testing.T) {
	all := flat(known(1).Families(statusOf(jwks.Status{Issuer: issuerURL})))
	assert.NotContains(t, all, "jwks.age issuer="+issuerURL)
	assert.NotContains(t, all, "jwks.state issuer="+issuerURL+" state=cold")
	assert.Contains(t, all, "verifications outcome=ok issuer="+issuerURL)
}

// An outage, as a dashboard shows it.
func TestOutageOnADashboard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		auth, counts := observed(t, issuer)
		h := auth.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		request := func() {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+issuer.Token(nil))
			h.ServeHTTP(httptest.NewRecorder(), r)
			synctest.Wait()
		}
		read := func() keyFigures { return figuresOf(t, flat(counts.Families(auth.Status())), issuer.URL()) }
		assert.Equal(t, keyFigures{states: "cold"}, read())

		request()
		day, success := (24 * time.Hour).Seconds(), float64(bubbleStart.Unix())
		assert.Equal(t, keyFigures{usableFor: day, keys: 1, lastSuccess: success, states: "fresh"}, read())

		issuer.Fail(jwkstest.JWKS, jwkstest.Refuse())
		issuer.Fail(jwkstest.Discovery, jwkstest.Refuse())
		time.Sleep(2 * time.Hour)
		request()
		aged := read()
		assert.GreaterOrEqual(t, aged.age, 7200.0)
		assert.InDelta(t, day-aged.age, aged.usableFor, 1e-6, "a fraction of a second has a rounding error")
		assert.Equal(t, keyFigures{
			age: aged.age, usableFor: aged.usableFor, keys: 1, failures: 1, lastSuccess: success, states: "stale-if-error",
		}, aged)

		time.Sleep(24 * time.Hour)
		request()
		exhausted := read()
		assert.Zero(t, exhausted.usableFor)
		assert.Equal(t, "exhausted", exhausted.states)

		all, labels := flat(counts.Families(auth.Status())), " issuer="+issuer.URL()
		assert.EqualValues(t, 2, all["verifications outcome=ok"+labels])
		assert.EqualValues(t, 1, all["verifications outcome=unavailable error.type=keys_unavailable"+labels])
		assert.EqualValues(t, 1, all["jwks.fetches"+labels+" cause=schedule result=ok"])
		assert.EqualValues(t, 2, all["jwks.fetches"+labels+" cause=schedule result=error"])
	})
}
