package sdktest_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
	"github.com/bearerguard/bearerguard/middleware/otelauth"
	"github.com/bearerguard/bearerguard/middleware/promauth"
)

// A dashboard for one of the two packages shows the other one too: through OpenTelemetry's
// exporter for Prometheus the metrics of otelauth are those of promauth.
func TestMetricsAreThoseOfPromauth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		direct, exported := prometheus.NewPedanticRegistry(), prometheus.NewPedanticRegistry()
		reader, err := exporter.New(exporter.WithRegisterer(exported), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
		require.NoError(t, err)
		telemetry, err := otelauth.New(otelauth.Config{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
		require.NoError(t, err)

		issuer, metrics := jwkstest.NewIssuer(jwkstest.Config{}), promauth.New()
		issuer.FailNext(1, jwkstest.JWKS, jwkstest.Delay(40*time.Millisecond))
		auth := observed(t, issuer, telemetry, withProofs(t), func(c *middleware.Config) {
			c.ObserveDuration = true
			c.Observe = func(ctx context.Context, d middleware.Decision) {
				telemetry.Observe(ctx, d)
				metrics.Observe(ctx, d)
			}
			c.ObserveFetch = func(issuer, cause, result string, took time.Duration) {
				telemetry.ObserveFetch(issuer, cause, result, took)
				metrics.ObserveFetch(issuer, cause, result, took)
			}
		})
		direct.MustRegister(metrics.Collector(auth))
		showAll(t, auth, issuer.URL(), telemetry.Counts, metrics.Counts)
		h := auth.Handler(auth.RequireScopes("read:example")(empty))
		for _, authorization := range []string{
			"Bearer " + issuer.Token(nil), "", "Bearer", "Bearer x",
			"Bearer " + issuer.Token(map[string]any{"scope": ""}),
			"Bearer " + issuer.Token(nil, jwkstest.Header("kid", "unknown")),
			"Bearer " + issuer.Token(map[string]any{"exp": 1}),
		} {
			send(h, authorization)
			synctest.Wait()
		}
		want := exposition(t, direct)
		require.Greater(t, len(want), 200)
		assert.Contains(t, want, "bearerguard_tenants_lookup_time_seconds_total 1.5\n")
		assert.Equal(t, want, exposition(t, exported))
		assert.ElementsMatch(t, documented(t), collected(t, telemetry.Families(auth.Status())))
	})
}

// documented returns the names, units and attributes in the package documentation.
func documented(t *testing.T) (lines []string) {
	t.Helper()
	code, err := os.ReadFile("../doc.go")
	require.NoError(t, err)
	for _, match := range regexp.MustCompile(`(?m)^//\t(bearerguard\.\w.*)`).FindAllSubmatch(code, -1) {
		lines = append(lines, strings.Join(strings.Fields(string(match[1])), " "))
	}
	return lines
}

// collected returns the same of what is collected.
func collected(t *testing.T, families []metrics.Family) (lines []string) {
	t.Helper()
	for _, f := range families {
		require.NotEmpty(t, f.Series, f.Name)
		lines = append(lines, strings.Join(strings.Fields(f.Name+" "+f.Unit+" "+strings.Join(f.Labels, ", ")), " "))
	}
	return lines
}

// exposition returns the lines of a scrape without empty labels, which mean the same as none. It
// leaves out the histograms without a duration, which OpenTelemetry does not have.
func exposition(t *testing.T, gatherer prometheus.Gatherer) (lines []string) {
	t.Helper()
	families, err := gatherer.Gather()
	require.NoError(t, err)
	for _, f := range families {
		var text bytes.Buffer
		f.Metric = slices.DeleteFunc(f.Metric, func(m *dto.Metric) bool { return m.Histogram != nil && m.Histogram.GetSampleCount() == 0 })
		_, err := expfmt.MetricFamilyToText(&text, f)
		require.NoError(t, err)
		for line := range strings.Lines(text.String()) {
			lines = append(lines, strings.Replace(emptyLabel.ReplaceAllString(line, ""), ",}", "}", 1))
		}
	}
	slices.Sort(lines)
	return lines
}

var emptyLabel = regexp.MustCompile(`[a-z_]+="",?`)

