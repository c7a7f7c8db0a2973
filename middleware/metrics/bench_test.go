package metrics_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
)

// typical returns one Decision of each kind that a server makes often.
func typical(t testing.TB) map[string]middleware.Decision {
	t.Helper()
	c, err := claims.ParseUnverified([]byte(`{"sub":"alice"}`))
	require.NoError(t, err)
	return map[string]middleware.Decision{
		"hit": {
			Outcome: "ok", Issuer: issuerURL, Scheme: "Bearer", Transport: "http", Remembered: true, Claims: c,
		},
		"miss":    {Outcome: "ok", Issuer: issuerURL, Scheme: "Bearer", Transport: "grpc", Claims: c},
		"nested":  {Outcome: "ok", Issuer: issuerURL, Scheme: "Bearer", Transport: "http", Claims: c, Nested: true},
		"missing": {Outcome: "missing", Transport: "http", Error: &middleware.Error{Status: http.StatusUnauthorized}},
		"refused": {
			Outcome: "refused", Reason: claims.ErrExpired, Issuer: issuerURL, Scheme: "Bearer", Transport: "http",
		},
		"no issuer": {Outcome: "refused", Reason: claims.ErrIssuer, Scheme: "Bearer", Transport: "http"},
		"outage": {
			Outcome: "unavailable", Reason: claims.ErrKeysUnavailable, Issuer: issuerURL, Scheme: "Bearer", Transport: "connect",
		},
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	counts, ctx := known(3), context.Background()
	for name, d := range typical(t) {
		for _, took := range []time.Duration{0, 3 * time.Microsecond, time.Minute} {
			d.Duration = took
			assert.Zero(t, testing.AllocsPerRun(100, func() { counts.Observe(ctx, d) }), "%s, %v", name, took)
		}
	}
	assert.Zero(t, testing.AllocsPerRun(100, func() { counts.ObserveFetch(issuerURL, "forced", "error", time.Second) }))
}

func BenchmarkObserve(b *testing.B) {
	counts, ctx := known(3), context.Background()
	for name, d := range typical(b) {
		for suffix, took := range map[string]time.Duration{"": 0, "/timed": 3 * time.Microsecond} {
			d.Duration = took
			b.Run(name+suffix, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					counts.Observe(ctx, d)
				}
			})
		}
	}
	b.Run("hit/64 issuers", func(b *testing.B) {
		counts, d := known(64), typical(b)["hit"]
		for b.Loop() {
			counts.Observe(ctx, d)
		}
	})
	b.Run("hit/all cores", func(b *testing.B) {
		d := typical(b)["hit"]
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				counts.Observe(ctx, d)
			}
		})
	})
}
