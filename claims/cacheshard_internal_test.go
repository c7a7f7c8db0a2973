package claims

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// requireConsistent walks the list both ways, and all chains.
func requireConsistent(t *testing.T, s *cacheShard) {
	t.Helper()
	forward, bytes := 0, int64(0)
	for e := s.oldest; e != nil; e = e.next {
		require.True(t, s.holds(e))
		forward++
		bytes += e.bytes()
	}
	backward := 0
	for e := s.newest; e != nil; e = e.prev {
		backward++
	}
	require.Equal(t, s.entries, forward)
	require.Equal(t, forward, backward)
	require.Equal(t, s.bytes, bytes)
	table, chained := s.table.Load(), 0
	if table == nil {
		require.Zero(t, s.entries)
		return
	}
	for i := range *table {
		for e := (*table)[i].Load(); e != nil; e = e.chained.Load() {
			chained++
		}
	}
	require.Equal(t, s.entries, chained)
	require.LessOrEqual(t, len(*table), max(firstTable, 2*s.maxEntries), "chains are for entries that there are")
	require.GreaterOrEqual(t, len(*table), s.entries, "and for all of them")
}

// SIEVE: the hand goes on from where it stopped.
func TestHandGoesOn(t *testing.T) {
	c := newTokenCache(4)
	for n := range 4 {
		c.addToken(n, 1000)
	}
	c.get(partsOf(0))
	c.get(partsOf(1))
	c.addToken(4, 1000) // passes 0 and 1 and takes 2
	c.addToken(5, 1000) // takes 3, although 0 and 1 have not been used since
	for _, n := range []int{0, 1, 4, 5} {
		assert.NotNil(t, c.get(partsOf(n)), n)
	}
}

func TestChainsStayShort(t *testing.T) {
	c := newTokenCache(20_000)
	for n := range 10_000 {
		c.addToken(n, 1000)
	}
	longest := 0
	for i := range c.shards {
		for n := range *c.shards[i].table.Load() {
			length := 0
			for e := (*c.shards[i].table.Load())[n].Load(); e != nil; e = e.chained.Load() {
				length++
			}
			longest = max(longest, length)
		}
	}
	assert.LessOrEqual(t, longest, 15)
}

// hostileParts are those of tokens of which eight have one place, and three one signing
// input.
func hostileParts(n int) strict.Compact {
	return strict.Compact{
		SigningInput: fmt.Sprintf("header.payload-%d", n/3), Signature: fmt.Sprintf("%054d%032d", n, n/8),
	}
}

// Readers take no lock. Whatever writers do meanwhile (link, replace, evict, sweep, drop,
// grow), a reader finds the entry of the very token that it asked for, or none, and comes
// to an end.
func TestReadersAmidWriters(t *testing.T) {
	for _, entries := range []int{1, 40, 2000} {
		c := newTokenCache(entries)
		var readers, writers sync.WaitGroup
		var done atomic.Bool
		for worker := range 2 {
			readers.Go(func() {
				for n := worker; !done.Load(); n++ {
					asked := hostileParts(n % 3000)
					entry := c.get(asked)
					if entry != nil && entry.token.claims.id != asked.Signature {
						t.Errorf("another token's entry")
						return
					}
					if entry != nil && n%50 == 0 {
						c.drop(entry)
					}
				}
			})
			writers.Go(func() {
				for n := range 6000 {
					parts := hostileParts((n*7 + worker) % 3000)
					now := arrival.Add(time.Duration(n) * time.Second)
					added := tokenOf(0, n%3000)
					added.signingInput = []byte(parts.SigningInput)
					added.claims.id = parts.Signature
					added.claims.expiresAt = now.Add(time.Duration(n*31%2000) * time.Second)
					c.add(added, parts, now)
				}
			})
		}
		writers.Wait()
		done.Store(true)
		readers.Wait()
		for i := range c.shards {
			requireConsistent(t, &c.shards[i])
		}
	}
}

// While the table grows, entries move from chain to chain below the readers. One that
// stands anywhere, at any step of it, comes to an end.
func TestReaderOfAGrowingTableComesToAnEnd(t *testing.T) {
	var s cacheShard
	const entries = firstTable * 8
	old, grown := make([]chain, firstTable), make([]chain, 2*firstTable)
	for n := range entries {
		entry := &cacheEntry{token: tokenOf(n, 1000), place: uint64(n*n) << 32}
		prepend(old, entry)
		entry.prev = s.newest
		if s.newest != nil {
			s.newest.next = entry
		} else {
			s.oldest = entry
		}
		s.newest = entry
	}
	for moved := s.oldest; moved != nil; moved = moved.next {
		prepend(grown, moved)
		for from := s.oldest; from != nil; from = from.next {
			steps := 0
			for e := from; e != nil; e = e.chained.Load() {
				steps++
				require.LessOrEqual(t, steps, entries)
			}
		}
	}
}

// A request that is under way holds its entry, and nothing that has been forgotten since.
func TestEntryInUseHoldsNoOther(t *testing.T) {
	c := newTokenCache(2)
	held := c.addToken(0, 1000)
	for n := 1; n < 5; n++ {
		c.addToken(n, 1000)
	}
	require.Nil(t, c.get(partsOf(0)))
	assert.Nil(t, held.next)
	assert.Nil(t, held.prev)
	assert.Nil(t, held.chained.Load())
}
