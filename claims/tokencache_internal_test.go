package claims

import (
	"encoding/binary"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type stubKey struct{}

func (stubKey) Verify([]byte, []byte) error { return nil }

// entryOf returns an entry whose claims take so many bytes.
func entryOf(n uint64, bytes int) *acceptedToken {
	text := strings.Repeat("x", max(bytes-entryOverhead, 0))
	e := &acceptedToken{key: stubKey{}, claims: &Claims{text: text}}
	binary.LittleEndian.PutUint64(e.digest[:], n)
	return e
}

func (c *tokenCache) size() (entries, bytes int) {
	for i := range c.shards {
		entries += len(c.shards[i].entries)
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
		{"large ones meet the bound of bytes first", 100, 12_000},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c := newTokenCache(tc.entries)
			for n := range uint64(3 * tc.entries) {
				c.add(entryOf(n, tc.bytes))
				if n%3 == 0 {
					c.get(entryOf(n/2, 0).digest)
				}
			}
			entries, bytes := c.size()
			assert.LessOrEqual(t, entries, tc.entries)
			assert.LessOrEqual(t, bytes, tc.entries*entryBytes)
			assert.Positive(t, entries)
			for i := range c.shards {
				requireConsistent(t, &c.shards[i])
			}
		})
	}
}

// requireConsistent walks the list both ways.
func requireConsistent(t *testing.T, s *cacheShard) {
	t.Helper()
	forward, bytes := 0, 0
	for e := s.oldest; e != nil; e = e.next {
		require.Same(t, e, s.entries[e.digest])
		forward++
		bytes += e.bytes()
	}
	backward := 0
	for e := s.newest; e != nil; e = e.prev {
		backward++
	}
	require.Equal(t, len(s.entries), forward)
	require.Equal(t, forward, backward)
	require.Equal(t, s.bytes, bytes)
}

func TestEntryThatIsTooLargeIsNotKept(t *testing.T) {
	c := newTokenCache(1)
	c.add(entryOf(1, 1000))
	c.add(entryOf(2, entryBytes+1))
	entries, _ := c.size()
	assert.Equal(t, 1, entries)
	assert.NotNil(t, c.get(entryOf(1, 0).digest), "and pushes nothing out")
}

// One pass of tokens that come once must not push out those that come again.
func TestUsedTokensSurviveAScan(t *testing.T) {
	c := newTokenCache(10)
	for n := range uint64(5) {
		c.add(entryOf(n, 1000))
	}
	for n := uint64(100); n < 200; n++ {
		for used := range uint64(5) {
			require.NotNil(t, c.get(entryOf(used, 0).digest), "after %d others", n-100)
		}
		c.add(entryOf(n, 1000))
	}
}

func TestSameTokenTwiceIsOneEntry(t *testing.T) {
	c := newTokenCache(10)
	first, second := entryOf(1, 1000), entryOf(1, 1000)
	c.add(first)
	c.add(second)
	c.drop(first)
	assert.Same(t, second, c.get(second.digest), "dropping an entry leaves the one in its place")
	c.drop(second)
	entries, bytes := c.size()
	assert.Zero(t, entries+bytes)
	c.drop(second)
	requireConsistent(t, &c.shards[0])
}

func TestHeaderMemoIsBounded(t *testing.T) {
	var m headerMemo
	long := strings.Repeat("x", headerMemoBytes+1)
	m.add(long, header{alg: "EdDSA"})
	_, ok := m.get(long)
	assert.False(t, ok)
	for n := range 10_000 {
		m.add(strings.Repeat("a", n%headerMemoBytes), header{alg: "EdDSA"})
	}
	m.add("segment", header{alg: "EdDSA", kid: "k", typ: "jwt"})
	h, ok := m.get("segment")
	assert.True(t, ok)
	assert.Equal(t, header{alg: "EdDSA", kid: "k", typ: "jwt"}, h)
	_, ok = m.get("other")
	assert.False(t, ok)
}

// What an entry keeps alive is counted, or not kept alive.
func TestEntryCountsItsMemory(t *testing.T) {
	long := strings.Repeat("x", 1000)
	c, err := parse([]byte(`{"sub":"` + long + `","scope":["` + long + `"]}`))
	require.NoError(t, err)
	c.resolveScopes(defaultScopeClaims)
	entry := &acceptedToken{claims: c, header: header{kid: long}}
	assert.Greater(t, entry.bytes(), entryOverhead+5*len(long))

	var memo headerMemo
	document := `{"alg":"EdDSA","kid":"k","x5c":"` + strings.Repeat("x", 10_000) + `"}`
	kid := document[strings.Index(document, `"k"`)+1:][:1]
	h := memo.add(strings.Repeat("s", headerMemoBytes+1), header{alg: "EdDSA", kid: kid})
	assert.Equal(t, "k", h.kid)
	assert.NotSame(t, unsafe.StringData(kid), unsafe.StringData(h.kid), "a copy, not a part of the document")
}
