package metrics

import (
	"github.com/bearerguard/bearerguard/middleware/dpop"
	"github.com/bearerguard/bearerguard/middleware/mtls"
)

func mtlsFigures() []figure[mtls.Status] {
	return []figure[mtls.Status]{{
		"bearerguard.mtls.spoofed", counter, "{request}", "Requests with the certificate's field from an address that is no trusted proxy", "",
		func(s *mtls.Status) []part { return one(s.Spoofed) },
	}}
}

func dpopFigures() []figure[dpop.Status] {
	// A store of the program's has no status, and a Memory has no calls.
	remembers := func(s *dpop.Status) bool { return s.Replays.MaxEntries > 0 }
	calls := func(s *dpop.Status) bool { return len(s.Replays.Bounds) > 0 }
	return []figure[dpop.Status]{
		{
			"bearerguard.dpop.replays", counter, "{proof}", "Proofs that were used before", "",
			func(s *dpop.Status) []part { return only(remembers(s), count("", s.Replays.Replays)) },
		}, {
			"bearerguard.dpop.replay.entries", gauge, "{proof}", "Used proofs in the memory of this process", "",
			func(s *dpop.Status) []part { return only(remembers(s), count("", s.Replays.Entries)) },
		}, {
			"bearerguard.dpop.replay.max_entries", gauge, "{proof}", "The bound of the used proofs in memory", "",
			func(s *dpop.Status) []part { return only(remembers(s), count("", s.Replays.MaxEntries)) },
		}, {
			"bearerguard.dpop.replay.over_limit", counter, "{proof}", "Proofs that got a 503 because there were too many of their key, or in all", "",
			func(s *dpop.Status) []part { return only(remembers(s), count("", s.Replays.OverLimit)) },
		}, {
			"bearerguard.dpop.store.calls", counter, "{call}", "Calls of the shared store", "",
			func(s *dpop.Status) []part { return only(calls(s), count("", s.Replays.Calls)) },
		}, {
			"bearerguard.dpop.store.failures", counter, "{call}", "Calls of the shared store that failed", "",
			func(s *dpop.Status) []part { return only(calls(s), count("", s.Replays.Failures)) },
		}, {
			"bearerguard.dpop.store.call_time", counter, "s", "Time that all calls of the shared store took together", "",
			func(s *dpop.Status) []part { return only(calls(s), part{"", s.Replays.CallTime.Seconds()}) },
		}, {
			"bearerguard.dpop.store.fallbacks", counter, "{proof}", "Proofs that were accepted without the shared store", "",
			func(s *dpop.Status) []part { return only(calls(s), count("", s.Replays.Fallbacks)) },
		}, {
			"bearerguard.dpop.nonces", counter, "{proof}",
			"Proofs with a nonce that is accepted (live), with another one (dead), and without one that they needed (missing)", "state",
			func(s *dpop.Status) []part {
				return only(s.IssuesNonces,
					count("live", s.NoncesLive), count("dead", s.NoncesDead), count("missing", s.NoncesMissing))
			},
		},
	}
}
