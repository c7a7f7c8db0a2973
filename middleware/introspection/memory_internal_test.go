package introspection

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLeastRecentlyUsedAnswerIsDropped(t *testing.T) {
	m := newMemory(2)
	a, b, c := idOf("i", "a"), idOf("i", "b"), idOf("i", "c")
	m.put(a, &answer{})
	m.put(b, &answer{})
	assert.NotNil(t, m.get(a))
	m.put(c, &answer{})
	assert.NotNil(t, m.get(a))
	assert.Nil(t, m.get(b))
	assert.NotNil(t, m.get(c))
	m.put(a, &answer{payload: "x"})
	assert.Equal(t, 2, m.size())
	assert.Equal(t, 2*entryOverhead+1, m.bytes)
	m.drop(a)
	m.drop(a)
	m.drop(c)
	assert.Zero(t, m.bytes)
}

// A wall clock that was set back must not keep an answer fresh.
func TestAnswerIsNotFreshBeforeItCame(t *testing.T) {
	began := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &answer{payload: "{}", began: began, until: began.Add(time.Minute), expires: began.Add(time.Hour)}
	for after, fresh := range map[time.Duration]bool{
		-time.Nanosecond: false, 0: true, time.Minute - 1: true, time.Minute: false, time.Hour: false,
	} {
		assert.Equal(t, fresh, a.isFresh(began.Add(after), 0), after)
	}
	assert.True(t, a.isFresh(began.Add(time.Minute), time.Second))
}
