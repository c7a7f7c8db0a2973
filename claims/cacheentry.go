package claims

import (
	"crypto/sha256"
	"sync/atomic"

	"github.com/bearerguard/bearerguard/internal/strict"
)

// A cacheEntry is one remembered token. Readers may use its first four fields, without a
// lock. The others belong to the shard.
type cacheEntry struct {
	token  token
	digest digest // of the signature, as received
	used   atomic.Bool
	// vouched is the generation of the latest trust that was seen to have the token's issuer. It
	// saves a look-up. A pointer to the trust would keep old ones alive.
	vouched atomic.Uint64

	place      uint64
	size       int64       // in bytes
	prev, next *cacheEntry // in the order of arrival
}

func newCacheEntry(t token, signature string, place uint64) *cacheEntry {
	t.claims = t.claims.later
	entry := &cacheEntry{token: t, digest: digestOf(signature), place: place}
	entry.size = entry.bytes()
	return entry
}

// isOf reports whether e is the entry of the token that has been cut into parts.
func (e *cacheEntry) isOf(parts strict.Compact) bool {
	return string(e.token.signingInput) == parts.SigningInput && e.digest == digestOf(parts.Signature)
}

// A digest is the SHA-256 of a signature segment.
type digest [sha256.Size]byte

// pieceBytes is how much of a signature is copied to the stack at once. Converting all of it to a
// byte slice would allocate. Only ML-DSA, and RSA with more than 6,144 bits, make
// signatures that are longer in base64url.
const pieceBytes = 1 << 10

func digestOf(signature string) digest {
	if len(signature) > pieceBytes {
		return digestInPieces(signature)
	}
	var piece [pieceBytes]byte
	return sha256.Sum256(append(piece[:0], signature...))
}

// digestInPieces is not a part of digestOf, because its larger stack frame would make each
// hit slower.
func digestInPieces(signature string) (d digest) {
	var piece [pieceBytes]byte
	hash := sha256.New()
	for signature != "" {
		n := copy(piece[:], signature)
		hash.Write(piece[:n])
		signature = signature[n:]
	}
	hash.Sum(d[:0])
	return d
}

const (
	// entryOverhead is what an entry takes beside what it points to: itself, its claims and
	// its node in the map.
	entryOverhead = 950
	memberBytes   = 16
	stringBytes   = 16
	minAllocation = 8 // of a scope that was written with escapes
)

// bytes returns the memory that the entry takes, or a little more. It counts strings that are
// parts of the payload twice, because strings that were written with escapes are copies. It
// adds an eighth, by which allocations can be larger than requested.
func (e *cacheEntry) bytes() int64 {
	c := e.token.claims
	n := len(e.token.signingInput) + len(c.text) + len(e.token.header.kid)
	n += len(c.issuer) + len(c.subject) + len(c.id) + len(c.sessionID) + len(c.scopeText)
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
