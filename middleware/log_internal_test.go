package middleware

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWarnLimit(t *testing.T) {
	var l warnLimit
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		rule     string
		after    time.Duration
		unlogged int64
		passes   bool
	}{
		{"the first passes", 0, 0, true},
		{"the next does not", 0, 0, false},
		{"one just before the end of the interval does not", warnInterval - 1, 0, false},
		{"the next after it passes, and counts the others", warnInterval, 2, true},
		{"the count begins anew", 2 * warnInterval, 0, true},
		{"a clock that is set back does not suppress one", -time.Hour, 0, true},
		{"the interval begins anew then", -time.Hour + warnInterval - 1, 0, false},
		{"a clock that is set forward lets one pass", time.Hour, 1, true},
	} {
		unlogged, passes := l.take(start.Add(step.after))
		assert.Equal(t, step.passes, passes, step.rule)
		assert.Equal(t, step.unlogged, unlogged, step.rule)
	}
}
