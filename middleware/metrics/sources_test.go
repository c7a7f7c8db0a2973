package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

// news returns what is new of certain figures.
func news(before, after map[string]float64, prefixes ...string) map[string]float64 {
	grown := make(map[string]float64)
	for text, value := range after {
		isAsked := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(text, p) })
		if isAsked && value != before[text] {
			grown[text] = value - before[text]
		}
	}
	return grown
}

// An alert on rate() needs the 0 before the first event.
func TestSourcesAreThereFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		all, issuer := w.figures(), " issuer="+w.issuer.URL()
		for name, list := range map[string][]string{
			"requests outcome=unavailable scheme=DPoP transport=": {"http", "grpc", "connect"},
			"issuers.reloads result=":                             {"ok", "refused"},
			"issuers.":                                            {"reload_refused", "last_reload_timestamp"},
			"tenants.entries state=":                              {"proven", "unproven", "absent"},
			"tenants.lookups result=":                             {"found", "not_found", "failed", "invalid"},
			"tenants.unanswered cause=":                           {"limit", "slow"},
			"tenants.":                                            {"evictions", "lookup_time", "in_flight"},
			"introspection.requests" + issuer + " result=":        {"active", "inactive", "outage", "credentials", "unusable"},
			"introspection.remembered" + issuer + " result=":      {"fresh", "stale"},
			"introspection.unasked" + issuer + " cause=":          {"rate", "in_flight", "pause"},
			"introspection.entries" + issuer + " state=":          {"accepted", "other"},
			"introspection.evictions":                             {issuer},
			"revocation.refused feed=logout kind=":                {"token", "session", "subject", "client", "issuer"},
			"revocation.entries feed=logout kind=":                {"token", "session", "subject", "client", "issuer"},
			"revocation.logouts feed=logout result=":              {"ok", "refused"},
			"revocation.over_limit":                               {" feed=logout"},
			"revocation.feed.stale_checks feed=logout result=":    {"refused", "accepted"},
			"revocation.feed.":                                    {"polls feed=logout", "failures feed=logout", "malformed feed=logout", "waiting feed=logout", "given_back feed=logout"},
			"forwardauth.refusals gateway=timesheets cause=":      {"untrusted", "unset", "malformed", "unlisted"},
			"dpop.":              {"replays", "replay.entries", "replay.over_limit", "store.calls", "store.failures", "store.call_time", "store.fallbacks"},
			"dpop.nonces state=": {"live", "dead", "missing"},
			"mtls.":              {"spoofed"},
		} {
			for _, value := range list {
				assert.Contains(t, all, name+value)
				assert.Zero(t, all[name+value], name+value)
			}
		}
		assert.EqualValues(t, 1, all["issuers"])
		assert.EqualValues(t, 60, all["revocation.feed.max_age feed=logout"])
		assert.EqualValues(t, 1_000_000, all["revocation.max_entries feed=logout"])
		assert.EqualValues(t, 1_000_000, all["dpop.replay.max_entries"])
	})
}

// What an API does not have has no series.
func TestSourcesThatAreNotThere(t *testing.T) {
	names := func(w *metrics.Counts, auth *middleware.Middleware) (list []string) {
		for _, f := range w.Families(auth.Status()) {
			if len(f.Series) > 0 {
				list = append(list, strings.TrimPrefix(f.Name, "bearerguard."))
			}
		}
		return list
	}
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, counts := observed(t, issuer)
	for _, name := range names(counts, auth) {
		assert.NotRegexp(t, `^(tenants|introspection|revocation|forwardauth|dpop|mtls)\.`, name)
	}
	counts.ShowRevocation("", newList(t, revocation.Config{}))
	assert.Contains(t, names(counts, auth), "revocation.refused")
	for _, name := range names(counts, auth) {
		assert.NotContains(t, name, "revocation.feed.", "it is not shared")
	}
	auth, counts = observed(t, issuer, func(c *middleware.Config) { c.DPoP = &dpop.Config{Origins: []string{origin}} })
	assert.Contains(t, names(counts, auth), "dpop.replays", "the memory of the default needs no line")
	for _, name := range names(counts, auth) {
		assert.NotRegexp(t, `^dpop\.(store|nonces)`, name)
	}
	auth, counts = observed(t, issuer, func(c *middleware.Config) {
		c.DPoP = &dpop.Config{Origins: []string{origin}, Replays: silentStore{}}
	})
	for _, name := range names(counts, auth) {
		assert.NotRegexp(t, `^dpop\.`, name, "a store without a status")
	}
}

// A silentStore knows no proof, and has no status.
type silentStore struct{}

func (silentStore) Use(context.Context, [32]byte, [32]byte, time.Time) (bool, error) {
	return true, nil
}

func TestFiguresOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		key := jwkstest.NewKey("ES256")
		bound := w.issuer.Token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
		proven := func() int {
			return w.send("Authorization", "DPoP "+bound, "DPoP", jwkstest.Proof(key, "GET", origin+"/timesheets", bound, nil))
		}
		require.Equal(t, http.StatusOK, proven())
		require.Equal(t, http.StatusOK, w.send("Authorization", "Bearer "+w.issuer.Token(nil)))
		require.Equal(t, http.StatusUnauthorized, w.send("Authorization", "Bearer an-opaque-token-1"))
		require.Equal(t, http.StatusUnauthorized, w.send("Authorization", "Bearer "+w.tokenOf("https://a.tenants.example/")))
		before := w.figures()

		w.storeIsDown, w.endpointIsDown, w.tableIsDown = true, true, true
		require.Equal(t, http.StatusOK, proven(), "LocalOnOutage")
		require.Equal(t, http.StatusServiceUnavailable, w.send("Authorization", "Bearer an-opaque-token-2"))
		require.Equal(t, http.StatusServiceUnavailable, w.send("Authorization", "Bearer "+w.tokenOf("https://b.tenants.example/")))
		time.Sleep(2 * time.Minute)
		require.Equal(t, http.StatusServiceUnavailable, w.send("Authorization", "Bearer "+w.issuer.Token(nil)))
		synctest.Wait()
		after, issuer := w.figures(), " issuer="+w.issuer.URL()
		assert.Equal(t, map[string]float64{
			"dpop.store.calls": 1, "dpop.store.failures": 1, "dpop.store.fallbacks": 1,
			"introspection.requests" + issuer + " result=outage":      1,
			"tenants.lookups result=failed":                           1,
			"revocation.feed.polls feed=logout":                       1,
			"revocation.feed.failures feed=logout":                    1,
			"revocation.feed.stale_checks feed=logout result=refused": 1,
		}, news(before, after, "dpop.store", "introspection.requests", "tenants.lookups", "revocation.feed.p", "revocation.feed.f", "revocation.feed.s"))
		assert.GreaterOrEqual(t, after["revocation.feed.age feed=logout"], 120.0)
	})
}

// tokenOf returns a token that names this issuer.
func (w *world) tokenOf(iss string) string { return w.issuer.Token(map[string]any{"iss": iss}) }

func TestFiguresOfRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.Equal(t, http.StatusOK, w.send("Authorization", "Bearer "+w.issuer.Token(nil)))
		before := w.figures()
		entry := revocation.Entry{Kind: revocation.Session, Issuer: w.issuer.URL(), ID: "s"}
		require.Error(t, w.list.Add(t.Context(), entry), "the server gives no OK")
		require.Equal(t, http.StatusUnauthorized, w.send("Authorization", "Bearer "+w.issuer.Token(map[string]any{"sid": "s"})))
		w.send("Client-Cert", ":AA==:", "Authorization", "Bearer "+w.issuer.Token(nil))
		w.gateway.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		key := jwkstest.NewKey("ES256")
		bound := w.issuer.Token(map[string]any{"cnf": map[string]any{"jkt": key.Thumbprint()}})
		proof := jwkstest.Proof(key, "GET", origin+"/timesheets", bound, nil)
		for range 3 {
			w.send("Authorization", "DPoP "+bound, "DPoP", proof)
		}
		old := jwkstest.Proof(key, "GET", origin+"/timesheets", bound, map[string]any{"iat": 1})
		w.send("Authorization", "DPoP "+bound, "DPoP", old)
		assert.Equal(t, map[string]float64{
			"revocation.refused feed=logout kind=session":         1,
			"revocation.entries feed=logout kind=session":         1,
			"revocation.feed.waiting feed=logout":                 1,
			"mtls.spoofed":                                        1,
			"forwardauth.refusals gateway=timesheets cause=unset": 1,

			"dpop.replays":              2,
			"dpop.replay.entries":       1,
			"dpop.store.calls":          1,
			"dpop.nonces state=missing": 1,
		}, news(before, w.figures(), "revocation.refused", "revocation.entries", "revocation.feed.waiting", "mtls", "forwardauth", "dpop"))
	})
}

// Strangers choose tokens, issuers of tenants, proofs and fields, and add no series by them.
func TestHostileValuesAddNoSeriesOfSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		require.Equal(t, http.StatusOK, w.send("Authorization", "Bearer "+w.issuer.Token(nil)))
		before := w.figures()
		for n := range 2000 {
			w.storeIsDown, w.endpointIsDown, w.tableIsDown = n%3 == 0, n%5 == 0, n%7 == 0
			w.send("Authorization", fmt.Sprintf("Bearer %s-opaque-token-%d", mark, n), "Client-Cert", mark)
			w.send("Authorization", "Bearer "+w.tokenOf(fmt.Sprintf("https://%s-%d.tenants.example/", mark, n)))
			w.send("Authorization", "DPoP "+w.issuer.Token(nil), "DPoP", mark)
		}
		after := w.figures()
		assert.Len(t, after, len(before))
		for text := range after {
			assert.Contains(t, before, text)
			assert.NotContains(t, text, mark)
		}
		assert.NotContains(t, w.counts.Var(w.auth).String(), mark)
		assert.EqualValues(t, 2000, after["mtls.spoofed"])
		assert.Greater(t, after["tenants.unanswered cause=limit"], 1000.0)
	})
}

