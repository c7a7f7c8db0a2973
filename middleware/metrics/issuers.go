package metrics

import (
	"time"

	"github.com/bearerguard/bearerguard/claims/tenants"
	"github.com/bearerguard/bearerguard/middleware"
)

// An issuerStatus says how many issuers there are, and how they were replaced.
type issuerStatus struct {
	issuers         int
	loaded, refused uint64
	loadedAt        time.Time
	problem         error
}

func issuersOf(s *sources, status *middleware.Status) []labeled[issuerStatus] {
	r := issuerStatus{len(status.Issuers), status.Replaced, status.ReplaceRefused, status.ReplacedAt, status.ReplaceError}
	if s.reloads != nil {
		r.loaded, r.refused, r.loadedAt, r.problem = s.reloads()
	}
	return []labeled[issuerStatus]{{status: r}}
}

func issuerFigures() []figure[issuerStatus] {
	return []figure[issuerStatus]{
		{
			"bearerguard.issuers", gauge, "{issuer}", "Issuers that are configured, without tenants", "",
			func(r *issuerStatus) []part { return one(r.issuers) },
		}, {
			"bearerguard.issuers.reloads", counter, "{reload}", "New sets of issuers that took effect (ok), or that did not", "result",
			func(r *issuerStatus) []part { return []part{count("ok", r.loaded), count("refused", r.refused)} },
		}, {
			"bearerguard.issuers.reload_refused", gauge, "",
			"1 while the latest set of issuers is refused and the one before it is in force", "",
			func(r *issuerStatus) []part { return one(flag(r.problem != nil)) },
		}, {
			"bearerguard.issuers.last_reload_timestamp", gauge, "s",
			"Time since 1970 at which the latest new set of issuers took effect, 0 before the first one", "",
			func(r *issuerStatus) []part { return one(since1970(r.loadedAt)) },
		},
	}
}

func tenantFigures() []figure[tenants.Status] {
	return []figure[tenants.Status]{
		{
			"bearerguard.tenants.entries", gauge, "{issuer}",
			"Tenants that are remembered, with a token that was verified (proven) or without, and issuers that are none (absent)", "state",
			func(s *tenants.Status) []part {
				return []part{count("proven", s.Tenants), count("unproven", s.Unproven), count("absent", s.Absent)}
			},
		}, {
			"bearerguard.tenants.evictions", counter, "{issuer}", "Proven tenants that were dropped to make room", "",
			func(s *tenants.Status) []part { return one(s.Evictions) },
		}, {
			"bearerguard.tenants.lookups", counter, "{lookup}", "Look-ups of tenants that have ended", "result",
			func(s *tenants.Status) []part {
				return []part{
					count("found", s.Found), count("not_found", s.NotFound), count("failed", s.Failed), count("invalid", s.Invalid),
				}
			},
		}, {
			"bearerguard.tenants.lookup_time", counter, "s", "Time that all look-ups of tenants took together", "",
			func(s *tenants.Status) []part { return one(s.LookupTime.Seconds()) },
		}, {
			"bearerguard.tenants.in_flight", gauge, "{lookup}", "Look-ups of tenants that are under way or wait for their turn", "",
			func(s *tenants.Status) []part { return one(s.InFlight) },
		}, {
			"bearerguard.tenants.unanswered", counter, "{request}",
			"Requests that got a 503 because there were too many look-ups (limit), or because theirs took too long (slow)", "cause",
			func(s *tenants.Status) []part { return []part{count("limit", s.Refused), count("slow", s.Slow)} },
		},
	}
}
