package jwks

import (
	"log/slog"
	"time"
)

// A condition is how the fetches of a cache go.
type condition string

const (
	conditionGood     condition = ""
	conditionFailing  condition = "key set could not be refreshed"
	conditionStale    condition = "key set is stale and could not be refreshed"
	conditionUnusable condition = "no usable key set: tokens cannot be verified"
)

// conditionOf returns the condition after a fetch that failed in state s.
func conditionOf(s State) condition {
	switch s {
	case StateCold, StateExhausted:
		return conditionUnusable
	case StateStale:
		return conditionStale
	}
	return conditionFailing
}

func (c condition) level() slog.Level {
	if c == conditionUnusable {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// reminder is how often the log repeats that fetches fail.
const reminder = time.Hour

// An outage is what the log has said of fetches that fail in a row. The zero outage is none.
type outage struct {
	condition condition
	since     time.Time // when the first of them began
	told      time.Time // when it was last logged above Debug
	marks     int       // how many marks of MaxStale had passed
	loud      bool      // the latest failure is to be logged above Debug
}

// next returns the outage after a fetch that ended now with err and made the snapshot s. A
// failure is loud when the condition changes, when a mark of MaxStale passes, and after each
// reminder.
func (o outage) next(s *snapshot, began time.Time, err error, now time.Time) outage {
	if err == nil {
		return outage{}
	}
	next := outage{condition: conditionOf(s.state(now)), since: o.since, told: o.told, marks: s.marks(now)}
	if o.condition == conditionGood {
		next.since = began
	}
	quiet, _ := elapsed(now, o.told)
	next.loud = next.condition != o.condition || next.marks > o.marks || quiet >= reminder
	if next.loud {
		next.told = now
	}
	return next
}

// length returns how long the fetches have failed.
func (o outage) length(now time.Time) time.Duration {
	d, _ := elapsed(now, o.since)
	return d.Round(time.Second)
}

// marks returns how many marks of MaxStale the age of the set has passed: its half, and nine
// tenths of it.
func (s *snapshot) marks(now time.Time) (n int) {
	if s.good == nil {
		return 0
	}
	age, _ := elapsed(now, s.good.began)
	for _, mark := range []time.Duration{s.schedule.maxStale / 2, s.schedule.maxStale / 10 * 9} {
		if age >= mark {
			n++
		}
	}
	return n
}
