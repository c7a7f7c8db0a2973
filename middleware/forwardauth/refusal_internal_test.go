package forwardauth

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A clock that is set back by an hour does not silence the Handler for an hour.
func TestWarningsAfterAClockIsSetBack(t *testing.T) {
	why := newRefusal(403, errUntrusted, slog.LevelWarn)
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		rule string
		at   time.Duration
		due  bool
	}{
		{"the first one", 0, true},
		{"again", 0, false},
		{"a nanosecond before the interval has passed", warnInterval - 1, false},
		{"after the interval", warnInterval, true},
		{"after the clock is set back", -time.Hour, true},
		{"again by that clock", -time.Hour + 1, false},
	} {
		assert.Equal(t, tt.due, why.due(now.Add(tt.at)), tt.rule)
	}
}
