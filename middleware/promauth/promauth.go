// Package promauth shows Prometheus what a [middleware.Middleware] decides, the state of its key
// sets, and what else a program has:
//
//	metrics := promauth.New()
//	auth, err := middleware.New(middleware.Config{
//		…, Observe: metrics.Observe, ObserveFetch: metrics.ObserveFetch,
//	})
//	…
//	registry.MustRegister(metrics.Collector(auth))
//
// A Middleware does not know all that a program has. What it does not know needs one line each:
//
//	metrics.ShowRevocation("logout", list)      // a list of package claims/revocation
//	metrics.ShowIntrospection(issuer, opaque)   // the Opaque of an issuer
//	metrics.ShowTenants(resolver)               // Config.Tenants
//	metrics.ShowGateway("timesheets", handler)  // a Handler of package forwardauth
//	metrics.ShowReloads(read)                   // what reads the issuers from a file
//
// Nothing is registered by itself. The metrics are those of package metrics, which says what
// their labels can be and what issuers beyond the 64th have together. Their names follow the
// conventions of Prometheus, and are those that OpenTelemetry's exporter for Prometheus gives
// to the metrics of package otelauth:
//
//	bearerguard_requests_total{outcome,scheme,transport}
//	bearerguard_verifications_total{error_type,issuer,outcome}
//	bearerguard_verification_duration_seconds{cache,outcome}, with Config.ObserveDuration
//	bearerguard_token_cache_lookups_total{result}
//	bearerguard_token_cache_entries
//	bearerguard_token_cache_evictions_total
//	bearerguard_jwks_fetches_total{cause,issuer,result}
//	bearerguard_jwks_fetch_duration_seconds{cause,issuer,result}
//	bearerguard_jwks_state{issuer,state}
//	bearerguard_jwks_age_seconds{issuer}
//	bearerguard_jwks_usable_for_seconds{issuer}
//	bearerguard_jwks_last_success_timestamp_seconds{issuer}
//	bearerguard_jwks_consecutive_failures{issuer}
//	bearerguard_jwks_clock_difference_seconds{issuer}
//	bearerguard_jwks_keys{issuer}
//	bearerguard_jwks_keys_skipped{issuer}
//	bearerguard_jwks_unknown_kid_total{issuer}
//	bearerguard_jwks_unknown_kid_suppressed_total{issuer}
//	bearerguard_issuers
//	bearerguard_issuers_reloads_total{result}
//	bearerguard_issuers_reload_refused
//	bearerguard_issuers_last_reload_timestamp_seconds
//
// With Config.DPoP and Config.MTLS. Those of a store are there if dpop.Config.Replays is a dpop.Shared:
//
//	bearerguard_dpop_replays_total
//	bearerguard_dpop_replay_entries
//	bearerguard_dpop_replay_max_entries
//	bearerguard_dpop_replay_over_limit_total
//	bearerguard_dpop_store_calls_total
//	bearerguard_dpop_store_failures_total
//	bearerguard_dpop_store_call_time_seconds_total
//	bearerguard_dpop_store_fallbacks_total
//	bearerguard_dpop_nonces_total{state}
//	bearerguard_mtls_spoofed_total
//
// With ShowRevocation. Those of a feed are there if the list is shared:
//
//	bearerguard_revocation_refused_total{feed,kind}
//	bearerguard_revocation_entries{feed,kind}
//	bearerguard_revocation_max_entries{feed}
//	bearerguard_revocation_over_limit_total{feed}
//	bearerguard_revocation_logouts_total{feed,result}
//	bearerguard_revocation_feed_age_seconds{feed}
//	bearerguard_revocation_feed_max_age_seconds{feed}
//	bearerguard_revocation_feed_polls_total{feed}
//	bearerguard_revocation_feed_failures_total{feed}
//	bearerguard_revocation_feed_malformed_total{feed}
//	bearerguard_revocation_feed_waiting{feed}
//	bearerguard_revocation_feed_given_back_total{feed}
//	bearerguard_revocation_feed_stale_checks_total{feed,result}
//
// With ShowIntrospection, ShowTenants and ShowGateway:
//
//	bearerguard_introspection_requests_total{issuer,result}
//	bearerguard_introspection_request_time_seconds_total{issuer}
//	bearerguard_introspection_in_flight{issuer}
//	bearerguard_introspection_remembered_total{issuer,result}
//	bearerguard_introspection_unasked_total{cause,issuer}
//	bearerguard_introspection_entries{issuer,state}
//	bearerguard_introspection_evictions_total{issuer}
//	bearerguard_tenants_entries{state}
//	bearerguard_tenants_evictions_total
//	bearerguard_tenants_lookups_total{result}
//	bearerguard_tenants_lookup_time_seconds_total
//	bearerguard_tenants_in_flight
//	bearerguard_tenants_unanswered_total{cause}
//	bearerguard_forwardauth_refusals_total{cause,gateway}
//
// A program with two Middlewares gives each a Metrics of its own and a label that tells them
// apart. Without the label, registering the second Collector is an error:
//
//	prometheus.WrapRegistererWith(prometheus.Labels{"api": "orders"}, registry).
//		MustRegister(orders.Collector(ordersAuth))
package promauth

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/metrics"
)

