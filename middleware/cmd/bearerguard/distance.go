package main

import (
	"fmt"
	"time"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// distance returns a duration from now in words, such as "in 23 min" or "2 h 5 min ago". It
// rounds towards now, so that what is past is never shown as ahead.
func distance(d time.Duration) string {
	switch {
	case d <= -time.Second:
		return amount(d.Abs()) + " ago"
	case d >= time.Second:
		return "in " + amount(d)
	}
	return "now"
}

func amount(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*day && d%time.Hour < time.Minute:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d < 2*day:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d < 2*year:
		return fmt.Sprintf("%d days", d/day)
	case d < 100*year: // a Duration ends at 292 years
		return fmt.Sprintf("%d years", d/year)
	}
	return "more than 100 years"
}
