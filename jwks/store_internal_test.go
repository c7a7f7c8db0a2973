package jwks

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSplitBlockedUndoesWithBlocked(t *testing.T) {
	const issuers = `{"keys":[{"kid":"a"}],"x":1}`
	at := time.Unix(1764340000, 0)
	for _, kids := range [][]string{{"a"}, {"a", "b"}, {`a],"b`, `"`, `\`}, {"\u2028é"}, {`,"bearerguard_fetched":1`}} {
		var b block
		for _, kid := range kids {
			b = b.with(kid)
		}
		for _, prefix := range []string{"", "\ufeff", " \n"} {
			for _, fetched := range []time.Time{at, {}} {
				got, when, document := splitBlocked(withBlocked([]byte(prefix+issuers), b, fetched))
				assert.ElementsMatch(t, kids, got)
				assert.True(t, fetched.Equal(when), when)
				assert.Equal(t, issuers, string(document))
			}
		}
	}
}

func TestSplitBlockedLeavesOtherDocumentsAlone(t *testing.T) {
	for _, document := range []string{
		"", "{", `{"keys":[]}`, `{"keys":[],"bearerguard_blocked":["a"]}`, `{"bearerguard_blocked":`,
		`{"bearerguard_blocked":["a"]`, `{"bearerguard_blocked":["a"]}`, `{"bearerguard_blocked":[1],"keys":[]}`,
		`{"bearerguard_blocked":{},"keys":[]}`,
	} {
		kids, fetched, issuers := splitBlocked([]byte(document))
		assert.Empty(t, kids, document)
		assert.True(t, fetched.IsZero(), document)
		assert.Equal(t, document, string(issuers))
	}
}

func TestSeedTime(t *testing.T) {
	s := newSchedule(0, 0, 0)
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, tt := range map[string]struct{ config, document, fetched, stored time.Time }{
		"neither says it":     {time.Time{}, time.Time{}, ago(23 * time.Hour), now}, // an hour is left
		"SeedTime":            {ago(time.Hour), time.Time{}, ago(time.Hour), ago(time.Hour)},
		"the document":        {time.Time{}, ago(time.Hour), ago(time.Hour), now},
		"the document before": {ago(time.Hour), ago(2 * time.Hour), ago(2 * time.Hour), ago(time.Hour)},
		"SeedTime before":     {ago(2 * time.Hour), ago(time.Hour), ago(2 * time.Hour), ago(2 * time.Hour)},
		"both in the future":  {ago(-time.Hour), ago(-2 * time.Hour), now, now},
		"one in the future":   {ago(-time.Hour), ago(time.Hour), ago(time.Hour), now},
	} {
		fetched, stored := s.seedTime(now, tt.config, tt.document)
		assert.Equal(t, tt.fetched, fetched, name)
		assert.Equal(t, tt.stored, stored, name)
	}
}
