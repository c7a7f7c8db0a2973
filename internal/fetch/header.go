package fetch

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds a Retry-After. A longer one is not believed.
const maxRetryAfter = 5 * time.Minute

// MaxAge returns max-age less Age (RFC 9111 sections 4.2.1 and 4.2.3), and false if there is
// no max-age. If there are several, the smallest counts.
func MaxAge(h http.Header) (d time.Duration, ok bool) {
	for _, line := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			if !strings.EqualFold(name, "max-age") {
				continue
			}
			seconds, valid := deltaSeconds(strings.Trim(value, `"`))
			if valid && (!ok || seconds < d) {
				d, ok = seconds, true
			}
		}
	}
	if age, valid := deltaSeconds(h.Get("Age")); ok && valid {
		d -= age
	}
	return d, ok
}

// Age returns how long an answer was in caches (RFC 9111 section 5.1); 0 if it does not say.
func Age(h http.Header) time.Duration {
	age, _ := deltaSeconds(h.Get("Age"))
	return age
}

// deltaSeconds reads a number of seconds. More than a year counts as a year (RFC 9111
// section 1.2.2 asks for "a very large value").
func deltaSeconds(text string) (time.Duration, bool) {
	const most = 365 * 24 * time.Hour
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds > int64(most/time.Second) {
		return most, true
	}
	return time.Duration(seconds) * time.Second, true
}

// retryAfter reads the header field of that name (RFC 9110 section 10.2.3): seconds or a
// date. It returns 0 if there is none or if it cannot be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	d, ok := deltaSeconds(text)
	if date, err := http.ParseTime(text); !ok && err == nil {
		d = date.Sub(now)
	}
	return min(max(d, 0), maxRetryAfter)
}
