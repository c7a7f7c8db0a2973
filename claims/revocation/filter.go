package revocation

import (
	"math/bits"
	"sync/atomic"
)

// A filter knows most keys that a list does not have, so a request seldom looks into its tables.
// It takes 2 MiB for a million entries, which stay in the cache of a processor. It is a
// Bloom filter whose bits of one key are in one word.
//
// Bits are only ever set. So a filter can be shared by states that readers still use.
type filter struct {
	words []atomic.Uint64
	shift uint // what is left of a half key is the number of its word
}

// bitsPerEntry let a filter be wrong about one of a hundred unknown keys.
const bitsPerEntry = 16

func newFilter(entries int) filter {
	words := 1 << bits.Len(uint(entries*bitsPerEntry/64))
	return filter{words: make([]atomic.Uint64, words), shift: uint(64 - bits.Len(uint(words-1)))}
}

// pattern returns three bits, by the last bits of a half key.
func pattern(low uint64) uint64 { return 1<<(low&63) | 1<<(low>>6&63) | 1<<(low>>12&63) }

func (f *filter) mayHave(low uint64) bool {
	p := pattern(low)
	return f.words[low>>f.shift].Load()&p == p
}

func (f *filter) add(records []record) {
	for _, r := range records {
		f.words[r.lo>>f.shift].Or(pattern(r.lo))
	}
}
