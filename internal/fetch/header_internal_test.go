package fetch

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

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
