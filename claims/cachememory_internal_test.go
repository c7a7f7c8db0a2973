package claims

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An entry must not be a credential: it must keep neither the token nor its signature. Here
// the signature is most of the token, so an entry that kept one of them would be large.
func TestCacheKeepsNoToken(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector allocates")
	}
	const count, signatureBytes = 100, 32 << 10
	v, err := NewVerifier(Config{
		Issuers:       []Issuer{{URL: "https://issuer.example/", Audiences: []string{"a"}, Keys: gullible{}}},
		MaxTokenBytes: 2 * signatureBytes, Now: func() time.Time { return arrival },
	})
	require.NoError(t, err)
	encode, input := base64.RawURLEncoding.EncodeToString, ""
	verify := func(n int) {
		payload := fmt.Sprintf(`{"iss":"https://issuer.example/","aud":"a","exp":1893628800,"sub":"%d","scope":["a","b"]}`, n)
		input = encode([]byte(`{"alg":"EdDSA","kid":"k"}`)) + "." + encode([]byte(payload))
		signature := fmt.Appendf(nil, "%*d", signatureBytes, n)
		c, err := v.Verify(t.Context(), input+"."+encode(signature))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(n), c.Subject())
	}
	verify(0)
	before := liveHeap()
	for n := range count {
		verify(n + 1)
	}
	assert.Less(t, (liveHeap()-before)/count, int64(entryBytes), "heap for each entry")
	entries, _ := v.cache.size()
	require.Equal(t, count+1, entries)
	kept := false
	for i := range v.cache.shards {
		for e := v.cache.shards[i].oldest; e != nil; e = e.next {
			kept = kept || input == string(e.token.signingInput)
		}
	}
	assert.True(t, kept, "what was signed is kept, to be compared")
	runtime.KeepAlive(v)
}

// A gullible KeySet accepts every signature.
type gullible struct{ stubKey }

func (g gullible) Keys(context.Context, string, string) ([]Key, error) {
	return []Key{g.stubKey}, nil
}

// A refused token must not be remembered. A remembered token that is refused for good must be
// forgotten.
func TestCacheHoldsOnlyAcceptedTokens(t *testing.T) {
	kit := newCacheVerifier(t)
	good := kit.token(`{"iss":"https://issuer.example/","aud":"a","exp":1893628800}`)
	for rule, token := range map[string]string{
		"forged":         good[:len(good)-86] + strings.Repeat("A", 86),
		"another header": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"EdDSA","kid":"made up"}`)) + good[strings.IndexByte(good, '.'):],
		"wrong audience": kit.token(`{"iss":"https://issuer.example/","aud":"b","exp":1893628800}`),
		"expired":        kit.token(`{"iss":"https://issuer.example/","aud":"a","exp":1}`),
		"not yet valid":  kit.token(`{"iss":"https://issuer.example/","aud":"a","exp":1893628800,"nbf":1893628800}`),
		"bound":          kit.token(`{"iss":"https://issuer.example/","aud":"a","exp":1893628800,"cnf":{"jkt":"k"}}`),
		"junk":           "a.b.c",
	} {
		_, err := kit.Verify(t.Context(), token)
		require.Error(t, err, rule)
	}
	entries, _ := kit.cache.size()
	assert.Zero(t, entries)
	for i := range kit.headers.table.Load()[:] {
		entry := kit.headers.table.Load()[i].Load()
		assert.True(t, entry == nil || entry.segment == good[:strings.IndexByte(good, '.')], "only headers of genuine tokens")
	}

	for rule, change := range map[string]func(){
		"expired": func() { kit.clock = arrival.AddDate(1, 0, 0) },
		"removed": func() { kit.keys = verifyingKey{"another key, which has signed none"} },
	} {
		kit.clock, kit.keys = arrival, kit.own
		_, err := kit.Verify(t.Context(), good)
		require.NoError(t, err)
		entries, _ = kit.cache.size()
		require.Equal(t, 1, entries)
		change()
		_, err = kit.Verify(t.Context(), good)
		require.Error(t, err)
		entries, _ = kit.cache.size()
		assert.Zero(t, entries, rule)
	}
}

// A cacheVerifier is a Verifier with its own key and clock. It signs tokens.
type cacheVerifier struct {
	*Verifier
	private   ed25519.PrivateKey
	own, keys verifyingKey
	clock     time.Time
}

func newCacheVerifier(t *testing.T) *cacheVerifier {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	own := verifyingKey{string(public)}
	kit := &cacheVerifier{private: private, own: own, keys: own, clock: arrival}
	kit.Verifier, err = NewVerifier(Config{
		Issuers:       []Issuer{{URL: "https://issuer.example/", Audiences: []string{"a"}, Keys: kit}},
		MaxTokenBytes: 64 << 10, CacheEntries: 1 << 20, Now: func() time.Time { return kit.clock },
	})
	require.NoError(t, err)
	return kit
}

// Keys implements KeySet for the issuer of the kit.
func (k *cacheVerifier) Keys(context.Context, string, string) ([]Key, error) {
	return []Key{k.keys}, nil
}

func (k *cacheVerifier) token(payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"EdDSA","kid":"a key"}`)) + "." + encode([]byte(payload))
	return input + "." + encode(ed25519.Sign(k.private, []byte(input)))
}

