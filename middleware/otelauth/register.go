package otelauth

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

// createHistograms creates the instruments that are recorded as things happen. OpenTelemetry has
// no histogram that is read when it is collected.
func (t *Telemetry) createHistograms() error {
	var errs []error
	for _, f := range metrics.New().Families(middleware.Status{}) {
		if f.Kind != "histogram" {
			continue
		}
		h, err := t.meter.Float64Histogram(f.Name, metric.WithUnit(f.Unit), metric.WithDescription(f.Help),
			metric.WithExplicitBucketBoundaries(f.Bounds...))
		errs = append(errs, err)
		switch f.Name {
		case "bearerguard.verification.duration":
			t.decisions = h
		case "bearerguard.jwks.fetch.duration":
			t.fetches = h
		}
	}
	return errors.Join(errs...)
}

// Register creates the instruments that are read when a reader collects. auth is the Middleware
// that t observes. Call Register once, before auth serves requests: from then on the issuers of
// auth are known, and all others count as "_other". The result ends the reading by its
// Unregister. A second call is an error, and so is what the MeterProvider refuses.
//
// A collection makes no request and stops none. It reads the status of every issuer, and of what
// the methods Show have added, before or after.
func (t *Telemetry) Register(auth *middleware.Middleware) (metric.Registration, error) {
	if auth == nil {
		return nil, errors.New("otelauth: Register: the Middleware is nil")
	}
	if t.registered.Swap(true) {
		return nil, errors.New("otelauth: Register: it was called before; make a Telemetry for each Middleware")
	}
	observables, instruments, err := t.createObservables(t.Counts.Families(auth.Status()))
	if err != nil {
		return nil, err
	}
	return t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for n, f := range t.Counts.Families(auth.Status()) {
			for _, s := range f.Series {
				observables[n].observe(o, s.Value, t.with(f.Labels, s.Values))
			}
		}
		return nil
	}, instruments...)
}

// An observable is the instrument of a family. One of them is set, or none for a histogram.
type observable struct {
	counter metric.Int64ObservableCounter
	seconds metric.Float64ObservableCounter // a counter of time
	gauge   metric.Float64ObservableGauge
}

func (i observable) observe(o metric.Observer, value float64, attributes metric.MeasurementOption) {
	switch {
	case i.counter != nil:
		o.ObserveInt64(i.counter, int64(value), attributes)
	case i.seconds != nil:
		o.ObserveFloat64(i.seconds, value, attributes)
	case i.gauge != nil:
		o.ObserveFloat64(i.gauge, value, attributes)
	}
}

// createObservables returns an observable for each family, in their order.
func (t *Telemetry) createObservables(families []metrics.Family) ([]observable, []metric.Observable, error) {
	observables := make([]observable, len(families))
	var instruments []metric.Observable
	var errs []error
	for n, f := range families {
		var err error
		switch i := &observables[n]; {
		case f.Kind == "counter" && f.Unit == "s":
			i.seconds, err = t.meter.Float64ObservableCounter(f.Name, metric.WithUnit(f.Unit), metric.WithDescription(f.Help))
			instruments = append(instruments, i.seconds)
		case f.Kind == "counter":
			i.counter, err = t.meter.Int64ObservableCounter(f.Name, metric.WithUnit(f.Unit), metric.WithDescription(f.Help))
			instruments = append(instruments, i.counter)
		case f.Kind == "gauge":
			i.gauge, err = t.meter.Float64ObservableGauge(f.Name, metric.WithUnit(f.Unit), metric.WithDescription(f.Help))
			instruments = append(instruments, i.gauge)
		}
		errs = append(errs, err)
	}
	return observables, instruments, errors.Join(errs...)
}