// The rule for issuers holds for those whose tokens are introspected, too.
func TestIntrospectorsBeyondThe64thAreOther(t *testing.T) {
	w := newWorld(t)
	counts, all := metrics.New(), statuses(100)
	for n := range all {
		counts.ShowIntrospection(all[n].Issuer, w.opaque)
	}
	counts.ShowIntrospection("https://unknown.example/", w.opaque)
	_, _, err := w.opaque.Introspect(t.Context(), w.issuer.URL(), "an-opaque-token-1")
	require.ErrorIs(t, err, claims.ErrRejected)
	for range 2 {
		figures := flat(counts.Families(statusOf(all...)))
		assert.EqualValues(t, 1, figures["introspection.requests issuer="+all[63].Issuer+" result=inactive"])
		assert.NotContains(t, figures, "introspection.requests issuer="+all[64].Issuer+" result=inactive")
		assert.EqualValues(t, 100-64+1, figures["introspection.requests issuer=_other result=inactive"], "they have the sum")
	}
}

// Two series with the same labels would make a scrape fail, and blind all alerts.
func TestShowReplacesWhatHasTheName(t *testing.T) {
	w := newWorld(t)
	other := newList(t, revocation.Config{MaxEntries: 7})
	w.counts.ShowRevocation("logout", other)
	w.counts.ShowRevocation("admin", w.list)
	all := w.figures()
	assert.EqualValues(t, 7, all["revocation.max_entries feed=logout"])
	assert.Contains(t, all, "revocation.feed.age feed=admin")
	assert.NotContains(t, all, "revocation.feed.age feed=logout")

	w.counts.ShowRevocation("logout", nil)
	w.counts.ShowRevocation("none", nil)
	w.counts.ShowIntrospection(w.issuer.URL(), nil)
	w.counts.ShowGateway("timesheets", nil)
	w.counts.ShowTenants(nil)
	for text := range w.figures() {
		assert.NotContains(t, text, "feed=logout")
		assert.NotContains(t, text, "feed=none")
		assert.NotRegexp(t, `^(tenants|introspection|forwardauth)\.`, text)
	}
}

// A program can show a source while others read and requests are served.
func TestShowWhileFiguresAreRead(t *testing.T) {
	w := newWorld(t)
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for range 50 {
				w.counts.ShowRevocation(fmt.Sprint("feed ", n), w.list)
				w.counts.ShowReloads(func() (uint64, uint64, time.Time, error) { return 1, 0, time.Time{}, nil })
				w.counts.Families(w.auth.Status())
				w.send("Authorization", "Bearer an-opaque-token-1")
			}
		})
	}
	group.Wait()
	all := w.figures()
	assert.Contains(t, all, "revocation.feed.age feed=feed 3")
	assert.EqualValues(t, 200, all["verifications outcome=refused error.type=rejected issuer="+w.issuer.URL()])
	assert.EqualValues(t, 1, all["introspection.requests issuer="+w.issuer.URL()+" result=inactive"])
}

func TestFiguresOfReloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		auth, counts := observed(t, issuer)
		read := func() [5]float64 {
			all := flat(counts.Families(auth.Status()))
			return [5]float64{
				all["issuers"], all["issuers.reloads result=ok"], all["issuers.reloads result=refused"],
				all["issuers.reload_refused"], all["issuers.last_reload_timestamp"],
			}
		}
		good := []claims.Issuer{
			{URL: issuer.URL(), Audiences: []string{jwkstest.Audience}},
			{URL: "https://other.example/", Audiences: []string{jwkstest.Audience}},
		}
		assert.Equal(t, [5]float64{1, 0, 0, 0, 0}, read())
		start := float64(time.Now().Unix())
		require.NoError(t, auth.Replace(good))
		assert.Equal(t, [5]float64{2, 1, 0, 0, start}, read())
		time.Sleep(time.Minute)
		require.Error(t, auth.Replace([]claims.Issuer{{}}))
		assert.Equal(t, [5]float64{2, 1, 1, 1, start}, read(), "those before are in force")
		require.NoError(t, auth.Replace(good[1:]))
		assert.Equal(t, [5]float64{1, 2, 1, 0, start + 60}, read())

		counts.ShowReloads(func() (uint64, uint64, time.Time, error) { return 5, 7, time.Unix(1e9, 0), errDown })
		assert.Equal(t, [5]float64{1, 5, 7, 1, 1e9}, read(), "what reads a file knows more")
		counts.ShowReloads(nil)
		assert.Equal(t, [5]float64{1, 2, 1, 0, start + 60}, read())
	})
}
