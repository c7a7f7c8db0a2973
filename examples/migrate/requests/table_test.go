package requests_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/bearerguard/bearerguard/examples/migrate/requests"
)

func TestEachDifferenceHasAReason(t *testing.T) {
	for _, row := range requests.Table {
		assert.Equal(t, len(row.Differs) > 0, row.Why != "", row.Request)
		for library, answer := range row.Differs {
			assert.NotEqual(t, row.Ours, answer, "%s: %s", row.Request, library)
			assert.Contains(t, requests.Libraries(), library, row.Request)
			assert.True(t, !row.Optional || library.HasOptional(), "%s: %s", row.Request, library)
		}
	}
}

func TestEachRequestIsThereOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range requests.Table {
		assert.False(t, seen[row.Request], row.Request)
		seen[row.Request] = true
	}
}
