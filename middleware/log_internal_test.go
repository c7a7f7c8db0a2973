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
		{"nor one just before the interval is over", warnInterval - 1, 0, false},
		{"then one does, and tells of the others", warnInterval, 2, true},
		{"the count begins anew", 2 * warnInterval, 0, true},
		{"a clock that was set back does not silence it", -time.Hour, 0, true},
		{"and neither does what follows", -time.Hour + warnInterval - 1, 0, false},
		{"a clock that was set forward is later", time.Hour, 1, true},
	} {
		unlogged, passes := l.take(start.Add(step.after))
		assert.Equal(t, step.passes, passes, step.rule)
		assert.Equal(t, step.unlogged, unlogged, step.rule)
	}
}
