package dpop

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func filled(m *headerMemo) (n int) {
	for i := range m.slots {
		if m.slots[i].Load() != nil {
			n++
		}
	}
	return n
}

func TestHeaderMemoIsBounded(t *testing.T) {
	var m headerMemo
	long := strings.Repeat("x", memoBytes+1)
	m.add(long, &header{jkt: "a"})
	assert.Nil(t, m.get(long, "a"))
	assert.Zero(t, filled(&m))
	h := &header{jkt: "a"}
	m.add(long[1:], h)
	assert.Same(t, h, m.get(long[1:], "a"))
	for n := range 10_000 {
		m.add("segment", &header{jkt: strings.Repeat("k", n%100)})
	}
	assert.LessOrEqual(t, filled(&m), 101)
}

// A client that changes its header each time replaces its own, and no other's.
func TestClientHasOneSlotOfTheHeaderMemo(t *testing.T) {
	var m headerMemo
	first := &header{jkt: "first"}
	m.add("segment", first)
	other := "second"
	for m.slot(other) == m.slot("first") {
		other += "'"
	}
	for n := range 5000 {
		m.add(strings.Repeat("a", n%memoBytes), &header{jkt: other})
	}
	assert.Equal(t, 2, filled(&m))
	assert.Same(t, first, m.get("segment", "first"))
}

func TestHeaderMemoNeedsSegmentAndKey(t *testing.T) {
	var m headerMemo
	h := &header{jkt: "a"}
	m.add("segment", h)
	assert.Same(t, h, m.get("segment", "a"))
	assert.Nil(t, m.get("segmenu", "a"), "another header of this key")
	// Another key that shares the slot.
	other := "b"
	for m.slot(other) != m.slot("a") {
		other += "b"
	}
	assert.Nil(t, m.get("segment", other))
	m.add("segment", h)
	assert.Same(t, h, m.get("segment", "a"))
}
