package claims

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/internal/strict"
)

type stubKey struct{}

func (stubKey) Verify([]byte, []byte) error { return nil }

var (
	arrival   = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	anyIssuer = &Issuer{}
)

// partsOf returns the parts of the n-th token.
func partsOf(n int) strict.Compact {
	return strict.Compact{SigningInput: "header.payload", Signature: fmt.Sprintf("%086d", n)}
}

// tokenOf returns the n-th token. Its entry has the given size.
func tokenOf(n int, bytes int) token {
	input := []byte(partsOf(n).SigningInput)
	claims := newClaims(strings.Repeat("x", max(bytes-entryOverhead-len(input), 0)))
	claims.expiresAt = arrival.Add(time.Hour)
	return token{
		issuer: anyIssuer, key: stubKey{}, signingInput: input,
		claims: claims,
	}
}

// addToken adds the n-th token and returns its entry, without marking it as used.
func (c *tokenCache) addToken(n, bytes int) *cacheEntry {
	c.add(tokenOf(n, bytes), partsOf(n), arrival)
	return c.peek(partsOf(n))
}

func (c *tokenCache) peek(parts strict.Compact) *cacheEntry {
	place := c.placeOf(parts.Signature)
	if entry := c.shardOf(place).find(place); entry != nil && entry.isOf(parts) {
		return entry
	}
	return nil
}

func (c *tokenCache) size() (entries int, bytes int64) {
	for i := range c.shards {
		entries += c.shards[i].entries
		bytes += c.shards[i].bytes
	}
	return entries, bytes
}

func TestCacheStaysWithinItsBounds(t *testing.T) {
	for _, tc := range []struct {
		rule    string
		entries int
		bytes   int
	}{
		{"one entry", 1, 1000},
		{"a few", 7, 1000},
		{"not a multiple of the shards", 1001, 1000},
		{"the default", defaultCacheEntries, 600},
		{"large entries, which reach the bound of bytes first", 100, 12_000},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c := newTokenCache(tc.entries)
			for n := range 3 * tc.entries {
				c.addToken(n, tc.bytes)
				if n%3 == 0 {
					c.get(partsOf(n / 2))
				}
			}
			entries, bytes := c.size()
			assert.LessOrEqual(t, entries, tc.entries)
			assert.LessOrEqual(t, bytes, int64(tc.entries*entryBytes))
			assert.Positive(t, entries)
			for i := range c.shards {
				requireConsistent(t, &c.shards[i])
			}
		})
	}
}

// The bounds that the documentation of Config states, for a Verifier from NewVerifier.
func TestDefaultBounds(t *testing.T) {
	issuer := Issuer{URL: "https://issuer.example/", Audiences: []string{"a"}, Keys: newCacheVerifier(t)}
	v, err := NewVerifier(Config{Issuers: []Issuer{issuer}})
	require.NoError(t, err)
	entries, bytes := 0, int64(0)
	for i := range v.cache.shards {
		entries += v.cache.shards[i].maxEntries
		bytes += v.cache.shards[i].maxBytes
	}
	assert.LessOrEqual(t, entries, 10_000)
	assert.Greater(t, entries, 9_900)
	assert.LessOrEqual(t, bytes, int64(10_000*4096))
	assert.Len(t, v.cache.shards, 64, "shards, each with its lock")
}

// A flood of distinct tokens, all of them valid and verified.
func TestFloodOfValidTokensStaysWithinTheBounds(t *testing.T) {
	kit := newCacheVerifier(t)
	v, err := NewVerifier(Config{
		Issuers:      []Issuer{{URL: "https://issuer.example/", Audiences: []string{"a"}, Keys: kit}},
		CacheEntries: 100, Now: func() time.Time { return arrival },
	})
	require.NoError(t, err)
	for n := range 1000 {
		_, err := v.Verify(t.Context(), kit.token(fmt.Sprintf(`{"iss":"https://issuer.example/","aud":"a","exp":1893628800,"jti":"%d"}`, n)))
		require.NoError(t, err)
		entries, bytes := v.cache.size()
		require.LessOrEqual(t, entries, 100)
		require.LessOrEqual(t, bytes, int64(100*entryBytes))
	}
}

