package claims

import (
	"hash/maphash"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/internal/strict"
)

const (
	defaultCacheEntries = 10_000
	maxCacheEntries     = 1 << 30
	// cacheShards spreads the locks of writers over cores. A shard has room for at least
	// one entry, so small caches have fewer shards.
	cacheShards = 64
	// entryBytes is the memory that an entry may take on average. An ordinary token takes
	// half of it, so a cache of ordinary tokens is limited by the number of entries.
	entryBytes = 4 << 10
)

// A tokenCache remembers verified tokens, up to a number of entries and of bytes.
//
// A token is recognised by all of its bytes: header and payload are compared byte for byte, so
// that a hash collision can never return another token's claims. The signature is compared
// by its SHA-256, because a stored signature would make the entry a credential. What is
// kept says no more than the claims do. This is as strong as a SHA-256 of the whole token, at
// less than half of its cost. A weaker hash would not be, and neither would a hash of a part.
//
// Finding an entry takes no lock. It writes only the bit that says that the entry was used,
// and only if it is not set. So the cores do not contend for the one token of a busy client.
//
// A full cache evicts by SIEVE (Zhang et al., NSDI 2024): a hit sets that bit, and entries
// whose bit is not set are evicted first. Tokens that are used once do not push out tokens that
// are used again. Module middleware/benchmarks measures this beside two general caches.
type tokenCache struct {
	seed     maphash.Seed // so that clients cannot choose tokens that share a place
	shards   []cacheShard
	keysGone atomic.Uint64 // entries that were dropped because their key was gone
}

// newTokenCache returns a cache of at most so many entries, or a few less.
func newTokenCache(entries int) *tokenCache {
	shards := cacheShards
	for shards > 1 && entries/shards < 16 {
		shards /= 2
	}
	c := &tokenCache{seed: maphash.MakeSeed(), shards: make([]cacheShard, shards)}
	for i := range c.shards {
		c.shards[i].maxEntries = max(entries/shards, 1)
		c.shards[i].maxBytes = int64(c.shards[i].maxEntries) * entryBytes
	}
	return c
}

// placeBytes is the length of the end of a signature that determines a token's place. It has some
// 190 bits, which are infeasible to make equal for two tokens without the signing key.
const placeBytes = 32

// placeOf returns the place where the token with this signature is looked up. A token whose
// place is free has not been seen before, so most tokens that must be refused cost no SHA-256.
func (c *tokenCache) placeOf(signature string) uint64 {
	return maphash.String(c.seed, signature[max(0, len(signature)-placeBytes):])
}

func (c *tokenCache) shardOf(place uint64) *cacheShard {
	return &c.shards[place%uint64(len(c.shards))]
}

// get returns the entry of a token, or nil.
func (c *tokenCache) get(parts strict.Compact) *cacheEntry {
	place := c.placeOf(parts.Signature)
	entry := c.shardOf(place).find(place)
	if entry == nil || !entry.isOf(parts) {
		return nil
	}
	if !entry.used.Load() {
		entry.used.Store(true)
	}
	return entry
}

// add remembers a token, in the place of any other one that has it. A key that cannot be
// compared could not be recognised later, so its tokens are not remembered.
func (c *tokenCache) add(t token, parts strict.Compact, now time.Time) {
	if !isComparable(t.key) {
		return
	}
	entry := newCacheEntry(t, parts.Signature, c.placeOf(parts.Signature))
	shard := c.shardOf(entry.place)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.sweep(now)
	if entry.size > shard.maxBytes {
		return
	}
	if old := shard.find(entry.place); old != nil {
		shard.remove(old)
	}
	for shard.entries >= shard.maxEntries || shard.bytes+entry.size > shard.maxBytes {
		shard.remove(shard.victim())
		shard.evicted++
	}
	shard.insert(entry)
}

// isComparable reports whether key can be compared without a panic. It asks for the kind first
// because Value.Comparable allocates, even for pointers.
func isComparable(key Key) bool {
	v := reflect.ValueOf(key)
	return v.Kind() == reflect.Pointer || v.Comparable()
}

// forget drops the tokens of issuers. They would keep the issuers and their key caches in memory. A
// request that began before may still add one: it is dropped when it is found, or when it expires.
func (c *tokenCache) forget(gone map[*Issuer]bool) {
	for i := range c.shards {
		c.shards[i].forget(gone)
	}
}

// drop removes exactly this entry, not another one that has taken its place.
func (c *tokenCache) drop(entry *cacheEntry) {
	shard := c.shardOf(entry.place)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.find(entry.place) == entry {
		shard.remove(entry)
	}
}
