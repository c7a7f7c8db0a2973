package sdktest_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
	"github.com/bearerguard/bearerguard/middleware/otelauth"
)

// The recipe of the package documentation: refusals by route and reason, in the metric of the
// server.
func TestLabelsOfTheServersMetric(t *testing.T) {
	reader, spans := sdkmetric.NewManualReader(), newTracer(sdktrace.AlwaysSample())
	meterProvider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: meterProvider})
	require.NoError(t, err)
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	auth := observed(t, issuer, telemetry, func(c *middleware.Config) {
		c.Logger = slog.New(slog.DiscardHandler)
		c.Observe = func(ctx context.Context, d middleware.Decision) {
			telemetry.Observe(ctx, d)
			if labeler, ok := otelhttp.LabelerFromContext(ctx); ok && d.Error != nil {
				labeler.Add(attribute.String("error.type", cmp.Or(metrics.ErrorType(d), d.Outcome)))
			}
		}
	})
	mux := http.NewServeMux()
	mux.Handle("GET /timesheets", auth.RequireScopes("read:example")(empty))
	server := otelhttp.NewHandler(mux, "server",
		otelhttp.WithMeterProvider(meterProvider), otelhttp.WithTracerProvider(spans.provider))
	request := func(token string) {
		r := httptest.NewRequest(http.MethodGet, "/timesheets", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		server.ServeHTTP(httptest.NewRecorder(), r)
	}
	request(issuer.Token(nil))
	request(issuer.Token(map[string]any{"exp": 1}))
	request(issuer.Token(map[string]any{"scope": ""}))
	request("")

	var got []string
	for _, name := range slices.Sorted(maps.Keys(collect(t, reader))) {
		if strings.HasPrefix(name, "http.server.request.duration ") {
			fields := strings.Fields(name)
			got = append(got, strings.Join(slices.DeleteFunc(fields, func(f string) bool {
				return !strings.HasPrefix(f, "error.type=") && !strings.HasPrefix(f, "http.response.status_code=")
			}), " "))
		}
	}
	assert.ElementsMatch(t, []string{
		"http.response.status_code=200",
		"error.type=expired http.response.status_code=401",
		"error.type=forbidden http.response.status_code=403",
		"error.type=missing http.response.status_code=401",
	}, got)
	ended := spans.recorder.Ended()
	assert.Contains(t, texts(ended[len(ended)-1]), "bearerguard.outcome=missing")
}

// A program with the SDK: its metrics and its spans.
func Example() {
	reader := sdkmetric.NewManualReader() // for this example; a program exports
	telemetry, err := otelauth.New(otelauth.Config{
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	issuer := jwkstest.NewIssuer(jwkstest.Config{}) // plays the authorization server
	auth, err := middleware.New(middleware.Config{
		Issuer: issuer.URL(), Audiences: []string{jwkstest.Audience}, Client: issuer.Client(),
		Observe: telemetry.Observe, ObserveFetch: telemetry.ObserveFetch, ObserveWait: telemetry.ObserveWait,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := telemetry.Register(auth); err != nil {
		fmt.Println(err)
		return
	}
	h := auth.RequireScopes("read:timesheets")(http.NotFoundHandler())
	for _, scope := range []string{"read:timesheets", "read:timesheets", "write:timesheets"} {
		send(h, "Bearer "+issuer.Token(map[string]any{"scope": scope}))
	}
	send(h, "")
	values, err := seriesOf(context.Background(), reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if strings.HasPrefix(name, "bearerguard.requests ") && values[name] > 0 {
			fmt.Println(values[name], name)
		}
	}
	// Output:
	// 1 bearerguard.requests outcome=forbidden scheme=Bearer transport=http
	// 1 bearerguard.requests outcome=missing transport=http
	// 2 bearerguard.requests outcome=ok scheme=Bearer transport=http
}

// The recipe is the code of this file.
func TestRecipeOfTheDocumentation(t *testing.T) {
	doc, err := os.ReadFile("../doc.go")
	require.NoError(t, err)
	code, err := os.ReadFile("otelhttp_test.go")
	require.NoError(t, err)
	_, recipe, found := strings.Cut(string(doc), "telemetry.Observe(ctx, d)\n")
	require.True(t, found)
	recipe, _, found = strings.Cut(recipe, "//\t},")
	require.True(t, found)
	for line := range strings.Lines(recipe) {
		assert.Contains(t, string(code), strings.TrimLeft(line, "/\t"))
	}
}
