package fetch

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// almost1 is the largest random number that rand.Float64 returns.
const almost1 = 1 - 1.0/(1<<53)

func TestRetryPause(t *testing.T) {
	assert.Equal(t, 100*time.Millisecond, retryPause(0, 0, 0))
	assert.InDelta(t, 500*time.Millisecond, retryPause(0, almost1, 0), 10)
	assert.InDelta(t, 900*time.Millisecond, retryPause(1, almost1, 0), 10)
	assert.Equal(t, 2*time.Second, retryPause(0, almost1, 2*time.Second), "Retry-After is honoured")
}

func TestRetryAfterHeader(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		value string
		want  time.Duration
	}{
		"absent":               {"", 0},
		"seconds":              {"7", 7 * time.Second},
		"zero":                 {"0", 0},
		"a date ahead":         {"Sat, 21 Nov 2026 12:01:00 GMT", time.Minute},
		"a date past":          {"Sat, 21 Nov 2026 11:00:00 GMT", 0},
		"clamped":              {"86400", 5 * time.Minute},
		"date clamped":         {"Sun, 22 Nov 2026 12:00:00 GMT", 5 * time.Minute},
		"beyond an int64":      {"99999999999999999999", 5 * time.Minute},
		"negative is no value": {"-7", 0},
		"a word is no value":   {"later", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			h.Set("Retry-After", tt.value)
			assert.Equal(t, tt.want, retryAfter(h, now))
		})
	}
}
