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

// A headerMemo remembers parsed headers, because the tokens of an issuer share a few headers.
// It holds what the header says, never a decision, and only headers that a valid signature
// has covered, so a stranger cannot fill it. It holds at most 256 segments of at most 1 KiB. A
// new segment replaces the one in its slot.
//
// The zero value is empty, and takes memory with the first header: a Verifier that
// Config.Resolve returns has none. Reading takes two atomic loads.
type headerMemo struct{ table atomic.Pointer[headerTable] }

type headerTable [headerMemoSlots]atomic.Pointer[headerEntry]

type headerEntry struct {
	segment string
	header  header
}

// headerSeed makes slots unpredictable, so that no issuer can choose headers that share one.
var headerSeed = maphash.MakeSeed()

func (t *headerTable) slot(segment string) *atomic.Pointer[headerEntry] {
	return &t[maphash.String(headerSeed, segment)%headerMemoSlots]
}

func (m *headerMemo) get(segment string) (header, bool) {
	table := m.table.Load()
	if table == nil || len(segment) > headerMemoBytes {
		return header{}, false
	}
	entry := table.slot(segment).Load()
	if entry == nil || entry.segment != segment {
		return header{}, false
	}
	return entry.header, true
}

// add remembers h. It returns a copy that does not keep the document of the header alive.
func (m *headerMemo) add(segment string, h header) header {
	table := m.table.Load()
	if table == nil {
		m.table.CompareAndSwap(nil, new(headerTable))
		table = m.table.Load()
	}
	slot := table.slot(segment)
	if entry := slot.Load(); entry != nil && entry.segment == segment {
		return entry.header
	}
	h = header{alg: strings.Clone(h.alg), kid: strings.Clone(h.kid), typ: strings.Clone(h.typ)}
	if len(segment) <= headerMemoBytes {
		slot.Store(&headerEntry{strings.Clone(segment), h})
	}
	return h
}
