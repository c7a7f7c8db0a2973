package strict

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWalksAllocateOnlyTheirResults(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const object = `{"other":{"y":[1,2]},"roles":["a","b","c"]}`
	assert.Zero(t, testing.AllocsPerRun(100, func() { Lookup(object, "roles") }))
	roles, _ := Lookup(object, "roles")
	assert.Zero(t, testing.AllocsPerRun(100, func() { HasString(roles, "c") }))
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { Strings(roles) }), 1.0)
}
