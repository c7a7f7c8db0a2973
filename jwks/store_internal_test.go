package jwks

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/keyset"
)

func TestReadStoredUndoesWithBlock(t *testing.T) {
	const issuers = `{"keys":[{"kid":"a"}],"x":1}`
	at := time.Unix(1764340000, 0)
	for _, kids := range [][]string{{"a"}, {"a", "b"}, {`a],"b`, `"`, `\`}, {"\u2028é"}, {`,"bearerguard_fetched":1`}} {
		b := block{material: map[keyset.Thumbprint]struct{}{{1}: {}, {2, 3}: {}}}
		for _, kid := range kids {
			b = b.with(kid)
		}
		for _, fetched := range []time.Time{at, {}} {
			document := withBlock([]byte(issuers), b, fetched)
			var indented bytes.Buffer
			require.NoError(t, json.Indent(&indented, document, "", "  "))
			for _, form := range [][]byte{document, indented.Bytes()} { // a store can write JSON anew
				s, rest, err := readStored(form)
				require.NoError(t, err)
				assert.Equal(t, b, s.block())
				assert.True(t, fetched.Equal(s.fetched()), s.fetched())
				assert.JSONEq(t, issuers, string(rest))
			}
		}
	}
}

func TestReadStoredLeavesOtherDocumentsAlone(t *testing.T) {
	for _, document := range []string{
		"", "{", `{"keys":[]}`, `[]`, `"bearerguard_blocked"`, `{"bearerguard_blocked":`, `{"keys":["bearerguard_x"]}`,
	} {
		s, issuers, err := readStored([]byte(document))
		require.NoError(t, err, document)
		assert.Equal(t, stored{}, s, document)
		assert.Equal(t, document, string(issuers))
	}
}

// A Seed that says what is blocked, and cannot be read, must not be used as if nothing were.
func TestStoredBlockThatCannotBeReadRefusesTheSeed(t *testing.T) {
	for _, document := range []string{
		`{"bearerguard_blocked":"a","keys":[]}`, `{"bearerguard_blocked":[1],"keys":[]}`, `{"keys":[],"bearerguard_blocked":{}}`,
		`{"bearerguard_blocked":["a"],"bearerguard_blocked":["b"],"keys":[]}`, `{"bearerguard_later":1,"keys":[]}`,
		`{"bearerguard_blocked_material":["AA"],"keys":[]}`, `{"bearerguard_fetched":"x","keys":[]}`,
	} {
		_, _, err := readStored([]byte(document))
		assert.ErrorIs(t, err, errStored, document)
	}
}

// An issuer must not be able to block keys after a restart, or to say how old a Seed is.
func TestMembersOfTheIssuerThatLookLikeOursAreDropped(t *testing.T) {
	document := []byte(`{"bearerguard_fetched":1,"keys":[{"kid":"a"}],"\u0062earerguard_blocked":["a"]}`)
	assert.Equal(t, `{"keys":[{"kid":"a"}]}`, string(withBlock(document, block{}, time.Time{})))
	s, _, err := readStored(withBlock(document, block{}.with("b"), time.Time{}))
	require.NoError(t, err)
	assert.Equal(t, []string{"b"}, s.Blocked)
	assert.Zero(t, s.Fetched)
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