func TestTooLargeEntryIsNotKept(t *testing.T) {
	c := newTokenCache(1)
	c.addToken(1, 1000)
	c.addToken(2, entryBytes+1)
	entries, _ := c.size()
	assert.Equal(t, 1, entries)
	assert.NotNil(t, c.get(partsOf(1)), "and evicts nothing")
}

// A series of tokens that are used once must not evict tokens that are used again.
func TestUsedTokensSurviveAScan(t *testing.T) {
	c := newTokenCache(10)
	for n := range 5 {
		c.addToken(n, 1000)
	}
	for n := 100; n < 200; n++ {
		for used := range 5 {
			require.NotNil(t, c.get(partsOf(used)), "after %d others", n-100)
		}
		c.addToken(n, 1000)
	}
}

func TestTokenAddedTwiceIsOneEntry(t *testing.T) {
	c := newTokenCache(10)
	first, second := c.addToken(1, 1000), c.addToken(1, 1000)
	c.drop(first)
	assert.Same(t, second, c.get(partsOf(1)), "drop leaves the entry that has replaced it")
	c.drop(second)
	entries, bytes := c.size()
	assert.Zero(t, entries)
	assert.Zero(t, bytes)
	c.drop(second)
	requireConsistent(t, &c.shards[0])
}

// All bytes of a token must match: neither the place, nor the signature, nor the signing input
// is enough.
func TestTokenIsRecognisedByAllOfItsBytes(t *testing.T) {
	c := newTokenCache(1)
	known := partsOf(1)
	entry := c.addToken(1, 1000)
	assert.Same(t, entry, c.get(known))
	for rule, other := range map[string]strict.Compact{
		"another payload":               {SigningInput: "header.Payload", Signature: known.Signature},
		"more payload":                  {SigningInput: known.SigningInput + "x", Signature: known.Signature},
		"no payload":                    {SigningInput: "", Signature: known.Signature},
		"a signature with the same end": {SigningInput: known.SigningInput, Signature: "1" + known.Signature[1:]},
		"a shorter signature":           {SigningInput: known.SigningInput, Signature: known.Signature[1:]},
		"no signature":                  {SigningInput: known.SigningInput},
	} {
		assert.Nil(t, c.get(other), rule)
	}
	same := strict.Compact{SigningInput: known.SigningInput, Signature: "1" + known.Signature[1:]}
	require.Equal(t, c.placeOf(known.Signature), c.placeOf(same.Signature), "the rows above share the place of the entry")
	c = newTokenCache(10)
	c.addToken(1, 1000)
	c.add(tokenOf(1, 1000), same, arrival)
	second := c.peek(same)
	require.NotNil(t, second)
	assert.Same(t, second, c.get(same))
	assert.NotSame(t, second, c.get(known), "of two tokens with one place, the later one is kept")
	requireConsistent(t, &c.shards[0])
}

// Expired tokens must not stay until room is needed, because that may never happen.
func TestExpiredTokensAreSwept(t *testing.T) {
	const alive, days = 50, 100
	c := newTokenCache(defaultCacheEntries)
	for day := range days {
		now := arrival.AddDate(0, 0, day)
		for n := range alive {
			t := tokenOf(0, 1000)
			t.claims.expiresAt = now.AddDate(0, 0, 1)
			c.add(t, partsOf(day*alive+n), now)
		}
	}
	entries, _ := c.size()
	assert.Less(t, entries, 5*alive, "of %d that were added", days*alive)
	for n := range alive {
		assert.NotNil(t, c.get(partsOf((days-1)*alive+n)), "valid tokens are kept")
	}
	for i := range c.shards {
		requireConsistent(t, &c.shards[i])
	}
}
