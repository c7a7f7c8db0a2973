package claims

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

const (
	headerMemoSlots = 256
	headerMemoBytes = 1 << 10
)

// A headerMemo remembers what header segments say, since an issuer's tokens repeat a
// few. It holds the parse only, never a decision, and only of headers that a valid
// signature has covered: a stranger cannot fill it. It holds at most 256 segments of at
// most 1 KiB; a new one takes the place of the one in its slot.
//
// The zero value is empty. Reading is one atomic load.
type headerMemo struct {
	slots [headerMemoSlots]atomic.Pointer[headerEntry]
}

type headerEntry struct {
	segment string
	header  header
}

// headerSeed keeps issuers from choosing headers that share a slot.
var headerSeed = maphash.MakeSeed()

func (m *headerMemo) slot(segment string) *atomic.Pointer[headerEntry] {
	return &m.slots[maphash.String(headerSeed, segment)%headerMemoSlots]
}

func (m *headerMemo) get(segment string) (header, bool) {
	if len(segment) > headerMemoBytes {
		return header{}, false
	}
	entry := m.slot(segment).Load()
	if entry == nil || entry.segment != segment {
		return header{}, false
	}
	return entry.header, true
}

// add remembers h, and returns a copy that does not keep the token's header alive.
func (m *headerMemo) add(segment string, h header) header {
	slot := m.slot(segment)
	if entry := slot.Load(); entry != nil && entry.segment == segment {
		return entry.header
	}
	h = header{alg: strings.Clone(h.alg), kid: strings.Clone(h.kid), typ: strings.Clone(h.typ)}
	if len(segment) <= headerMemoBytes {
		slot.Store(&headerEntry{strings.Clone(segment), h})
	}
	return h
}
