package metrics

import (
	"math"
	"time"

	"github.com/bearerguard/bearerguard/jwks"
)

// A keyFigure is one figure of the status of a key cache.
type keyFigure struct {
	name string
	kind string
	unit string
	help string
	of   func(s *jwks.Status, now time.Time) float64
	// worse returns what two issuers that share a label have together. warm leaves those out
	// that have had no key set yet: an API with many tenants always has some.
	worse func(a, b float64) float64
	warm  bool
}

// keyFigures returns them in the order of Families.
func keyFigures() []keyFigure {
	return []keyFigure{
		{
			"bearerguard.jwks.age", gauge, "s", "Age of the key set in use, 0 before the first one",
			func(s *jwks.Status, _ time.Time) float64 { return s.Age.Seconds() }, math.Max, false,
		}, {
			"bearerguard.jwks.usable_for", gauge, "s", "Time until the key set cannot be used without a success, 0 if it cannot now",
			usableFor, math.Min, true,
		}, {
			"bearerguard.jwks.keys", gauge, "{key}", "Usable keys of the key set",
			func(s *jwks.Status, _ time.Time) float64 { return float64(s.Keys) }, math.Min, true,
		}, {
			"bearerguard.jwks.keys_skipped", gauge, "{key}", "Keys of the key set that cannot be used",
			func(s *jwks.Status, _ time.Time) float64 { return float64(len(s.Skipped)) }, math.Max, false,
		}, {
			"bearerguard.jwks.consecutive_failures", gauge, "{fetch}", "Scheduled and asked fetches that failed in a row",
			func(s *jwks.Status, _ time.Time) float64 { return float64(s.Failures) }, math.Max, false,
		}, {
			"bearerguard.jwks.last_success_timestamp", gauge, "s", "Time of the latest successful fetch since 1970, 0 before the first one",
			lastSuccess, math.Min, true,
		}, {
			"bearerguard.jwks.clock_difference", gauge, "s", "Time that the clock of the issuer is ahead, negative if it is behind",
			func(s *jwks.Status, _ time.Time) float64 { return s.ClockDifference.Seconds() }, farther, false,
		}, {
			"bearerguard.jwks.unknown_kid", counter, "{lookup}", "Look-ups of keys that the key set did not have",
			func(s *jwks.Status, _ time.Time) float64 { return float64(s.UnknownKeys) }, sum, false,
		}, {
			"bearerguard.jwks.unknown_kid_suppressed", counter, "{lookup}", "Look-ups of unknown keys that were answered without a fetch",
			func(s *jwks.Status, _ time.Time) float64 { return float64(s.UnknownKeysUnfetched) }, sum, false,
		},
	}
}

func usableFor(s *jwks.Status, now time.Time) float64 {
	if s.UsableUntil.IsZero() {
		return 0
	}
	return max(s.UsableUntil.Sub(now).Seconds(), 0)
}

func lastSuccess(s *jwks.Status, _ time.Time) float64 { return since1970(s.LastSuccess) }

func since1970(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func sum(a, b float64) float64 { return a + b }

// farther returns the one that is farther from 0.
func farther(a, b float64) float64 {
	if math.Abs(b) > math.Abs(a) {
		return b
	}
	return a
}

// keyFamilies returns the families about key caches. Issuers with keys of another kind have no
// series in them.
func keyFamilies(rows *rows, issuers []jwks.Status, now time.Time) []Family {
	labels, byLabel := shared(rows, issuers)
	var families []Family
	for _, f := range keyFigures() {
		family := Family{Name: f.name, Kind: f.kind, Unit: f.unit, Help: f.help, Labels: []string{"issuer"}}
		for _, label := range labels {
			family.Series = append(family.Series, Series{Values: []string{label}, Value: f.worst(byLabel[label], now)})
		}
		families = append(families, family)
	}
	state := Family{
		Name: "bearerguard.jwks.state", Kind: gauge, Help: "1 for the state that the key set is in, and 0 for the others",
		Labels: []string{"issuer", "state"},
	}
	for _, label := range labels {
		for _, s := range states {
			state.Series = append(state.Series, Series{Values: []string{label, string(s)}, Value: isIn(s, byLabel[label])})
		}
	}
	return append(families, state)
}

// shared returns the labels of issuers that have a key cache, and the issuers of each label.
func shared(rows *rows, issuers []jwks.Status) (labels []string, byLabel map[string][]*jwks.Status) {
	byLabel = make(map[string][]*jwks.Status)
	for n := range issuers {
		s, label := &issuers[n], other
		switch {
		case s.State == "":
			continue
		case rows.byIssuer[s.Issuer] != nil:
			label = s.Issuer
		}
		if byLabel[label] == nil {
			labels = append(labels, label)
		}
		byLabel[label] = append(byLabel[label], s)
	}
	return labels, byLabel
}

func (f *keyFigure) worst(issuers []*jwks.Status, now time.Time) (worst float64) {
	first := true
	for _, s := range issuers {
		switch {
		case f.warm && s.State == jwks.StateCold:
		case first:
			worst, first = f.of(s, now), false
		default:
			worst = f.worse(worst, f.of(s, now))
		}
	}
	return worst
}

func isIn(state jwks.State, issuers []*jwks.Status) float64 {
	for _, s := range issuers {
		if s.State == state {
			return 1
		}
	}
	return 0
}
