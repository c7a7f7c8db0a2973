package promauth_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/promauth"
)

// Names and labels are what dashboards and alerts rest on. A change of the file is a change of
// the interface.
func TestExposition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{Key: jwkstest.NewKey("EdDSA")})
		issuer.FailNext(1, jwkstest.JWKS, jwkstest.Delay(40*time.Millisecond))
		auth, metrics := observed(t, issuer, withProofs(t), func(c *middleware.Config) { c.ObserveDuration = true })
		collector := metrics.Collector(auth)
		list := showAll(t, auth, metrics, issuer.URL()) // after Collector: the order does not matter
		require.NoError(t, list.Check(t.Context(), new(claims.Claims)))
		h := auth.Handler(auth.RequireScopes("read:example")(empty))
		good := "Bearer " + issuer.Token(nil)
		for _, tt := range []struct {
			authorization string
			status        int
		}{
			{good, http.StatusOK}, // fetches the keys
			{good, http.StatusOK},
			{good, http.StatusOK},
			{"", http.StatusUnauthorized},
			{"Bearer", http.StatusBadRequest},
			{"Bearer " + issuer.Token(map[string]any{"exp": 1}), http.StatusUnauthorized},
			{"Bearer " + issuer.Token(nil, jwkstest.Header("kid", "unknown")), http.StatusUnauthorized},
			{"Bearer " + issuer.Token(map[string]any{"scope": "write:example"}), http.StatusForbidden},
		} {
			assert.Equal(t, tt.status, send(h, tt.authorization))
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(collector)
		compare(t, "testdata/exposition.txt", exposition(t, registry))
		assert.ElementsMatch(t, documented(t), exposed(t, registry))
	})
}

// documented returns the names with their labels in the package documentation.
func documented(t *testing.T) (names []string) {
	t.Helper()
	code, err := os.ReadFile("promauth.go")
	require.NoError(t, err)
	for _, match := range regexp.MustCompile(`(?m)^//\t(bearerguard_\w+(\{[a-z_,]+\})?)`).FindAllSubmatch(code, -1) {
		names = append(names, string(match[1]))
	}
	return names
}

// exposed returns the same of a scrape.
func exposed(t *testing.T, gatherer prometheus.Gatherer) (names []string) {
	t.Helper()
	families, err := gatherer.Gather()
	require.NoError(t, err)
	for _, f := range families {
		name := f.GetName()
		var labels []string
		for _, pair := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		if len(labels) > 0 {
			name += "{" + strings.Join(labels, ",") + "}"
		}
		names = append(names, name)
	}
	return names
}

var update = flag.Bool("update", false, "write the files in testdata")

func compare(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, got, 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

func TestLint(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, metrics := observed(t, issuer, withProofs(t), func(c *middleware.Config) { c.ObserveDuration = true })
	showAll(t, auth, metrics, issuer.URL())
	send(auth.Handler(empty), "")
	problems, err := testutil.CollectAndLint(metrics.Collector(auth))
	require.NoError(t, err)
	assert.Empty(t, problems)
}

// A name that a program gives must not make a scrape fail: all alerts would be blind.
func TestNamesCannotMakeAScrapeFail(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, metrics := observed(t, issuer)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.Collector(auth))
	list, err := revocation.New(revocation.Config{})
	require.NoError(t, err)
	for _, name := range []string{"a\xff", "a\xfe", "", "\"\n", "logout", "logout"} {
		metrics.ShowRevocation(name, list)
		metrics.ShowGateway(name, nil)
		metrics.ShowIntrospection(name, nil)
	}
	all := gather(t, registry)
	assert.Contains(t, all, `bearerguard_revocation_max_entries{feed="logout"}`)
	assert.Contains(t, all, "bearerguard_revocation_max_entries{feed=\"a\uFFFD\"}")
	assert.Contains(t, all, `bearerguard_revocation_max_entries{feed="\"\n"}`)
}

