// Package otelauth tells OpenTelemetry what a [middleware.Middleware] decides, and the state of
// its key sets:
//
//	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: meterProvider})
//	…
//	auth, err := middleware.New(middleware.Config{
//		…, Observe: telemetry.Observe, ObserveFetch: telemetry.ObserveFetch, ObserveWait: telemetry.ObserveWait,
//	})
//	…
//	registration, err := telemetry.Register(auth)
//
// It uses the API of OpenTelemetry only: neither its SDK nor its global providers.
//
// # Metrics
//
// They are those of package metrics, which says what their attributes can be and what issuers
// beyond the 64th have together. An attribute that does not apply is left out:
//
//	bearerguard.requests                     {request}       outcome, scheme, transport
//	bearerguard.verifications                {verification}  outcome, error.type, issuer
//	bearerguard.verification.duration        s               outcome, cache
//	bearerguard.token_cache.lookups          {lookup}        result
//	bearerguard.token_cache.entries          {token}
//	bearerguard.token_cache.evictions        {token}
//	bearerguard.jwks.fetches                 {fetch}         issuer, cause, result
//	bearerguard.jwks.fetch.duration          s               issuer, cause, result
//	bearerguard.jwks.state                                   issuer, state
//	bearerguard.jwks.age                     s               issuer
//	bearerguard.jwks.usable_for              s               issuer
//	bearerguard.jwks.last_success_timestamp  s               issuer
//	bearerguard.jwks.consecutive_failures    {fetch}         issuer
//	bearerguard.jwks.clock_difference        s               issuer
//	bearerguard.jwks.keys                    {key}           issuer
//	bearerguard.jwks.keys_skipped            {key}           issuer
//	bearerguard.jwks.unknown_kid             {lookup}        issuer
//	bearerguard.jwks.unknown_kid_suppressed  {lookup}        issuer
//
// The two histograms are recorded as things happen. All others are read when a reader of the SDK
// collects.
//
// # Traces
//
// There is no span for a decision. The current span of the request gets two attributes:
// bearerguard.outcome, and error.type for a refusal with a reason. The first has the name of
// this library because no semantic convention has one for it. A request that waits for keys gets
// a child span bearerguard.jwks.wait, of the provider that made the current span.
//
// # The metric of the server
//
// otelhttp measures http.server.request.duration with the route. It takes further attributes from
// inner handlers, so that refusals can be told apart by route and reason. This module does not
// require otelhttp; a program that uses it writes:
//
//	Observe: func(ctx context.Context, d middleware.Decision) {
//		telemetry.Observe(ctx, d)
//		if labeler, ok := otelhttp.LabelerFromContext(ctx); ok && d.Error != nil {
//			labeler.Add(attribute.String("error.type", cmp.Or(metrics.ErrorType(d), d.Outcome)))
//		}
//	},
package otelauth
