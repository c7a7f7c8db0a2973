package claims

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type stubKey struct{}

func (stubKey) Verify([]byte, []byte) error { return nil }

var (
	arrival = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	policy  = &Issuer{}
)

// partsOf are those of the n-th token.
func partsOf(n int) compact {
	return compact{signingInput: "header.payload", signature: fmt.Sprintf("%086d", n)}
}

// entryOf returns the entry of the n-th token, which takes so many bytes.
func entryOf(n int, bytes int) *acceptedToken {
	input := []byte(partsOf(n).signingInput)
	text := strings.Repeat("x", max(bytes-entryOverhead-len(input), 0))
	return &acceptedToken{
		issuer: policy, key: stubKey{}, signingInput: input,
		claims: &Claims{text: text, expiresAt: arrival.Add(time.Hour)},
	}
}

func (c *tokenCache) addToken(n, bytes int) *acceptedToken {
	entry := entryOf(n, bytes)
	c.add(entry, partsOf(n), arrival)
	return entry
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
		{"large ones meet the bound of bytes first", 100, 12_000},
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

// requireConsistent walks the list both ways, and all chains.
func requireConsistent(t *testing.T, s *cacheShard) {
	t.Helper()
	forward, bytes := 0, int64(0)
	for e := s.oldest; e != nil; e = e.next {
		require.Same(t, e, s.same(e))
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
}

func TestEntryThatIsTooLargeIsNotKept(t *testing.T) {
	c := newTokenCache(1)
	c.addToken(1, 1000)
	c.addToken(2, entryBytes+1)
	entries, _ := c.size()
	assert.Equal(t, 1, entries)
	assert.NotNil(t, c.get(partsOf(1)), "and pushes nothing out")
}

// One pass of tokens that come once must not push out those that come again.
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

func TestSameTokenTwiceIsOneEntry(t *testing.T) {
	c := newTokenCache(10)
	first, second := c.addToken(1, 1000), c.addToken(1, 1000)
	c.drop(first)
	assert.Same(t, second, c.get(partsOf(1)), "dropping an entry leaves the one in its place")
	c.drop(second)
	entries, bytes := c.size()
	assert.Zero(t, entries)
	assert.Zero(t, bytes)
	c.drop(second)
	requireConsistent(t, &c.shards[0])
}

// All of a token counts: not only the place where it is looked for, nor its signature
// without what was signed, nor what was signed without the signature.
func TestTokenIsRecognisedByAllOfItsBytes(t *testing.T) {
	c := newTokenCache(1)
	known := partsOf(1)
	entry := c.addToken(1, 1000)
	assert.Same(t, entry, c.get(known))
	for rule, other := range map[string]compact{
		"another payload":               {signingInput: "header.Payload", signature: known.signature},
		"more payload":                  {signingInput: known.signingInput + "x", signature: known.signature},
		"no payload":                    {signingInput: "", signature: known.signature},
		"a signature with the same end": {signingInput: known.signingInput, signature: "1" + known.signature[1:]},
		"a shorter signature":           {signingInput: known.signingInput, signature: known.signature[1:]},
		"no signature":                  {signingInput: known.signingInput},
	} {
		assert.Nil(t, c.get(other), rule)
	}
	same := compact{signingInput: known.signingInput, signature: "1" + known.signature[1:]}
	require.Equal(t, c.placeOf(known.signature), c.placeOf(same.signature), "the rows above look where the entry is")
	second := entryOf(1, 1000)
	c = newTokenCache(10)
	c.addToken(1, 1000)
	c.add(second, same, arrival)
	assert.Same(t, second, c.get(same))
	assert.NotSame(t, second, c.get(known), "two tokens with one place have an entry each")
	requireConsistent(t, &c.shards[0])
}

// Tokens that expired do not stay until room is needed, which may be never.
func TestExpiredTokensAreSwept(t *testing.T) {
	const alive, days = 50, 100
	c := newTokenCache(defaultCacheEntries)
	for day := range days {
		now := arrival.AddDate(0, 0, day)
		for n := range alive {
			entry := entryOf(0, 1000)
			entry.claims.expiresAt = now.AddDate(0, 0, 1)
			c.add(entry, partsOf(day*alive+n), now)
		}
	}
	entries, _ := c.size()
	assert.Less(t, entries, 5*alive, "of %d that have come", days*alive)
	for n := range alive {
		assert.NotNil(t, c.get(partsOf((days-1)*alive+n)), "those that are alive are there")
	}
	for i := range c.shards {
		requireConsistent(t, &c.shards[i])
	}
}

// Readers take no lock. Whatever writers do meanwhile, a reader finds the entry of the very
// token that it asked for, or none, and comes to an end.
func TestReadersAmidWriters(t *testing.T) {
	c := newTokenCache(400) // 16 shards
	var readers, writers sync.WaitGroup
	var done atomic.Bool
	for worker := range 2 {
		readers.Go(func() {
			for n := worker; !done.Load(); n++ {
				asked := partsOf(n % 1000)
				if entry := c.get(asked); entry != nil && entry.digest != digestOf(asked.signature) {
					t.Errorf("another token's entry")
					return
				}
			}
		})
		writers.Go(func() {
			for n := range 4000 {
				entry := c.addToken((n*7+worker)%1000, 1000)
				if n%5 == 0 {
					c.drop(entry)
				}
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

// While the table grows, entries move from chain to chain below the readers.
func TestReaderOfAGrowingTableComesToAnEnd(t *testing.T) {
	var s cacheShard
	for n := range 1000 {
		entry := entryOf(n, 1000)
		entry.place = uint64(n) << 32
		old := s.table.Load()
		s.link(entry)
		if old == nil || s.table.Load() == old {
			continue
		}
		for place := range uint64(n) { // of a reader that loaded the table before
			steps := 0
			for e := chainOf(*old, place<<32).Load(); e != nil; e = e.chained.Load() {
				steps++
				require.LessOrEqual(t, steps, s.entries)
			}
		}
	}
}

// What is kept is no credential: neither the token nor its signature.
func TestCacheKeepsNoToken(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	issuer := Issuer{URL: "https://issuer.example/", Audiences: []string{"a"}, Keys: verifyingKey{string(public)}}
	v, err := NewVerifier(Config{Issuers: []Issuer{issuer}, Now: func() time.Time { return arrival }})
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"EdDSA","kid":"a key"}`)) + "." +
		encode([]byte(`{"iss":"https://issuer.example/","aud":"a","exp":1893628800,"sub":"alice","scope":["a","b"]}`))
	token := []byte(input + "." + encode(ed25519.Sign(private, []byte(input))))
	memory := weak.Make(&token[0])
	c, err := v.Verify(t.Context(), unsafe.String(&token[0], len(token)))
	require.NoError(t, err)
	require.Equal(t, "alice", c.Subject())
	entries, _ := v.cache.size()
	require.Equal(t, 1, entries)
	for i := range v.cache.shards {
		for e := v.cache.shards[i].oldest; e != nil; e = e.next {
			assert.Nil(t, e.signature)
			assert.Equal(t, input, string(e.signingInput))
		}
	}
	token = nil
	runtime.GC()
	assert.Nil(t, memory.Value(), "nothing points into the token any more")
	runtime.KeepAlive(v)
}

// A verifyingKey is a key, and the set of it alone.
type verifyingKey struct{ public string }

func (k verifyingKey) Keys(context.Context, string, string) ([]Key, error) { return []Key{k}, nil }

func (k verifyingKey) Verify(signingInput, signature []byte) error {
	if !ed25519.Verify(ed25519.PublicKey(k.public), signingInput, signature) {
		return ErrSignature
	}
	return nil
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
	c, err := parse(`{"sub":"` + long + `","scope":["` + long + `"]}`)
	require.NoError(t, err)
	c.resolveScopes(defaultScopeClaims)
	entry := &acceptedToken{claims: c, header: header{kid: long}}
	assert.Greater(t, entry.bytes(), int64(entryOverhead+5*len(long)))
	entry.signingInput = []byte(long)
	assert.Greater(t, entry.bytes(), int64(entryOverhead+6*len(long)))

	var memo headerMemo
	document := `{"alg":"EdDSA","kid":"k","x5c":"` + strings.Repeat("x", 10_000) + `"}`
	kid := document[strings.Index(document, `"k"`)+1:][:1]
	h := memo.add(strings.Repeat("s", headerMemoBytes+1), header{alg: "EdDSA", kid: kid})
	assert.Equal(t, "k", h.kid)
	assert.NotSame(t, unsafe.StringData(kid), unsafe.StringData(h.kid), "a copy, not a part of the document")
}
