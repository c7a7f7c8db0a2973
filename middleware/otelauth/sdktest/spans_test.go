package sdktest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
)

// A tracer serves requests in a span each, and keeps the spans.
type tracer struct {
	recorder *tracetest.SpanRecorder
	provider *sdktrace.TracerProvider
}

func newTracer(sampler sdktrace.Sampler) *tracer {
	recorder := tracetest.NewSpanRecorder()
	return &tracer{recorder, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder), sdktrace.WithSampler(sampler))}
}

// serve returns the status, and the spans that have ended.
func (t *tracer) serve(h http.Handler, authorization string) (int, []sdktrace.ReadOnlySpan) {
	r, w := get(authorization), httptest.NewRecorder()
	ctx, span := t.provider.Tracer("server").Start(r.Context(), "GET /timesheets", trace.WithSpanKind(trace.SpanKindServer))
	h.ServeHTTP(w, r.WithContext(ctx))
	span.End()
	spans := t.recorder.Ended()
	t.recorder.Reset()
	return w.Code, spans
}

// texts returns the attributes of a span.
func texts(span sdktrace.ReadOnlySpan) (list []string) {
	for _, kv := range span.Attributes() {
		list = append(list, fmt.Sprintf("%s=%s", kv.Key, kv.Value.String()))
	}
	return list
}

func TestAttributesOfTheCurrentSpan(t *testing.T) {
	issuer := jwkstest.NewIssuer(jwkstest.Config{})
	telemetry, _ := newTelemetry(t)
	auth := observed(t, issuer, telemetry)
	h := auth.Handler(auth.RequireScopes("read:example")(empty))
	spans := newTracer(sdktrace.AlwaysSample())
	spans.serve(h, "Bearer "+issuer.Token(nil)) // fetches the keys
	for _, tt := range []struct {
		rule, authorization string
		status              int
		want                []string
	}{
		{"let through", "Bearer " + issuer.Token(nil), 200, []string{"bearerguard.outcome=ok"}},
		{"no token has no reason", "", 401, []string{"bearerguard.outcome=missing"}},
		{"malformed request", "Bearer", 400, []string{"bearerguard.outcome=refused", "error.type=invalid_request"}},
		{
			"refused token", "Bearer " + issuer.Token(map[string]any{"exp": 1}), 401,
			[]string{"bearerguard.outcome=refused", "error.type=expired"},
		},
		{
			"the inner layer has the last word", "Bearer " + issuer.Token(map[string]any{"scope": ""}), 403,
			[]string{"bearerguard.outcome=forbidden", "error.type=forbidden"},
		},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			status, ended := spans.serve(h, tt.authorization)
			assert.Equal(t, tt.status, status)
			require.Len(t, ended, 1, "there is no span but that of the server")
			assert.ElementsMatch(t, tt.want, texts(ended[0]))
			assert.Equal(t, codes.Unset, ended[0].Status().Code, "the server says whether it has failed")
		})
	}
}

// A request that waits for keys has a child span. Nothing in it comes from the token or from an
// error's text.
func TestSpanOfAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := jwkstest.NewIssuer(jwkstest.Config{})
		telemetry, _ := newTelemetry(t)
		auth := observed(t, issuer, telemetry)
		h, spans := auth.Handler(empty), newTracer(sdktrace.AlwaysSample())
		wait := func(authorization string, status int) sdktrace.ReadOnlySpan {
			t.Helper()
			got, ended := spans.serve(h, authorization)
			assert.Equal(t, status, got)
			require.Len(t, ended, 2)
			child, server := ended[0], ended[1]
			assert.Equal(t, "bearerguard.jwks.wait", child.Name())
			assert.Equal(t, trace.SpanKindInternal, child.SpanKind())
			assert.Equal(t, server.SpanContext().SpanID(), child.Parent().SpanID())
			assert.Empty(t, child.Events())
			assert.Empty(t, child.Status().Description)
			synctest.Wait()
			return child
		}

		issuer.FailNext(1, jwkstest.JWKS, jwkstest.Delay(time.Second))
		cold := wait("Bearer "+issuer.Token(nil), http.StatusOK)
		assert.Equal(t, time.Second, cold.EndTime().Sub(cold.StartTime()))
		assert.Empty(t, cold.Attributes())
		assert.Equal(t, codes.Unset, cold.Status().Code)

		_, ended := spans.serve(h, "Bearer "+issuer.Token(nil))
		assert.Len(t, ended, 1, "a request that does not wait has no span")

		issuer.FailNext(1, jwkstest.JWKS, jwkstest.Delay(time.Second)) // an answer at once needs no wait
		unknown := wait("Bearer "+issuer.Token(nil, jwkstest.Header("kid", "h0stile")), http.StatusUnauthorized)
		assert.Empty(t, unknown.Attributes())
		assert.Equal(t, codes.Unset, unknown.Status().Code, "the wait has told that there is no such key")

		issuer.Fail(jwkstest.JWKS, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			jwkstest.Delay(time.Second)(w, r, http.NotFoundHandler())
		})
		time.Sleep(25 * time.Hour)
		outage := wait("Bearer "+issuer.Token(nil), http.StatusServiceUnavailable)
		assert.Equal(t, []string{"error.type=keys_unavailable"}, texts(outage))
		assert.Equal(t, codes.Error, outage.Status().Code)
	})
}

