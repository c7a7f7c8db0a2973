package sdktest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/otelauth"
)

// newTelemetry returns a Telemetry, and what reads its metrics.
func newTelemetry(t testing.TB, attributes ...attribute.KeyValue) (*otelauth.Telemetry, sdkmetric.Reader) {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: provider, Attributes: attributes})
	require.NoError(t, err)
	return telemetry, reader
}

// observed returns a Middleware that trusts the issuer and that telemetry observes.
func observed(t testing.TB, issuer *jwkstest.Issuer, telemetry *otelauth.Telemetry, edits ...func(*middleware.Config)) *middleware.Middleware {
	t.Helper()
	config := middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Observe: telemetry.Observe, ObserveFetch: telemetry.ObserveFetch, ObserveWait: telemetry.ObserveWait,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	require.NoError(t, err)
	_, err = telemetry.Register(auth)
	require.NoError(t, err)
	return auth
}

var empty = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// get returns a request with this Authorization field.
func get(authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/timesheets", nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

// send serves a request and returns the status.
func send(h http.Handler, authorization string) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, get(authorization))
	return w.Code
}

// collect returns the value of each series by its name and attributes, such as
// "bearerguard.jwks.age issuer=https://issuer.example.test/". A histogram has its count.
func collect(t testing.TB, reader sdkmetric.Reader) map[string]float64 {
	t.Helper()
	all, err := seriesOf(t.Context(), reader)
	require.NoError(t, err)
	return all
}

func seriesOf(ctx context.Context, reader sdkmetric.Reader) (map[string]float64, error) {
	var data metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &data); err != nil {
		return nil, err
	}
	all := make(map[string]float64)
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch points := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range points.DataPoints {
					all[nameOf(m, p.Attributes)] = float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range points.DataPoints {
					all[nameOf(m, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range points.DataPoints {
					all[nameOf(m, p.Attributes)] = float64(p.Count)
				}
			}
		}
	}
	return all, nil
}

func nameOf(m metricdata.Metrics, set attribute.Set) string {
	var name strings.Builder
	name.WriteString(m.Name)
	for _, kv := range set.ToSlice() {
		fmt.Fprintf(&name, " %s=%s", kv.Key, kv.Value.String())
	}
	return name.String()
}
