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

// requireConsistent compares the list, in both directions, with the map and the totals.
func requireConsistent(t *testing.T, s *cacheShard) {
	t.Helper()
	forward, bytes := 0, int64(0)
	for e := s.oldest; e != nil; e = e.next {
		require.Same(t, e, s.find(e.place))
		forward++
		bytes += e.bytes()
	}
	backward := 0
	for e := s.newest; e != nil; e = e.prev {
		backward++
	}
	found := 0
	for range s.byPlace.Range {
		found++
	}
	require.Equal(t, s.entries, forward)
	require.Equal(t, s.entries, backward)
	require.Equal(t, s.entries, found)
	require.Equal(t, s.bytes, bytes)
}

// In SIEVE the hand continues from where it stopped.
func TestHandContinuesWhereItStopped(t *testing.T) {
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

// hostileParts returns the parts of the n-th token. Groups of eight tokens share a place, and
// groups of three share a signing input.
func hostileParts(n int) strict.Compact {
	return strict.Compact{
		SigningInput: fmt.Sprintf("header.payload-%d", n/3), Signature: fmt.Sprintf("%054d%032d", n, n/8),
	}
}

// Readers take no lock. While writers insert, replace, evict, sweep and drop entries, a reader
// must find the entry of exactly the token that it asked for, or none.
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

// A slow request holds its entry. That entry must not hold others that were evicted since.
func TestEntryInUseHoldsNoOther(t *testing.T) {
	c := newTokenCache(2)
	held := c.addToken(0, 1000)
	for n := 1; n < 5; n++ {
		c.addToken(n, 1000)
	}
	require.Nil(t, c.get(partsOf(0)))
	assert.Nil(t, held.next)
	assert.Nil(t, held.prev)
}