func TestTwoMiddlewaresInOneProcess(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	orders, ordersMetrics := observed(t, issuer)
	users, usersMetrics := observed(t, issuer)
	send(users.Handler(empty), "")

	t.Run("without a label the second one is an error", func(t *testing.T) {
		registry := prometheus.NewRegistry()
		require.NoError(t, registry.Register(ordersMetrics.Collector(orders)))
		assert.Error(t, registry.Register(usersMetrics.Collector(users)))
	})
	t.Run("with a label", func(t *testing.T) {
		registry := prometheus.NewPedanticRegistry()
		prometheus.WrapRegistererWith(prometheus.Labels{"api": "orders"}, registry).MustRegister(ordersMetrics.Collector(orders))
		prometheus.WrapRegistererWith(prometheus.Labels{"api": "users"}, registry).MustRegister(usersMetrics.Collector(users))
		all := gather(t, registry)
		assert.Equal(t, "1", all[`bearerguard_requests_total{api="users",outcome="missing",scheme="",transport="http"}`])
		assert.Equal(t, "0", all[`bearerguard_requests_total{api="orders",outcome="missing",scheme="",transport="http"}`])
	})
}

// exposition returns what a scrape returns.
func exposition(t testing.TB, gatherer prometheus.Gatherer) []byte {
	t.Helper()
	families, err := gatherer.Gather()
	require.NoError(t, err)
	var text bytes.Buffer
	for _, f := range families {
		_, err := expfmt.MetricFamilyToText(&text, f)
		require.NoError(t, err)
	}
	return text.Bytes()
}

// gather returns the values of all series, by their names and labels.
func gather(t testing.TB, gatherer prometheus.Gatherer) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for line := range strings.Lines(string(exposition(t, gatherer))) {
		if line[0] != '#' {
			end := strings.LastIndexByte(line, ' ')
			all[line[:end]] = strings.TrimSpace(line[end:])
		}
	}
	return all
}

// manyIssuers returns a Middleware with this many issuers.
func manyIssuers(t testing.TB, count int) (*middleware.Middleware, *promauth.Metrics) {
	t.Helper()
	metrics := promauth.New()
	config := middleware.Config{Observe: metrics.Observe, ObserveFetch: metrics.ObserveFetch}
	for n := range count {
		config.Issuers = append(config.Issuers, claims.Issuer{
			URL: fmt.Sprintf("https://tenant-%d.example.test/", n), Audiences: []string{jwkstest.Audience},
		})
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	return auth, metrics
}

func TestScrapeOfAThousandIssuers(t *testing.T) {
	scrape := func(issuers int) map[string]string {
		auth, metrics := manyIssuers(t, issuers)
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(metrics.Collector(auth))
		return gather(t, registry)
	}
	few, most, many := scrape(64), scrape(65), scrape(1000)
	assert.Less(t, len(few), len(most))
	assert.ElementsMatch(t, slices.Collect(maps.Keys(most)), slices.Collect(maps.Keys(many)), "the rest is _other")
	assert.Equal(t, "1", many[`bearerguard_jwks_state{issuer="_other",state="cold"}`])
	assert.Equal(t, "0", many[`bearerguard_verifications_total{error_type="expired",issuer="_other",outcome="refused"}`])
	t.Logf("%d series of 1 issuer, %d of 64, %d of more", len(scrape(1)), len(few), len(many))
}

func TestScrapeWhileRequestsAreServed(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth, metrics := observed(t, issuer, func(c *middleware.Config) { c.ObserveDuration = true })
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(metrics.Collector(auth))
	h := auth.Handler(auth.Handler(empty))
	const goroutines, each = 4, 100
	good := "Bearer " + issuer.Token(nil)
	var serving sync.WaitGroup
	for range goroutines {
		serving.Go(func() {
			for range each {
				send(h, good)
				send(h, "")
			}
		})
	}
	for range 20 {
		gather(t, registry)
	}
	serving.Wait()
	all := gather(t, registry)
	want := fmt.Sprint(goroutines * each)
	assert.Equal(t, want, all[`bearerguard_requests_total{outcome="ok",scheme="Bearer",transport="http"}`])
	assert.Equal(t, want, all[`bearerguard_requests_total{outcome="missing",scheme="",transport="http"}`])
	assert.Equal(t, want, all[`bearerguard_verification_duration_seconds_count{cache="miss",outcome="missing"}`])
}
