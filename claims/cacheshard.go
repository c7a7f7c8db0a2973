package claims

import (
	"sync"
	"sync/atomic"
	"time"
)

// A cacheShard is a part of a tokenCache: a hash table of chains that are read without a
// lock, and the list of its entries in the order of arrival. The zero value is empty.
type cacheShard struct {
	// table has a chain for every so many places; nil until the first token comes. A
	// reader that meets a change may miss an entry, which costs it a verification in
	// full, or find one that has just been forgotten; never one of another token.
	table atomic.Pointer[[]chain]

	mu                  sync.Mutex // guards all below, and changes of table and chains
	newest, oldest      *cacheEntry
	hand                *cacheEntry // where the search for a victim goes on
	broom               *cacheEntry // where the search for expired ones goes on
	entries, maxEntries int
	bytes, maxBytes     int64
	_                   [64]byte // keeps the locks of neighbours apart
}

// A chain is a linked list of entries: its first one, and from there the chained ones.
type chain = atomic.Pointer[cacheEntry]

// first returns the first entry of the chain that place belongs to.
func (s *cacheShard) first(place uint64) *cacheEntry {
	if table := s.table.Load(); table != nil {
		return chainOf(*table, place).Load()
	}
	return nil
}

// chainOf looks at the upper half of place: its lower one has chosen the shard.
func chainOf(table []chain, place uint64) *chain {
	return &table[place>>32&uint64(len(table)-1)]
}

// mayHave reports whether there is an entry for place. That of another token is no more
// than a coincidence, or an attempt.
func (s *cacheShard) mayHave(place uint64) bool {
	entry := s.first(place)
	for entry != nil && entry.place != place {
		entry = entry.chained.Load()
	}
	return entry != nil
}

// find returns the entry of the token that has this signing input and this digest of its
// signature, or nil.
func (s *cacheShard) find(place uint64, d digest, signingInput string) *cacheEntry {
	entry := s.first(place)
	for entry != nil && (entry.place != place || entry.digest != d || string(entry.token.signingInput) != signingInput) {
		entry = entry.chained.Load()
	}
	return entry
}

// holds reports whether entry itself is there.
func (s *cacheShard) holds(entry *cacheEntry) bool {
	e := s.first(entry.place)
	for e != nil && e != entry {
		e = e.chained.Load()
	}
	return e != nil
}

// victim returns the first entry from the hand towards the newest, and round again,
// that was not used since the hand last passed. Readers that go on using all of them do
// not keep it searching for more than two rounds.
func (s *cacheShard) victim() *cacheEntry {
	for steps := 2 * s.entries; ; steps-- {
		if s.hand == nil {
			s.hand = s.oldest
		}
		if !s.hand.used.Swap(false) || steps <= 0 {
			return s.hand
		}
		s.hand = s.hand.next
	}
}

// sweep looks at two entries for each one that comes, and forgets those that have
// expired. So a cache that is far from full does not go on growing with tokens that
// nobody will ask for again: while tokens keep coming, it holds about twice as many as are
// alive.
func (s *cacheShard) sweep(now time.Time) {
	for range min(2, s.entries) {
		if s.broom == nil {
			s.broom = s.oldest
		}
		entry := s.broom
		s.broom = entry.next
		if entry.token.issuer.hasExpired(entry.token.claims, now) {
			s.unlink(entry)
		}
	}
}

func (s *cacheShard) link(entry *cacheEntry) {
	if table := s.table.Load(); table == nil || s.entries >= len(*table) {
		s.grow()
	}
	prepend(*s.table.Load(), entry)
	s.entries++
	s.bytes += entry.size
	entry.prev, entry.next = s.newest, nil
	if s.newest != nil {
		s.newest.next = entry
	} else {
		s.oldest = entry
	}
	s.newest = entry
}

const firstTable = 8 // chains; a power of two, as every table's length is

// grow doubles the number of chains. Readers may be under way in the old ones: each entry
// is put before those that were moved already, so that whoever comes to a moved entry
// finds moved ones alone behind it, and an end.
func (s *cacheShard) grow() {
	length := firstTable
	if old := s.table.Load(); old != nil {
		length = 2 * len(*old)
	}
	table := make([]chain, length)
	for entry := s.oldest; entry != nil; entry = entry.next {
		prepend(table, entry)
	}
	s.table.Store(&table)
}

// prepend puts an entry, which is complete, before all others of its chain. Readers may
// follow at once.
func prepend(table []chain, entry *cacheEntry) {
	first := chainOf(table, entry.place)
	entry.chained.Store(first.Load())
	first.Store(entry)
}

func (s *cacheShard) unlink(entry *cacheEntry) {
	link := chainOf(*s.table.Load(), entry.place)
	for link.Load() != entry {
		link = &link.Load().chained
	}
	link.Store(entry.chained.Load())
	s.entries--
	s.bytes -= entry.size
	if s.hand == entry {
		s.hand = entry.next
	}
	if s.broom == entry {
		s.broom = entry.next
	}
	if entry.prev != nil {
		entry.prev.next = entry.next
	} else {
		s.oldest = entry.next
	}
	if entry.next != nil {
		entry.next.prev = entry.prev
	} else {
		s.newest = entry.prev
	}
	// A request that is under way may hold this entry for long: it must not hold all that
	// come after it, too.
	entry.prev, entry.next = nil, nil
}
