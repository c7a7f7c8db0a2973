// Package metrics counts what a [middleware.Middleware] decides. It also shows the state of its
// caches, and of what else a program has, such as a list of revoked tokens.
//
// It has no dependency, so that a program can publish its figures by any means. Most programs
// use package promauth for Prometheus, or package otelauth for OpenTelemetry, which rest on it.
// A program that wants neither publishes [Counts.Var] with package expvar:
//
//	counts := metrics.New()
//	auth, err := middleware.New(middleware.Config{
//		…, Observe: counts.Observe, ObserveFetch: counts.ObserveFetch,
//	})
//	…
//	expvar.Publish("bearerguard", counts.Var(auth))
//
// # What a Middleware does not know
//
// A Middleware knows its issuers and their keys, remembered tokens, calls of Replace, DPoP proofs,
// and spoofed certificates. Everything else needs one line each:
//
//	counts.ShowRevocation("logout", list)       // of package claims/revocation
//	counts.ShowIntrospection(issuer, opaque)    // of package introspection
//	counts.ShowTenants(resolver)                // of package claims/tenants
//	counts.ShowGateway("timesheets", handler)   // of package forwardauth
//	counts.ShowReloads(read)                    // of what reads the issuers from a file
//
// A program can write these lines at any time, and in any order. Their figures are read when the
// others are, and never on behalf of a request.
//
// # Labels
//
// All values of labels are from fixed lists, but for issuers, and for feed and gateway, which the
// program names. No part of a token is ever in a label: no kid, subject, client or jti, and no iss
// that is not configured.
//
//	outcome     ok, missing, refused, forbidden, unavailable: see middleware.Decision
//	error.type  the claims.Reason, or invalid_request for a 400; empty if there is none
//	issuer      a configured issuer, as the configuration writes it; empty if a decision has none
//	scheme      Bearer, DPoP; empty without a token
//	transport   http, grpc, connect
//	cause       schedule, forced, asked: see jwks.Config.OnFetch
//	result      of a fetch: ok, not_modified, error; of a look-up: hit, miss, key_gone
//	state       the jwks.State
//	feed        what ShowRevocation names
//	gateway     what ShowGateway names
//	kind        the revocation.Kind
//
// The help of a family says what its other values of result, state and cause mean.
//
// Any other value counts as "_other". The first 64 issuers have values of their own, in the
// order of the configuration, and all later ones are "_other" together.
//
// All series of counters that can be expected are there from the start, with 0, so that the
// first refusal is a difference. An unusual one, as of the label "_other", appears with its
// first count. So do durations: those of decisions all at once, those of fetches one by one.
//
// # Issuers beyond the 64th
//
// Their counters are the sum. Of the figures about key sets "_other" has the worst:
//
//	age, keys_skipped, consecutive_failures   the greatest
//	clock_difference                          the farthest from 0
//	usable_for, keys, last_success_timestamp  the least of those that have had a key set
//	state                                     1 for each state that one of them is in
//	unknown_kid, unknown_kid_suppressed       the sum
//
// The figures about introspection are the sum, too.
package metrics