// A Metrics counts the decisions of one [middleware.Middleware], by the methods Observe and
// ObserveFetch of its Counts. The methods Show of its Counts add what the Middleware does not know.
// [New] makes it. It is safe for concurrent use.
type Metrics struct{ *metrics.Counts }

// New returns a Metrics that has counted nothing.
func New() *Metrics { return &Metrics{metrics.New()} }

// Collector returns what a program registers. auth is the Middleware whose decisions m counts.
// Call Collector before auth serves requests: from then on the issuers of auth are known, and
// all others count as "_other".
//
// A scrape makes no request and stops none. It reads the status of every issuer, and of what the
// methods Show have added, before or after.
func (m *Metrics) Collector(auth *middleware.Middleware) prometheus.Collector {
	c := &collector{counts: m.Counts, auth: auth}
	for _, f := range m.Families(auth.Status()) {
		c.descs = append(c.descs, describe(f))
	}
	return c
}

type collector struct {
	counts *metrics.Counts
	auth   *middleware.Middleware
	descs  []*prometheus.Desc // of the families, in their order
}

func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		descs <- d
	}
}

func (c *collector) Collect(list chan<- prometheus.Metric) {
	for n, f := range c.counts.Families(c.auth.Status()) {
		for _, s := range f.Series {
			list <- metric(c.descs[n], f, s)
		}
	}
}

func metric(desc *prometheus.Desc, f metrics.Family, s metrics.Series) prometheus.Metric {
	var m prometheus.Metric
	var err error
	switch f.Kind {
	case "histogram":
		buckets := make(map[float64]uint64, len(f.Bounds))
		for n, bound := range f.Bounds {
			buckets[bound] = s.Buckets[n]
		}
		m, err = prometheus.NewConstHistogram(desc, s.Count, s.Sum, buckets, s.Values...)
	case "counter":
		m, err = prometheus.NewConstMetric(desc, prometheus.CounterValue, s.Value, s.Values...)
	default:
		m, err = prometheus.NewConstMetric(desc, prometheus.GaugeValue, s.Value, s.Values...)
	}
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return m
}

// describe names a family as Prometheus does: with its unit, if that is a unit of measure, and
// with the end "_total" for a counter.
func describe(f metrics.Family) *prometheus.Desc {
	name := strings.ReplaceAll(f.Name, ".", "_")
	if f.Unit == "s" {
		name += "_seconds"
	}
	if f.Kind == "counter" {
		name += "_total"
	}
	labels := make([]string, len(f.Labels))
	for n, label := range f.Labels {
		labels[n] = strings.ReplaceAll(label, ".", "_")
	}
	return prometheus.NewDesc(name, f.Help, labels, nil)
}
