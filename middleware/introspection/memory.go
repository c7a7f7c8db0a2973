package introspection

import (
	"container/list"
	"crypto/sha256"
	"sync"
)

// An id identifies a token of an issuer. The token itself is not kept.
type id [sha256.Size]byte

// idOf returns the SHA-256 of both. No issuer and no token has a zero byte.
func idOf(issuer, token string) id {
	var buffer [512]byte
	text := append(append(append(buffer[:0], issuer...), 0), token...)
	return sha256.Sum256(text)
}

const (
	entryBytes    = 4 << 10 // that an entry may take on average
	entryOverhead = 400     // of an entry without its payload
)

// A memory holds answers, up to a number of entries and of bytes. It drops the least recently used
// ones. It is safe for concurrent use.
type memory struct {
	mu         sync.Mutex // guards the fields below
	entries    map[id]*list.Element
	order      list.List // of *remembered, the latest used first
	bytes      int
	evictions  uint64
	maxEntries int
}

type remembered struct {
	id     id
	answer *answer
}

func newMemory(entries int) *memory {
	return &memory{entries: make(map[id]*list.Element), maxEntries: entries}
}

// get returns the answer about a token, or nil.
func (m *memory) get(of id) *answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[of]
	if e == nil {
		return nil
	}
	m.order.MoveToFront(e)
	return e.Value.(*remembered).answer
}

func (m *memory) put(of id, a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(m.entries[of])
	m.entries[of] = m.order.PushFront(&remembered{of, a})
	m.bytes += entryOverhead + len(a.payload)
	for len(m.entries) > m.maxEntries || m.bytes > m.maxEntries*entryBytes && len(m.entries) > 1 {
		m.remove(m.order.Back())
		m.evictions++
	}
}

func (m *memory) drop(of id) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(m.entries[of])
}

// remove takes out an entry, or none. The caller holds m.mu.
func (m *memory) remove(e *list.Element) {
	if e == nil {
		return
	}
	r := m.order.Remove(e).(*remembered)
	delete(m.entries, r.id)
	m.bytes -= entryOverhead + len(r.answer.payload)
}

func (m *memory) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// evicted returns how many entries were dropped to make room.
func (m *memory) evicted() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.evictions
}
