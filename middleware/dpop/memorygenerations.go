package dpop

import (
	"slices"
	"sync"
	"time"
)

// slotSeconds is how long the entries of a generation expire after one another.
const slotSeconds = 15

// An instant is one moment by two clocks. The wall clock can be set, and proofs are accepted
// by it. elapsed is what has really passed since a Memory was made.
type instant struct {
	wall    time.Time // without a monotonic reading
	elapsed time.Duration
}

// An expiry says when an entry can be forgotten.
type expiry struct {
	slot int64         // the generation, whose entries expire by the wall clock before the end of the slot
	at   time.Duration // by the time that has really passed
}

// expiryOf returns the expiry of an entry that is to be remembered until then. The last
// moment counts: a proof can be accepted in it. More than 292 years ahead, at overflows, and
// the wall clock alone decides.
func expiryOf(until time.Time, now instant) expiry {
	return expiry{slot: until.Unix() / slotSeconds, at: now.elapsed + until.Round(0).Sub(now.wall)}
}

// A generation is the entries that expire in one slot. It is dropped whole, so that no entry
// needs a timer or a search.
type generation[K comparable, V any] struct {
	slot    int64
	at      time.Duration // the latest of its entries
	entries map[K]V
}

// left returns for how long a generation is still kept.
func (g *generation[K, V]) left(now instant) time.Duration {
	if g == nil {
		return 0
	}
	return max(time.Unix((g.slot+1)*slotSeconds, 0).Sub(now.wall), g.at-now.elapsed, 0)
}

// generations are the entries of one shard. The zero value is empty.
type generations[K comparable, V any] struct {
	mu        sync.Mutex          // guards the fields below
	list      []*generation[K, V] // in the order of their slots
	dropped   bool
	forgotten int64    // the last slot that was dropped, if one was
	_         [64]byte // keeps the locks of neighbours in different cache lines
}

// find returns the generation with an entry for key, or nil.
func (s *generations[K, V]) find(key K) *generation[K, V] {
	for _, g := range s.list {
		if _, ok := g.entries[key]; ok {
			return g
		}
	}
	return nil
}

// first returns the generation that expires first, or nil.
func (s *generations[K, V]) first() *generation[K, V] {
	if len(s.list) == 0 {
		return nil
	}
	return s.list[0]
}

// of returns the generation of a slot, or nil, and where it is or should be in the list.
func (s *generations[K, V]) of(slot int64) (*generation[K, V], int) {
	n, found := slices.BinarySearchFunc(s.list, slot, func(g *generation[K, V], slot int64) int {
		return int(min(max(g.slot-slot, -1), 1))
	})
	if !found {
		return nil, n
	}
	return s.list[n], n
}

// at returns the generation for an entry that is to be added.
func (s *generations[K, V]) at(due expiry) *generation[K, V] {
	g, n := s.of(due.slot)
	if g == nil {
		g = &generation[K, V]{slot: due.slot, entries: make(map[K]V)}
		s.list = slices.Insert(s.list, n, g)
	}
	g.at = max(g.at, due.at)
	return g
}

// forgot reports whether entries of this slot may have been forgotten. The wall clock can say that
// the slot is not over, if it has been set back since.
func (s *generations[K, V]) forgot(slot int64) bool { return s.dropped && slot <= s.forgotten }

// drop drops the generations that have expired, and returns how many entries they had.
func (s *generations[K, V]) drop(now instant) (entries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(g *generation[K, V]) bool {
		if g.left(now) > 0 {
			return false
		}
		entries += len(g.entries)
		if len(g.entries) > 0 && (!s.dropped || g.slot > s.forgotten) {
			s.dropped, s.forgotten = true, g.slot
		}
		return true
	})
	return entries
}
