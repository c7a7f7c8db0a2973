package fetch

import (
	"net/http"
	"time"
)

// An Answer is what the header of an answer says about the server.
type Answer struct {
	Status int
	// Ahead is how far the server's clock is ahead of ours, in whole seconds; see
	// clockAhead. It is known only if Dated is true.
	Ahead time.Duration
	Dated bool
}

func newAnswer(res *http.Response, sent, received time.Time) Answer {
	ahead, dated := clockAhead(res.Header, sent, received)
	return Answer{Status: res.StatusCode, Ahead: ahead, Dated: dated}
}

// Bounds of a difference of two clocks that is told. Below the first, the time that an answer
// takes can explain it. A larger one than the second counts as the second.
const (
	minClockDifference = 2 * time.Second
	maxClockDifference = 365 * 24 * time.Hour
)

// clockAhead returns how far the clock of the server is ahead of ours by the Date field (RFC
// 9110 section 6.6.1). The server made the field between sent and received, and cut it to whole
// seconds. The result is the smallest number of seconds that fits. It is 0 below
// minClockDifference.
//
// ok is false if there is no Date, or if there is an Age: then an HTTP cache gives an answer
// that the server made earlier (RFC 9111 section 5.1).
func clockAhead(h http.Header, sent, received time.Time) (d time.Duration, ok bool) {
	date, err := http.ParseTime(h.Get("Date"))
	if err != nil || len(h.Values("Age")) > 0 {
		return 0, false
	}
	const almost = time.Second - 1
	least, most := date.Sub(received), date.Add(almost).Sub(sent)
	switch {
	case least > 0:
		d = (min(least, maxClockDifference) + almost).Truncate(time.Second)
	case most < 0:
		d = (max(most, -maxClockDifference) - almost).Truncate(time.Second)
	}
	if d.Abs() < minClockDifference {
		d = 0
	}
	return d, true
}
