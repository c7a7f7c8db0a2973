package middleware

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A clock that is set back makes no memory last longer.
func TestC2MemoryCountsForASecondByBothClocks(t *testing.T) {
	now := time.Now()
	for rule, tt := range map[string]struct {
		at   time.Time
		want bool
	}{
		"now":                             {now, true},
		"almost a second":                 {now.Add(-rememberedFor + 1), true},
		"a second":                        {now.Add(-rememberedFor), false},
		"a second by the wall clock":      {now.Round(0).Add(-rememberedFor), false},
		"in the future, the clock is set": {now.Round(0).Add(1), false},
	} {
		v := verified{at: tt.at}
		assert.Equal(t, tt.want, v.counts(now), rule)
	}
}
