package otelauth_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/otelauth"
)

// The tests against the SDK of OpenTelemetry are a module of their own, in sdktest: its modules
// must not be in the list of each program that uses this package.

func newTelemetry(t testing.TB) (*otelauth.Telemetry, *middleware.Middleware) {
	t.Helper()
	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: noop.NewMeterProvider()})
	require.NoError(t, err)
	auth, err := middleware.New(middleware.Config{
		Issuer: "https://tenant.eu.auth0.com/", Audiences: []string{"https://api.example.com"},
		Observe: telemetry.Observe, ObserveFetch: telemetry.ObserveFetch, ObserveWait: telemetry.ObserveWait,
	})
	require.NoError(t, err)
	return telemetry, auth
}

func TestMistakes(t *testing.T) {
	_, err := otelauth.New(otelauth.Config{})
	assert.ErrorContains(t, err, "Config.MeterProvider")

	telemetry, auth := newTelemetry(t)
	_, err = telemetry.Register(nil)
	assert.ErrorContains(t, err, "the Middleware is nil")
	_, err = telemetry.Register(auth)
	require.NoError(t, err)
	_, err = telemetry.Register(auth)
	assert.ErrorContains(t, err, "called before", "each series would be counted twice")
}

func TestWithoutASpanThereIsNone(t *testing.T) {
	telemetry, _ := newTelemetry(t)
	assert.Nil(t, telemetry.ObserveWait(t.Context()))
}

func typical() map[string]middleware.Decision {
	const issuer = "https://tenant.eu.auth0.com/"
	return map[string]middleware.Decision{
		"hit":     {Outcome: "ok", Issuer: issuer, Scheme: "Bearer", Transport: "http", Remembered: true, Claims: new(claims.Claims)},
		"refused": {Outcome: "refused", Reason: claims.ErrExpired, Issuer: issuer, Scheme: "Bearer", Transport: "http"},
		"missing": {Outcome: "missing", Transport: "http", Error: &middleware.Error{Status: 401}},
		"outage":  {Outcome: "unavailable", Reason: claims.ErrKeysUnavailable, Issuer: issuer, Scheme: "Bearer", Transport: "http"},
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	telemetry, auth := newTelemetry(t)
	_, err := telemetry.Register(auth)
	require.NoError(t, err)
	ctx := context.Background()
	for name, d := range typical() {
		for _, d.Duration = range []time.Duration{0, time.Microsecond} {
			assert.Zero(t, testing.AllocsPerRun(100, func() { telemetry.Observe(ctx, d) }), name)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	telemetry, auth := newTelemetry(b)
	_, err := telemetry.Register(auth)
	require.NoError(b, err)
	ctx := context.Background()
	for name, d := range typical() {
		for suffix, took := range map[string]time.Duration{"": 0, "/timed": time.Microsecond} {
			d.Duration = took
			b.Run(name+suffix, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					telemetry.Observe(ctx, d)
				}
			})
		}
	}
}
