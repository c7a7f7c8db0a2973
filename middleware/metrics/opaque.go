package metrics

import (
	"github.com/bearerguard/bearerguard/middleware/introspection"
)

func introspectionFigures() []figure[introspection.Status] {
	return []figure[introspection.Status]{
		{
			"bearerguard.introspection.requests", counter, "{request}", "Requests to the endpoint that have ended", "result",
			func(s *introspection.Status) []part {
				return []part{
					count("active", s.Active), count("inactive", s.Inactive), count("outage", s.Outages),
					count("credentials", s.CredentialErrors), count("unusable", s.Errors-s.Outages-s.CredentialErrors),
				}
			},
		}, {
			"bearerguard.introspection.request_time", counter, "s", "Time that all requests to the endpoint took together", "",
			func(s *introspection.Status) []part { return one(s.RequestTime.Seconds()) },
		}, {
			"bearerguard.introspection.in_flight", gauge, "{request}", "Requests to the endpoint that are under way", "",
			func(s *introspection.Status) []part { return one(s.InFlight) },
		}, {
			"bearerguard.introspection.remembered", counter, "{answer}",
			"Answers from memory, within their time (fresh) or because the endpoint failed (stale)", "result",
			func(s *introspection.Status) []part { return []part{count("fresh", s.Cached), count("stale", s.Stale)} },
		}, {
			"bearerguard.introspection.unasked", counter, "{token}",
			"Tokens that were not asked about: too many unknown ones (rate), too many requests (in_flight), or the endpoint fails (pause)",
			"cause",
			func(s *introspection.Status) []part {
				return []part{
					count("rate", s.Limited-s.LimitedInFlight), count("in_flight", s.LimitedInFlight), count("pause", s.Paused),
				}
			},
		}, {
			"bearerguard.introspection.entries", gauge, "{token}", "Tokens that are remembered, by whether they were accepted", "state",
			func(s *introspection.Status) []part {
				return []part{count("accepted", s.Entries), count("other", s.InactiveEntries)}
			},
		}, {
			"bearerguard.introspection.evictions", counter, "{token}", "Accepted tokens that were dropped to make room", "",
			func(s *introspection.Status) []part { return one(s.Evictions) },
		},
	}
}
