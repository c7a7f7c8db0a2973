package claims

import (
	"crypto/sha256"
	"hash/maphash"
	"reflect"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/bearerguard/bearerguard/internal/strict"
)

const (
	defaultCacheEntries = 10_000
	maxCacheEntries     = 1 << 30
	// cacheShards spreads the locks of writers over cores. A shard's share of the bound
	// is at least one entry, so small caches have fewer shards.
	cacheShards = 64
	// entryBytes is how much memory an entry may take on average: an ordinary token
	// takes half of it, so that the number of entries is the bound that is met first.
	entryBytes = 4 << 10
	// entryOverhead is what an entry takes beside what it points to: itself, its claims
	// and its place in a chain.
	entryOverhead = 800
	memberBytes   = 16
	stringBytes   = 16
	minAllocation = 8 // of a scope that was written with escapes
)

// A cacheEntry is one remembered token.
type cacheEntry struct {
	token      token
	digest     digest // of the signature, as received
	place      uint64
	size       int64 // in bytes
	used       atomic.Bool
	chained    chain       // the next one in the same chain
	prev, next *cacheEntry // in the order of arrival
}

// A digest is the SHA-256 of a signature segment.
type digest [sha256.Size]byte

func digestOf(signature string) digest {
	// The conversion that the language offers would make a copy on the heap. This one is
	// safe because Sum256 only reads, and keeps nothing.
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(signature), len(signature)))
}

// bytes is what the entry takes, or a little more. Strings that are parts of the payload
// count twice, since those that were written with escapes are not; and allocations are
// up to an eighth larger than what was asked for.
func (e *cacheEntry) bytes() int64 {
	c := e.token.claims
	n := len(e.token.signingInput) + len(c.text) + len(e.token.header.kid)
	n += len(c.issuer) + len(c.subject) + len(c.id) + len(c.scopeText)
	for _, id := range c.clientIDs {
		n += len(id)
	}
	n += cap(c.scopeList) * stringBytes
	for _, scope := range c.scopeList {
		n += minAllocation + len(scope)
	}
	if cap(c.members) > len(c.first) {
		n += cap(c.members) * memberBytes
	}
	return int64(entryOverhead + n + n/8)
}

// A tokenCache remembers verified tokens within a bound of entries and of bytes.
//
// A token is recognised by all of its bytes. Header and payload are compared as they
// are, so that nobody is given other claims than he presented, whatever becomes of a
// hash; the signature is compared by its SHA-256. Without the signature what is kept is
// no credential, and it says no more than the claims beside it. This proves as much as a
// SHA-256 of the whole token, at less than half of its cost; neither a hash that is weaker
// nor one of a part alone would.
//
// Finding an entry takes no lock, and writes nothing but the bit that says that it was
// used, once, so that the one token of a busy client is no point at which all cores meet.
//
// When the cache is full it forgets by SIEVE (Zhang et al., NSDI 2024): a hit sets that
// bit, and one pass of tokens that are used once does not push out the ones that are used
// again. That is all it takes here, and less than the dependency that a general cache
// would be: module middleware/benchmarks measures it beside two.
type tokenCache struct {
	seed   maphash.Seed // keeps clients from choosing tokens that meet in one chain
	shards []cacheShard
}

// newTokenCache returns a cache of about so many entries, never more.
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

// placeBytes of a signature in base64url, some 190 bits, are more than anybody without the
// key can make two tokens agree in.
const placeBytes = 32

// placeOf says where the token with this signature is looked for, and no more than that.
// A token that is not there has not been seen, so what has to be refused is not hashed.
func (c *tokenCache) placeOf(signature string) uint64 {
	return maphash.String(c.seed, signature[max(0, len(signature)-placeBytes):])
}

func (c *tokenCache) shardOf(place uint64) *cacheShard {
	return &c.shards[place%uint64(len(c.shards))]
}

// get returns what is remembered of a token, or nil.
func (c *tokenCache) get(t strict.Compact) *cacheEntry {
	place := c.placeOf(t.Signature)
	shard := c.shardOf(place)
	if !shard.mayHave(place) {
		return nil
	}
	entry := shard.find(place, digestOf(t.Signature), t.SigningInput)
	if entry != nil && !entry.used.Load() {
		entry.used.Store(true)
	}
	return entry
}

// add remembers a token. Keys that cannot be compared could not be recognised later, so
// their tokens are not remembered.
func (c *tokenCache) add(t token, parts strict.Compact, now time.Time) {
	if !reflect.ValueOf(t.key).Comparable() {
		return
	}
	entry := &cacheEntry{token: t, digest: digestOf(parts.Signature), place: c.placeOf(parts.Signature)}
	entry.size = entry.bytes()
	shard := c.shardOf(entry.place)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	shard.sweep(now)
	if old := shard.find(entry.place, entry.digest, parts.SigningInput); old != nil {
		shard.unlink(old)
	}
	if entry.size > shard.maxBytes {
		return
	}
	for shard.entries >= shard.maxEntries || shard.bytes+entry.size > shard.maxBytes {
		shard.unlink(shard.victim())
	}
	shard.link(entry)
}

// drop forgets exactly this entry, not one that has come in its place.
func (c *tokenCache) drop(entry *cacheEntry) {
	shard := c.shardOf(entry.place)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.holds(entry) {
		shard.unlink(entry)
	}
}
