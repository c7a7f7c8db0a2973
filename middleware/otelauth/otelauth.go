package otelauth

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

// scope names this package as what made the metrics and spans.
const scope = "github.com/bearerguard/bearerguard/middleware/otelauth"

// A Config says where metrics go. There is no provider for spans: the current span of a request
// knows its own.
type Config struct {
	_ [0]func() // written with field names

	// MeterProvider makes the instruments. It is required. A program that only wants attributes
	// on spans uses the one of go.opentelemetry.io/otel/metric/noop.
	MeterProvider metric.MeterProvider

	// Attributes are added to all metrics, to tell the Middlewares of a process apart. A program
	// with several Middlewares needs a Telemetry with other Attributes for each of them.
	Attributes []attribute.KeyValue
}

// A Telemetry observes one [middleware.Middleware]. [New] makes it. The methods Show of its Counts
// add the figures of what a program has beside the Middleware. It is safe for concurrent use.
type Telemetry struct {
	*metrics.Counts

	meter      metric.Meter
	attributes []attribute.KeyValue

	decisions    metric.Float64Histogram
	fetches      metric.Float64Histogram
	decisionSets map[string]cacheSets // by outcome

	registered atomic.Bool
}

// cacheSets are the attributes of the durations with one outcome. They are made once, because
// every request needs them.
type cacheSets struct{ hit, miss []metric.RecordOption }

// New returns a Telemetry, or an error if the Config or an instrument is invalid.
func New(config Config) (*Telemetry, error) {
	if config.MeterProvider == nil {
		return nil, errors.New("otelauth: invalid Config.MeterProvider: it is nil; noop.NewMeterProvider records nothing")
	}
	t := &Telemetry{
		meter:        config.MeterProvider.Meter(scope),
		attributes:   slices.Clone(config.Attributes),
		Counts:       metrics.New(),
		decisionSets: make(map[string]cacheSets),
	}
	for _, outcome := range []string{"ok", "missing", "refused", "forbidden", "unavailable", other} {
		t.decisionSets[outcome] = cacheSets{hit: t.options(outcome, "hit"), miss: t.options(outcome, "miss")}
	}
	return t, t.createHistograms()
}

// other is the value of an attribute that is not in its list.
const other = "_other"

func (t *Telemetry) options(outcome, cache string) []metric.RecordOption {
	return []metric.RecordOption{t.with([]string{"outcome", "cache"}, []string{outcome, cache})}
}

// with returns these attributes and those of the Config, without empty ones.
func (t *Telemetry) with(names, values []string) metric.MeasurementOption {
	list := slices.Clone(t.attributes)
	for n, name := range names {
		if values[n] != "" {
			list = append(list, attribute.String(name, values[n]))
		}
	}
	return metric.WithAttributeSet(attribute.NewSet(list...))
}

// Observe counts a decision, and says on the current span of ctx what was decided. It records the
// Duration of the decision if it has one. It is for Config.Observe of package middleware.
func (t *Telemetry) Observe(ctx context.Context, d middleware.Decision) {
	t.Counts.Observe(ctx, d)
	if d.Nested && d.Outcome == "ok" {
		return
	}
	if d.Duration > 0 {
		t.record(ctx, &d)
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		mark(span, d)
	}
}

func (t *Telemetry) record(ctx context.Context, d *middleware.Decision) {
	sets, ok := t.decisionSets[d.Outcome]
	if !ok {
		sets = t.decisionSets[other]
	}
	options := sets.miss
	if d.Remembered {
		options = sets.hit
	}
	t.decisions.Record(ctx, d.Duration.Seconds(), options...)
}

// ObserveFetch counts a fetch of keys and records how long it took. It is for
// Config.ObserveFetch of package middleware. A program that makes a jwks.Cache itself calls it
// in the OnFetch of the cache, with the URL of the issuer that has the cache as its Keys.
func (t *Telemetry) ObserveFetch(issuer, cause, result string, took time.Duration) {
	t.Counts.ObserveFetch(issuer, cause, result, took)
	values := []string{
		t.Counts.Issuer(issuer),
		oneOf(cause, "schedule", "forced", "asked"),
		oneOf(result, "ok", "not_modified", "error"),
	}
	t.fetches.Record(context.Background(), took.Seconds(), t.with([]string{"issuer", "cause", "result"}, values))
}

func oneOf(value string, list ...string) string {
	if slices.Contains(list, value) {
		return value
	}
	return other
}
