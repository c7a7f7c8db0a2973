package otelauth

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

// The attributes of spans. The second is that of the semantic conventions.
const (
	outcomeKey   = attribute.Key("bearerguard.outcome")
	errorTypeKey = attribute.Key("error.type")
)

// mark says on a span what was decided. Whether the span has failed is for the server to say: a
// refusal is no failure of the server.
func mark(span trace.Span, d middleware.Decision) {
	outcome := outcomeKey.String(d.Outcome)
	if errorType := metrics.ErrorType(d); errorType != "" {
		span.SetAttributes(outcome, errorTypeKey.String(errorType))
		return
	}
	span.SetAttributes(outcome)
}

// ObserveWait makes a child of the current span of ctx, for a request that waits for keys. It is
// for Config.ObserveWait of package middleware. A request whose span is not recorded gets none.
//
// The span has the error.type of a wait that failed, and no text of the error, which can name
// hosts. It has no error for a key that the issuer does not have: the wait has answered that.
func (t *Telemetry) ObserveWait(ctx context.Context) (done func(err error)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return nil
	}
	_, span := parent.TracerProvider().Tracer(scope).Start(ctx, "bearerguard.jwks.wait", trace.WithSpanKind(trace.SpanKindInternal))
	return func(err error) {
		if err != nil && !errors.Is(err, claims.ErrUnknownKey) {
			reason, _ := errors.AsType[claims.Reason](err)
			span.SetAttributes(errorTypeKey.String(metrics.ErrorType(middleware.Decision{Outcome: "unavailable", Reason: reason})))
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}
