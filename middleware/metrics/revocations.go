package metrics

import (
	"github.com/bearerguard/bearerguard/claims/revocation"
)

func revocationFigures() []figure[revocation.Status] {
	kinds := []revocation.Kind{revocation.Token, revocation.Session, revocation.Subject, revocation.Client, revocation.Issuer}
	return []figure[revocation.Status]{
		{
			"bearerguard.revocation.refused", counter, "{token}", "Tokens that were cut off, by the kind of the entry", "kind",
			func(s *revocation.Status) (list []part) {
				for _, k := range kinds {
					list = append(list, count(string(k), s.RefusedBy[k]))
				}
				return list
			},
		}, {
			"bearerguard.revocation.entries", gauge, "{entry}", "Entries of the list", "kind",
			func(s *revocation.Status) (list []part) {
				for _, k := range kinds {
					list = append(list, count(string(k), s.Entries[k]))
				}
				return list
			},
		}, {
			"bearerguard.revocation.max_entries", gauge, "{entry}", "The bound of the entries", "",
			func(s *revocation.Status) []part { return one(s.MaxEntries) },
		}, {
			"bearerguard.revocation.over_limit", counter, "{entry}", "Entries that there was no room for, each time", "",
			func(s *revocation.Status) []part { return one(s.OverLimit) },
		}, {
			"bearerguard.revocation.logouts", counter, "{request}", "Logout requests that were carried out (ok), or that were not", "result",
			func(s *revocation.Status) []part {
				return []part{count("ok", s.Logouts), count("refused", s.LogoutsRefused)}
			},
		},
	}
}

// feedFigures are those of shared lists.
func feedFigures() []figure[revocation.Status] {
	isShared := func(s *revocation.Status) bool { return s.MaxAge > 0 }
	return []figure[revocation.Status]{
		{
			"bearerguard.revocation.feed.age", gauge, "s", "Age of a shared list", "",
			func(s *revocation.Status) []part { return only(isShared(s), part{"", s.Age.Seconds()}) },
		}, {
			"bearerguard.revocation.feed.max_age", gauge, "s", "The age at which a shared list is too old", "",
			func(s *revocation.Status) []part { return only(isShared(s), part{"", s.MaxAge.Seconds()}) },
		}, {
			"bearerguard.revocation.feed.polls", counter, "{poll}", "Readings of a shared list", "",
			func(s *revocation.Status) []part { return only(isShared(s), count("", s.Polls)) },
		}, {
			"bearerguard.revocation.feed.failures", counter, "{poll}", "Readings of a shared list that failed", "",
			func(s *revocation.Status) []part { return only(isShared(s), count("", s.Failures)) },
		}, {
			"bearerguard.revocation.feed.malformed", counter, "{entry}", "Entries of a shared list that could not be read, each time", "",
			func(s *revocation.Status) []part { return only(isShared(s), count("", s.Malformed)) },
		}, {
			"bearerguard.revocation.feed.waiting", gauge, "{entry}", "Additions that the server has not taken yet", "",
			func(s *revocation.Status) []part { return only(isShared(s), count("", s.Waiting)) },
		}, {
			"bearerguard.revocation.feed.given_back", counter, "{entry}", "Entries that the server had lost, and that were sent again", "",
			func(s *revocation.Status) []part { return only(isShared(s), count("", s.GivenBack)) },
		}, {
			"bearerguard.revocation.feed.stale_checks", counter, "{check}",
			"Checks by a list that was too old, which were refused with a 503 or went on without it (accepted)", "result",
			func(s *revocation.Status) []part {
				return only(isShared(s), count("refused", s.StaleRefused), count("accepted", s.StaleAccepted))
			},
		},
	}
}
