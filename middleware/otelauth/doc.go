// Package otelauth tells OpenTelemetry what a [middleware.Middleware] decides, the state of its key
// sets, and what else a program has:
//
//	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: meterProvider})
//	…
//	auth, err := middleware.New(middleware.Config{
//		…, Observe: telemetry.Observe, ObserveFetch: telemetry.ObserveFetch, ObserveWait: telemetry.ObserveWait,
//	})
//	…
//	registration, err := telemetry.Register(auth)
//
// A Middleware does not know all that a program has. What it does not know needs one line each:
//
//	telemetry.ShowRevocation("logout", list)      // a list of package claims/revocation
//	telemetry.ShowIntrospection(issuer, opaque)   // the Opaque of an issuer
//	telemetry.ShowTenants(resolver)               // Config.Tenants
//	telemetry.ShowGateway("timesheets", handler)  // a Handler of package forwardauth
//	telemetry.ShowReloads(read)                   // what reads the issuers from a file
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
// Those of the calls of Replace, or of ShowReloads:
//
//	bearerguard.issuers                         {issuer}
//	bearerguard.issuers.reloads                 {reload}       result
//	bearerguard.issuers.reload_refused
//	bearerguard.issuers.last_reload_timestamp   s
//
// With Config.DPoP and Config.MTLS. Those of a store are there if dpop.Config.Replays is a
// dpop.Shared:
//
//	bearerguard.mtls.spoofed                    {request}
//	bearerguard.dpop.replays                    {proof}
//	bearerguard.dpop.replay.entries             {proof}
//	bearerguard.dpop.replay.max_entries         {proof}
//	bearerguard.dpop.replay.over_limit          {proof}
//	bearerguard.dpop.store.calls                {call}
//	bearerguard.dpop.store.failures             {call}
//	bearerguard.dpop.store.call_time            s
//	bearerguard.dpop.store.fallbacks            {proof}
//	bearerguard.dpop.nonces                     {proof}        state
//
// With ShowRevocation. Those of a feed are there if the list is shared:
//
//	bearerguard.revocation.refused              {token}        feed, kind
//	bearerguard.revocation.entries              {entry}        feed, kind
//	bearerguard.revocation.max_entries          {entry}        feed
//	bearerguard.revocation.over_limit           {entry}        feed
//	bearerguard.revocation.logouts              {request}      feed, result
//	bearerguard.revocation.feed.age             s              feed
//	bearerguard.revocation.feed.max_age         s              feed
//	bearerguard.revocation.feed.polls           {poll}         feed
//	bearerguard.revocation.feed.failures        {poll}         feed
//	bearerguard.revocation.feed.malformed       {entry}        feed
//	bearerguard.revocation.feed.waiting         {entry}        feed
//	bearerguard.revocation.feed.given_back      {entry}        feed
//	bearerguard.revocation.feed.stale_checks    {check}        feed, result
//
// With ShowIntrospection, ShowTenants and ShowGateway:
//
//	bearerguard.tenants.entries                 {issuer}       state
//	bearerguard.tenants.evictions               {issuer}
//	bearerguard.tenants.lookups                 {lookup}       result
//	bearerguard.tenants.lookup_time             s
//	bearerguard.tenants.in_flight               {lookup}
//	bearerguard.tenants.unanswered              {request}      cause
//	bearerguard.introspection.requests          {request}      issuer, result
//	bearerguard.introspection.request_time      s              issuer
//	bearerguard.introspection.in_flight         {request}      issuer
//	bearerguard.introspection.remembered        {answer}       issuer, result
//	bearerguard.introspection.unasked           {token}        issuer, cause
//	bearerguard.introspection.entries           {token}        issuer, state
//	bearerguard.introspection.evictions         {token}        issuer
//	bearerguard.forwardauth.refusals            {request}      gateway, cause
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