// The size of an entry must be close to the heap that it takes.
func TestEntryAccountsForItsMemory(t *testing.T) {
	if RaceEnabled {
		t.Skip("the race detector allocates")
	}
	list := func(item string, count int) string { return strings.TrimSuffix(strings.Repeat(item+",", count), ",") }
	for rule, more := range map[string]string{
		"few claims":           ``,
		"an ordinary token":    `,"sub":"kD9NyMp1XoXLwQmPYBx2yUvGYDdUCFqR@clients","azp":"kD9NyMp1XoXLwQmPYBx2yUvGYDdUCFqR","scope":"read:x write:x"`,
		"more members":         `,` + list(`"m%d":0`, 13),
		"many members":         `,` + list(`"m%d":0`, 1300),
		"a long string":        `,"x":"` + strings.Repeat("x", 12_000) + `"`,
		"many scopes":          `,"scope":"` + strings.Repeat("scope ", 2000) + `"`,
		"a list of scopes":     `,"scope":[` + list(`"s%d"`, 1500) + `]`,
		"a list of escapes":    `,"scope":[` + list(`"\ta%d"`, 1500) + `]`,
		"a list of nothing":    `,"scope":[` + list(`""`, 4000) + `]`,
		"a subject in escapes": `,"sub":"` + strings.Repeat(`\u0061`, 2000) + `"`,
		"a session in escapes": `,"sid":"` + strings.Repeat(`\n`, 6000) + `"`,
	} {
		t.Run(rule, func(t *testing.T) {
			kit := newCacheVerifier(t)
			for strings.Contains(more, "%d") {
				more = strings.Replace(more, "%d", fmt.Sprint(strings.Count(more, "%d")), 1)
			}
			const count = 400
			tokens := make([]string, count+1)
			for n := range tokens {
				tokens[n] = kit.token(fmt.Sprintf(`{"iss":"https://issuer.example/","aud":"a","exp":1893628800,"jti":"%08d"%s}`, n, more))
			}
			_, err := kit.Verify(t.Context(), tokens[count])
			require.NoError(t, err)
			before, accounted := liveHeap(), -kit.bytes()
			for _, token := range tokens[:count] {
				_, err := kit.Verify(t.Context(), token)
				require.NoError(t, err)
			}
			accounted += kit.bytes()
			ratio := float64(liveHeap()-before) / float64(accounted)
			runtime.KeepAlive(tokens)
			runtime.KeepAlive(kit)
			assert.LessOrEqual(t, ratio, 1.02, "bytes of heap for each byte of size")
			assert.GreaterOrEqual(t, ratio, 0.6)
		})
	}
}

func (k *cacheVerifier) bytes() int64 {
	_, bytes := k.cache.size()
	return bytes
}

// liveHeap returns the size of the heap after garbage collection. The second run empties the
// pools.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

type verifyingKey struct{ public string }

func (k verifyingKey) Verify(signingInput, signature []byte) error {
	if !ed25519.Verify(ed25519.PublicKey(k.public)[:ed25519.PublicKeySize], signingInput, signature) {
		return ErrSignature
	}
	return nil
}
