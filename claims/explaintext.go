package claims

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	shownBytes    = 128 // of a value
	shownElements = 8   // of a list
	fieldBytes    = 6 << 10
)

// quoted returns a value for a report: printable ASCII in quotation marks, cut where it is
// long.
func quoted(s string) string {
	if len(s) <= shownBytes {
		return strconv.QuoteToASCII(s)
	}
	return fmt.Sprintf("%s... (%d bytes)", strconv.QuoteToASCII(s[:shownBytes]), len(s))
}

// plain returns a text in printable ASCII, cut where it is longer than most bytes.
func plain(s string, most int) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s[:min(len(s), most)])
	if len(s) > most {
		text += "..."
	}
	return text
}

// listed returns values for a report, quoted and cut.
func listed(values []string) string { return joined(values, ", ") }

// either returns values of which one is enough.
func either(values []string) string { return joined(values, " or ") }

func joined(values []string, separator string) string {
	var texts []string
	for _, v := range values[:min(len(values), shownElements)] {
		texts = append(texts, quoted(v))
	}
	text := strings.Join(texts, separator)
	if more := len(values) - shownElements; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// relative returns a time as a date, and in words.
func (e *explanation) relative(t time.Time) string {
	date := t.UTC().Format(time.RFC3339)
	switch d := t.Sub(e.now); {
	case d < 0:
		return date + " (" + inWords(-d) + " ago)"
	case d > 0:
		return date + " (in " + inWords(d) + ")"
	}
	return date + " (now)"
}

// inWords returns a duration in one unit, rounded down.
func inWords(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 2*time.Minute:
		return strconv.Itoa(int(d/time.Second)) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	case d < 2*day:
		return strconv.Itoa(int(d/time.Hour)) + " h"
	}
	return strconv.Itoa(int(d/day)) + " days"
}