func TestTwoMiddlewaresInOneProcess(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	for _, api := range []string{"orders", "users"} {
		telemetry, err := otelauth.New(otelauth.Config{
			MeterProvider: provider, Attributes: []attribute.KeyValue{attribute.String("api", api)},
		})
		require.NoError(t, err)
		auth := observed(t, issuer, telemetry, func(c *middleware.Config) { c.ObserveDuration = true })
		if api == "users" {
			send(auth.Handler(empty), "")
		}
	}
	all := collect(t, reader)
	assert.Equal(t, 1.0, all["bearerguard.requests api=users outcome=missing transport=http"])
	assert.Equal(t, 1.0, all["bearerguard.verification.duration api=users cache=miss outcome=missing"])
	require.Contains(t, all, "bearerguard.requests api=orders outcome=missing transport=http")
	assert.Zero(t, all["bearerguard.requests api=orders outcome=missing transport=http"])
}

func TestUnregisterEndsTheReading(t *testing.T) {
	telemetry, reader := newTelemetry(t)
	auth, err := middleware.New(middleware.Config{
		Issuer: "https://tenant.eu.auth0.com/", Audiences: []string{jwkstest.Audience}, Observe: telemetry.Observe,
	})
	require.NoError(t, err)
	registration, err := telemetry.Register(auth)
	require.NoError(t, err)
	require.NotEmpty(t, collect(t, reader))
	require.NoError(t, registration.Unregister())
	assert.Empty(t, collect(t, reader))
}

// What is not in a list, or not in the configuration, is no attribute.
func TestUnknownValuesAreOther(t *testing.T) {
	telemetry, reader := newTelemetry(t)
	observed(t, jwkstest.NewIssuer(jwkstest.Config{}), telemetry)
	before := collect(t, reader)
	telemetry.Observe(t.Context(), middleware.Decision{
		Outcome: "h0stile", Reason: "h0stile", Issuer: "h0stile", Scheme: "h0stile", Transport: "h0stile", Duration: time.Second,
	})
	telemetry.ObserveFetch("h0stile", "h0stile", "h0stile", time.Second)
	all := collect(t, reader)
	for name := range all {
		assert.NotContains(t, name, "h0stile")
	}
	assert.Len(t, all, len(before)+5)
	for _, name := range []string{
		"bearerguard.requests outcome=_other scheme=_other transport=_other",
		"bearerguard.verifications error.type=_other issuer=_other outcome=_other",
		"bearerguard.verification.duration cache=miss outcome=_other",
		"bearerguard.jwks.fetches cause=_other issuer=_other result=_other",
		"bearerguard.jwks.fetch.duration cause=_other issuer=_other result=_other",
	} {
		assert.Equal(t, 1.0, all[name], name)
	}
}

func TestDurations(t *testing.T) {
	telemetry, reader := newTelemetry(t)
	d := typical()["hit"]
	telemetry.Observe(t.Context(), d)
	assert.Empty(t, collect(t, reader), "not asked for")
	d.Duration, d.Nested = time.Second, true
	telemetry.Observe(t.Context(), d)
	assert.Empty(t, collect(t, reader), "a nested layer that lets it through decides nothing new")
	d.Nested = false
	telemetry.Observe(t.Context(), d)
	assert.Equal(t, map[string]float64{"bearerguard.verification.duration cache=hit outcome=ok": 1}, collect(t, reader))
}

func TestHostileValuesAddNoSeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const requests = 10_000
		key := jwkstest.NewKey("EdDSA")
		issuer := jwkstest.NewIssuer(jwkstest.Config{Key: key})
		issuer.FailNext(2, jwkstest.JWKS, jwkstest.Delay(time.Second)) // both kinds of waits have a duration
		telemetry, reader := newTelemetry(t)
		auth := observed(t, issuer, telemetry, func(c *middleware.Config) { c.ObserveDuration = true })
		h := auth.Handler(empty)
		require.Equal(t, http.StatusOK, send(h, hostile(issuer, 0)))
		require.Equal(t, http.StatusUnauthorized, send(h, hostile(issuer, 1)))
		synctest.Wait()
		before := collect(t, reader)
		for n := range requests {
			send(h, hostile(issuer, n))
		}
		after := collect(t, reader)
		assert.Len(t, after, len(before))
		for name := range after {
			assert.Contains(t, before, name)
			assert.NotContains(t, strings.ToLower(name), mark)
			assert.NotContains(t, name, key.ID)
		}
	})
}
