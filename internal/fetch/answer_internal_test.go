package fetch

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The field has whole seconds, so the difference is known to about a second, and the time of the
// answer counts in favour of equal clocks.
func TestClockAhead(t *testing.T) {
	sent := time.Date(2026, 11, 21, 12, 0, 0, 400_000_000, time.UTC)
	for name, tt := range map[string]struct {
		took  time.Duration
		date  string
		age   []string
		want  time.Duration
		known bool
	}{
		"the same second":               {0, "Sat, 21 Nov 2026 12:00:00 GMT", nil, 0, true},
		"a second ahead":                {0, "Sat, 21 Nov 2026 12:00:01 GMT", nil, 0, true},
		"two seconds ahead":             {0, "Sat, 21 Nov 2026 12:00:02 GMT", nil, 2 * time.Second, true},
		"a second behind":               {0, "Sat, 21 Nov 2026 11:59:59 GMT", nil, 0, true},
		"two seconds behind":            {0, "Sat, 21 Nov 2026 11:59:58 GMT", nil, -2 * time.Second, true},
		"an hour ahead":                 {0, "Sat, 21 Nov 2026 13:00:00 GMT", nil, time.Hour, true},
		"an hour behind":                {0, "Sat, 21 Nov 2026 11:00:00 GMT", nil, -time.Hour, true},
		"ahead of a slow answer":        {5 * time.Second, "Sat, 21 Nov 2026 12:00:05 GMT", nil, 0, true},
		"far ahead of a slow answer":    {5 * time.Second, "Sat, 21 Nov 2026 12:01:00 GMT", nil, 55 * time.Second, true},
		"behind, in a slow answer":      {5 * time.Second, "Sat, 21 Nov 2026 11:59:00 GMT", nil, -time.Minute, true},
		"centuries ahead":               {0, "Fri, 31 Dec 9999 23:59:59 GMT", nil, 365 * 24 * time.Hour, true},
		"centuries behind":              {0, "Mon, 01 Jan 0001 00:00:00 GMT", nil, -365 * 24 * time.Hour, true},
		"no Date":                       {0, "", nil, 0, false},
		"no date in Date":               {0, "noon", nil, 0, false},
		"from an HTTP cache":            {0, "Sat, 21 Nov 2026 11:00:00 GMT", []string{"3600"}, 0, false},
		"from an HTTP cache, just now":  {0, "Sat, 21 Nov 2026 11:00:00 GMT", []string{"0"}, 0, false},
		"with an Age that is no number": {0, "Sat, 21 Nov 2026 11:00:00 GMT", []string{""}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{"Date": {tt.date}}
			if tt.age != nil {
				h["Age"] = tt.age
			}
			got, known := clockAhead(h, sent, sent.Add(tt.took))
			assert.Equal(t, tt.want, got)
			assert.Equal(t, tt.known, known)
		})
	}
}

// Whatever the fraction of the second, an exact difference is found by a fast answer.
func TestClockAheadIsExactForFastAnswers(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for fraction := time.Duration(0); fraction < time.Second; fraction += 7 * time.Millisecond {
		for _, want := range []time.Duration{-time.Hour, -3 * time.Second, 3 * time.Second, 90 * time.Second} {
			now := start.Add(fraction)
			date := now.Add(want).Format(http.TimeFormat)
			got, _ := clockAhead(http.Header{"Date": {date}}, now, now)
			assert.Equal(t, want, got, fraction)
		}
	}
}

func FuzzClockAhead(f *testing.F) {
	f.Add("Sat, 21 Nov 2026 12:00:00 GMT", int64(0))
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", int64(time.Second))
	f.Add("Mon, 01 Jan 0001 00:00:00 GMT", int64(time.Second))
	sent := time.Date(2026, 11, 21, 12, 0, 0, 400_000_000, time.UTC)
	f.Fuzz(func(t *testing.T, date string, took int64) {
		d, known := clockAhead(http.Header{"Date": {date}}, sent, sent.Add(max(0, time.Duration(took))))
		assert.LessOrEqual(t, d.Abs(), maxClockDifference+time.Second)
		assert.Zero(t, d%time.Second)
		assert.True(t, d == 0 || known && d.Abs() >= minClockDifference)
	})
}
