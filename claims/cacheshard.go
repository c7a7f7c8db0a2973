package claims

import (
	"sync"
	"time"
)

// A cacheShard is a part of a tokenCache. It has a map to find entries without a lock, and a list
// of them in the order of arrival, under a lock. The zero value is empty and has no room.
type cacheShard struct {
	// byPlace holds a *cacheEntry under its place, a uint64. A reader may miss an entry
	// that is being replaced, and then verifies in full. A reader may also find an entry
	// that is being removed. It never takes the entry of one token for another, because it
	// compares all bytes.
	byPlace sync.Map

	mu              sync.Mutex // guards all fields below, and changes of byPlace
	newest, oldest  *cacheEntry
	hand            *cacheEntry // where the search for a victim continues
	broom           *cacheEntry // where the search for expired entries continues
	entries         int
	maxEntries      int
	bytes, maxBytes int64
	evicted         uint64   // to make room
	_               [64]byte // keeps the locks of neighbours in different cache lines
}

// find returns the entry at place, or nil.
func (s *cacheShard) find(place uint64) *cacheEntry {
	value, _ := s.byPlace.Load(place)
	entry, _ := value.(*cacheEntry)
	return entry
}

// victim returns the first entry that was not used since the hand last passed. It looks from the
// hand towards the newest entry, and round again. After two rounds it takes any entry: otherwise
// readers that use all entries all the time could keep it searching.
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

// sweep looks at two entries and removes those that have expired. It runs once for each token
// that is added. While tokens keep coming, a cache that is far from full therefore holds
// about twice as many tokens as are alive, and does not grow further.
func (s *cacheShard) sweep(now time.Time) {
	for range min(2, s.entries) {
		if s.broom == nil {
			s.broom = s.oldest
		}
		entry := s.broom
		s.broom = entry.next
		if entry.token.issuer.hasExpired(entry.token.claims, now) {
			s.remove(entry)
		}
	}
}

func (s *cacheShard) forget(gone map[*Issuer]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for entry := s.oldest; entry != nil; {
		next := entry.next // remove unlinks the entry
		if gone[entry.token.issuer] {
			s.remove(entry)
		}
		entry = next
	}
}

func (s *cacheShard) status() (entries int, evicted uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries, s.evicted
}

// insert adds an entry, whose place must be free.
func (s *cacheShard) insert(entry *cacheEntry) {
	s.entries++
	s.bytes += entry.size
	entry.prev, entry.next = s.newest, nil
	if s.newest != nil {
		s.newest.next = entry
	} else {
		s.oldest = entry
	}
	s.newest = entry
	s.byPlace.Store(entry.place, entry)
}

// remove takes out an entry, which must be in the shard.
func (s *cacheShard) remove(entry *cacheEntry) {
	s.byPlace.Delete(entry.place)
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
	// A slow request may hold this entry for long. It must not hold the later ones as well.
	entry.prev, entry.next = nil, nil
}