func TestWaitWithAnErrorOfAnotherKind(t *testing.T) {
	telemetry, _ := newTelemetry(t)
	for rule, tt := range map[string]struct {
		err  error
		want []string
	}{
		"without a reason":    {errors.New("dial tcp 10.0.0.1: h0stile"), []string{"error.type=_other"}},
		"of a context":        {&claims.UnavailableError{Err: context.Canceled}, []string{"error.type=keys_unavailable"}},
		"with a made-up one":  {claims.Reason("h0stile"), []string{"error.type=_other"}},
		"a key without a use": {claims.ErrUnusableKey, nil},
	} {
		t.Run(rule, func(t *testing.T) {
			spans := newTracer(sdktrace.AlwaysSample())
			ctx, parent := spans.provider.Tracer("server").Start(t.Context(), "GET /timesheets")
			telemetry.ObserveWait(ctx)(tt.err)
			parent.End()
			child := spans.recorder.Ended()[0]
			assert.ElementsMatch(t, tt.want, texts(child))
			assert.Empty(t, child.Status().Description)
		})
	}
}

// A span that is not recorded gets no child, and costs no allocation.
func TestUnsampledRequests(t *testing.T) {
	telemetry, _ := newTelemetry(t)
	observed(t, jwkstest.NewIssuer(jwkstest.Config{}), telemetry)
	ctx, _ := newTracer(sdktrace.NeverSample()).provider.Tracer("server").Start(t.Context(), "GET /timesheets")
	assert.Nil(t, telemetry.ObserveWait(ctx))
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, d := range typical() {
		for _, d.Duration = range []time.Duration{0, time.Microsecond, time.Second} {
			assert.Zero(t, testing.AllocsPerRun(100, func() { telemetry.Observe(ctx, d) }), "%s, %v", name, d.Duration)
		}
	}
}

func typical() map[string]middleware.Decision {
	const issuer = "https://issuer.example.test/"
	return map[string]middleware.Decision{
		"hit":     {Outcome: "ok", Issuer: issuer, Scheme: "Bearer", Transport: "http", Remembered: true, Claims: new(claims.Claims)},
		"miss":    {Outcome: "ok", Issuer: issuer, Scheme: "Bearer", Transport: "http", Claims: new(claims.Claims)},
		"refused": {Outcome: "refused", Reason: claims.ErrExpired, Issuer: issuer, Scheme: "Bearer", Transport: "http"},
		"missing": {Outcome: "missing", Transport: "http", Error: &middleware.Error{Status: http.StatusUnauthorized}},
	}
}

func BenchmarkObserve(b *testing.B) {
	telemetry, _ := newTelemetry(b)
	observed(b, jwkstest.NewIssuer(jwkstest.Config{}), telemetry)
	unsampled, _ := newTracer(sdktrace.NeverSample()).provider.Tracer("server").Start(b.Context(), "GET /timesheets")
	for span, ctx := range map[string]context.Context{"none": b.Context(), "unsampled": unsampled} {
		for name, d := range typical() {
			for suffix, took := range map[string]time.Duration{"": 0, "/timed": time.Microsecond} {
				d.Duration = took
				b.Run("span="+span+"/"+name+suffix, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						telemetry.Observe(ctx, d)
					}
				})
			}
		}
	}
}
