package dpop

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

const (
	memoSlots = 1024
	// memoBytes is the length of the longest header that is remembered. With an RSA key of 4096
	// bits a header has about 1 kB. One with an ML-DSA key is longer, and is not remembered: to read
	// it takes a small part of the time of its signature check.
	memoBytes = 1536
)

// A headerMemo remembers the headers of proofs. All proofs of a client have the same one, and
// reading its key costs as much as ten other checks. It holds at most 1,024 headers of at most 1.5
// kB.
//
// A header enters it with a good signature only, and only under the jkt of a token that was
// verified. A client has one slot, whatever it sends, and a stranger has none.
//
// The zero value is empty. Reading is one atomic load.
type headerMemo struct {
	slots [memoSlots]atomic.Pointer[memoEntry]
}

type memoEntry struct {
	segment string
	header  *header
}

// memoSeed makes slots unpredictable, so that no client can choose a key to share a slot.
var memoSeed = maphash.MakeSeed()

func (m *headerMemo) slot(jkt string) *atomic.Pointer[memoEntry] {
	return &m.slots[maphash.String(memoSeed, jkt)%memoSlots]
}

// get returns the header of this segment and key, or nil.
func (m *headerMemo) get(segment, jkt string) *header {
	entry := m.slot(jkt).Load()
	if entry == nil || entry.segment != segment || entry.header.jkt != jkt {
		return nil
	}
	return entry.header
}

// add remembers a header whose signature was good.
func (m *headerMemo) add(segment string, h *header) {
	if len(segment) > memoBytes || m.get(segment, h.jkt) != nil {
		return
	}
	// The segment is a part of the field, which would be kept alive.
	m.slot(h.jkt).Store(&memoEntry{strings.Clone(segment), h})
}
