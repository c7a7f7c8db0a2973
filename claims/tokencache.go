package claims

import (
	"crypto/sha256"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"
)

const (
	defaultCacheEntries = 10_000
	// cacheShards spreads the locks over cores. A shard's share of the bound is at
	// least one entry, so small caches have fewer shards.
	cacheShards = 64
	// entryBytes is how much memory an entry may take on average: an ordinary token
	// takes half of it, so that the number of entries is the bound that is met first.
	entryBytes = 4 << 10
	// entryOverhead is what an entry takes beside what it points to: itself, its claims
	// and its place in the map.
	entryOverhead = 512
	memberBytes   = 16
	stringBytes   = 16
)

// A digest stands for a token. It is of the whole token, and of a hash that nobody can
// find collisions for: a collision would hand one caller another's identity. The token
// itself is a credential and is not kept.
type digest [sha256.Size]byte

func digestOf(token string) digest {
	// The conversion that the language offers would copy the token, which costs a third
	// of a hit. This one is safe because Sum256 only reads, and keeps nothing.
	return sha256.Sum256(unsafe.Slice(unsafe.StringData(token), len(token)))
}

// An acceptedToken carried a valid signature of key, under the header's alg and kid, and
// met its issuer's policy. What it may do, whether it has expired since, whether its key
// is still good and who presents it are not part of that: Verify asks each time.
type acceptedToken struct {
	issuer *Issuer
	header header
	key    Key
	claims *Claims

	signature []byte // until it is verified

	// The rest is the cache's.
	digest     digest
	used       atomic.Bool
	prev, next *acceptedToken // in the order of arrival
}

// bytes is what the entry takes, or a little more: strings that are parts of the payload
// count twice, since those that were written with escapes are not.
func (t *acceptedToken) bytes() int {
	c := t.claims
	n := entryOverhead + len(c.text) + cap(c.members)*memberBytes + len(t.header.kid)
	n += len(c.issuer) + len(c.subject) + len(c.id) + len(c.scopeText)
	for _, id := range c.clientIDs {
		n += len(id)
	}
	for _, scope := range c.scopeList {
		n += stringBytes + len(scope)
	}
	return n
}

// A tokenCache remembers verified tokens within a bound of entries and of bytes. When it
// is full it forgets by SIEVE (Zhang et al., NSDI 2024): a hit only sets a bit, so hits
// run side by side under a read lock, and one pass of tokens that are used once does
// not push out the ones that are used again. That is all it takes here, and less than
// the dependency that a general cache would be.
type tokenCache struct {
	shards []cacheShard
}

type cacheShard struct {
	mu sync.RWMutex // guards all fields below
	// entries is nil until the first token comes.
	entries             map[digest]*acceptedToken
	newest, oldest      *acceptedToken
	hand                *acceptedToken // where the search for a victim goes on
	bytes               int
	maxEntries, maxByte int
	_                   [64]byte // keeps the locks of neighbours apart
}

// newTokenCache returns a cache of about so many entries, never more.
func newTokenCache(entries int) *tokenCache {
	shards := cacheShards
	for shards > 1 && entries/shards < 16 {
		shards /= 2
	}
	c := &tokenCache{shards: make([]cacheShard, shards)}
	for i := range c.shards {
		c.shards[i].maxEntries = max(entries/shards, 1)
		c.shards[i].maxByte = c.shards[i].maxEntries * entryBytes
	}
	return c
}

func (c *tokenCache) shard(d digest) *cacheShard { return &c.shards[int(d[0])%len(c.shards)] }

// get returns what is remembered of a token, or nil.
func (c *tokenCache) get(d digest) *acceptedToken {
	shard := c.shard(d)
	shard.mu.RLock()
	entry := shard.entries[d]
	shard.mu.RUnlock()
	if entry != nil && !entry.used.Load() {
		entry.used.Store(true)
	}
	return entry
}

// add remembers a token. Keys that cannot be compared could not be recognised later, so
// their tokens are not remembered.
func (c *tokenCache) add(entry *acceptedToken) {
	if !reflect.ValueOf(entry.key).Comparable() {
		return
	}
	shard := c.shard(entry.digest)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.entries == nil {
		shard.entries = make(map[digest]*acceptedToken)
	}
	if old := shard.entries[entry.digest]; old != nil {
		shard.unlink(old)
	}
	if entry.bytes() > shard.maxByte {
		return
	}
	for len(shard.entries) >= shard.maxEntries || shard.bytes+entry.bytes() > shard.maxByte {
		shard.unlink(shard.victim())
	}
	shard.link(entry)
}

// drop forgets exactly this entry, not one that has come in its place.
func (c *tokenCache) drop(entry *acceptedToken) {
	shard := c.shard(entry.digest)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.entries[entry.digest] == entry {
		shard.unlink(entry)
	}
}

// victim returns the first entry from the hand towards the newest, and round again,
// that was not used since the hand last passed.
func (s *cacheShard) victim() *acceptedToken {
	for {
		if s.hand == nil {
			s.hand = s.oldest
		}
		if !s.hand.used.Swap(false) {
			return s.hand
		}
		s.hand = s.hand.next
	}
}

func (s *cacheShard) link(entry *acceptedToken) {
	s.entries[entry.digest] = entry
	s.bytes += entry.bytes()
	entry.prev, entry.next = s.newest, nil
	if s.newest != nil {
		s.newest.next = entry
	} else {
		s.oldest = entry
	}
	s.newest = entry
}

func (s *cacheShard) unlink(entry *acceptedToken) {
	delete(s.entries, entry.digest)
	s.bytes -= entry.bytes()
	if s.hand == entry {
		s.hand = entry.next
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
}
