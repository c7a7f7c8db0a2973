package main

import (
	"context"
	"crypto"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
	"github.com/bearerguard/bearerguard/middleware"
	"github.com/bearerguard/bearerguard/middleware/benchmarks/internal/contender"
)

const (
	issuerURL = "https://issuer.example.com/"

	someEntries = 10_000 // the default
	noEntries   = -1
)

// A load is requests with these tokens to a service that trusts these issuers.
type load struct {
	issuers []claims.Issuer
	scope   string        // that the route requires
	fields  []string      // Authorization fields, one for each token
	checks  *atomic.Int64 // counts signature checks; nil if they are not counted
}

// A column is a cache and the order in which tokens reach it.
type column struct {
	name    string
	entries func(tokens int) int
	order   func(tokens int) []uint32
}

var (
	cacheOff = column{"cache off", func(int) int { return noEntries }, uniform}
	cached   = column{"token cached", room, uniform}
	small    = column{"10,000 entries, uniform", func(int) int { return someEntries }, uniform}
	smallZip = column{"10,000 entries, Zipf", func(int) int { return someEntries }, zipf}
	large    = column{"room for all, uniform", room, uniform}
)

// room returns a number of entries with room for all tokens, although parts of the cache
// fill unevenly.
func room(tokens int) int { return tokens + tokens/4 + 1024 }

// BenchmarkTokens measures requests with more and more distinct tokens.
func BenchmarkTokens(b *testing.B) {
	grow(b, []int{10, 100, 1000, 10_000, 100_000, 1_000_000}, func(b *testing.B, n int) load {
		key := newKey(0)
		issuer := newTrust(b, issuerURL, key)
		checks := new(atomic.Int64)
		keys, err := issuer.Keys.Keys(b.Context(), key.Algorithm, key.ID)
		require.NoError(b, err)
		issuer.Keys = countedKeys{countedKey{keys[0], checks}}
		return load{
			issuers: []claims.Issuer{issuer}, scope: contender.ReadScope, checks: checks,
			fields: newFields(n, func(i int) string { return token(issuerURL, key, contender.ReadScope, i) }),
		}
	}, cacheOff, small, smallZip, large)
}

// BenchmarkIssuers measures requests with more and more issuers, each with a key and a
// token.
func BenchmarkIssuers(b *testing.B) {
	grow(b, []int{1, 10, 100, 1000, 10_000}, func(b *testing.B, n int) load {
		l := load{scope: contender.ReadScope, fields: make([]string, n)}
		for i := range n {
			key, url := newKey(0), fmt.Sprintf("https://tenant-%06d.example.com/", i)
			l.issuers = append(l.issuers, newTrust(b, url, key))
			l.fields[i] = token(url, key, contender.ReadScope, i)
		}
		return l
	}, cacheOff, cached)
}

// BenchmarkKeys measures requests with more and more keys of one issuer, each with a
// token. The keys are static, because a JWKS is limited to 256 keys.
func BenchmarkKeys(b *testing.B) {
	grow(b, []int{1, 10, 100, 1000}, func(b *testing.B, n int) load {
		keys := make([]jwkstest.Key, n)
		for i := range keys {
			keys[i] = newKey(i)
		}
		return load{
			issuers: []claims.Issuer{newTrust(b, issuerURL, keys...)}, scope: contender.ReadScope,
			fields: newFields(n, func(i int) string { return token(issuerURL, keys[i], contender.ReadScope, i) }),
		}
	}, cacheOff, cached)
}

// BenchmarkScopes measures a token with more and more scopes. The route requires the
// last scope.
func BenchmarkScopes(b *testing.B) {
	grow(b, []int{1, 10, 50, 200}, func(b *testing.B, n int) load {
		scopes := make([]string, n)
		for i := range scopes {
			scopes[i] = fmt.Sprintf("read:resource-%03d", i)
		}
		key := newKey(0)
		return load{
			issuers: []claims.Issuer{newTrust(b, issuerURL, key)}, scope: scopes[n-1],
			fields: []string{token(issuerURL, key, strings.Join(scopes, " "), 0)},
		}
	}, cacheOff, cached)
}

// grow measures the columns with each of the counts, or with two of them in short mode.
func grow(b *testing.B, counts []int, newLoad func(b *testing.B, n int) load, columns ...column) {
	if testing.Short() {
		counts = counts[:2]
	}
	for _, n := range counts {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			load := newLoad(b, n)
			for _, column := range columns {
				walk := newWalk(b, load, column)
				b.Run("cache="+column.name, walk.measure)
			}
		})
	}
}

// A walk is a client that sends tokens in an endless order.
type walk struct {
	load
	handler  http.Handler
	client   *contender.Client
	order    []uint32
	position int
	weight   float64 // bytes of heap for each token, if the cache has room for all
}

// newWalk fills the cache: with all tokens if there is room, otherwise until the number
// of misses is six times the number of entries.
func newWalk(b *testing.B, l load, c column) *walk {
	b.Helper()
	entries := c.entries(len(l.fields))
	verifier, err := claims.NewVerifier(claims.Config{Issuers: l.issuers, CacheEntries: entries})
	require.NoError(b, err)
	auth, err := middleware.New(middleware.Config{Verifier: verifier})
	require.NoError(b, err)
	handler := auth.RequireScopes(l.scope)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := claims.FromContext(r.Context())
		contender.Timesheets(w, r, contender.Identity{Subject: c.Subject(), CanRead: true})
	}))
	w := &walk{load: l, handler: handler, order: c.order(len(l.fields))}
	w.client = contender.NewClient(b.Context(), handler)
	switch {
	case entries >= len(l.fields):
		w.visitAll(b)
	case entries > 0:
		for l.checks.Store(0); l.checks.Load() < int64(6*entries); {
			w.next(b)
		}
	}
	return w
}

// visitAll sends each token once, on all cores.
func (w *walk) visitAll(b *testing.B) {
	b.Helper()
	before := liveHeap()
	onAllCores(len(w.fields), func(i int) {
		client := contender.NewClient(b.Context(), w.handler)
		client.Authorize(w.fields[i])
		if status := client.Do(); status != http.StatusOK {
			b.Errorf("status %d", status)
		}
	})
	w.weight = (liveHeap() - before) / float64(len(w.fields))
}

// liveHeap returns the bytes of heap after two collections. The second one frees what
// pools still keep after the first.
func liveHeap() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

func (w *walk) next(b *testing.B) {
	w.client.Authorize(w.fields[w.order[w.position]])
	w.position = (w.position + 1) % len(w.order)
	if status := w.client.Do(); status != http.StatusOK {
		b.Fatalf("status %d", status)
	}
}

func (w *walk) measure(b *testing.B) {
	if w.checks != nil {
		w.checks.Store(0)
	}
	b.ReportAllocs()
	for b.Loop() {
		w.next(b)
	}
	if w.checks != nil {
		b.ReportMetric(100*(1-float64(w.checks.Load())/float64(b.N)), "hit-%")
		if w.weight > 0 {
			b.ReportMetric(w.weight, "heap-B/token")
		}
	}
}

// uniform returns an order in which all tokens are equally frequent.
func uniform(tokens int) []uint32 {
	random := rand.New(rand.NewPCG(1, 2))
	return order(func() uint64 { return random.Uint64N(uint64(tokens)) })
}

// zipf returns an order in which the n-th token has a frequency of about 1/n^1.1.
func zipf(tokens int) []uint32 {
	random := rand.New(rand.NewPCG(1, 2))
	return order(rand.NewZipf(random, 1.1, 1, uint64(tokens-1)).Uint64)
}

func order(draw func() uint64) []uint32 {
	order := make([]uint32, 1<<20)
	for i := range order {
		order[i] = uint32(draw())
	}
	return order
}

// newKey returns an EdDSA key. Of all algorithms, EdDSA signs a million tokens fastest.
func newKey(id int) jwkstest.Key {
	key := jwkstest.NewKey("EdDSA")
	key.ID = strconv.Itoa(id)
	return key
}

func newTrust(b *testing.B, url string, keys ...jwkstest.Key) claims.Issuer {
	b.Helper()
	public := make([]jwks.PublicKey, len(keys))
	for i, key := range keys {
		public[i] = jwks.PublicKey{KeyID: key.ID, Key: key.Private.(crypto.Signer).Public()}
	}
	set, err := jwks.StaticKeys(public...)
	require.NoError(b, err)
	return claims.Issuer{URL: url, Audiences: []string{contender.Audience}, Keys: set}
}

func newFields(n int, token func(i int) string) []string {
	fields := make([]string, n)
	onAllCores(n, func(i int) { fields[i] = token(i) })
	return fields
}

// token returns an Authorization field with a token of about 400 bytes.
func token(issuer string, key jwkstest.Key, scope string, serial int) string {
	header := fmt.Sprintf(`{"alg":"EdDSA","typ":"at+jwt","kid":%q}`, key.ID)
	payload := fmt.Sprintf(`{"iss":%q,"sub":%q,"aud":%q,"exp":%d,"scope":%q,"jti":"%012d"}`,
		issuer, contender.Subject, contender.Audience, time.Now().Unix()+86400, scope, serial)
	return "Bearer " + jwkstest.RawToken([]byte(header), []byte(payload), key)
}

func onAllCores(count int, do func(i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wait.Wait()
}

// countedKeys is a key set that always returns the same keys.
type countedKeys []claims.Key

func (k countedKeys) Keys(context.Context, string, string) ([]claims.Key, error) { return k, nil }

// A countedKey counts its signature checks.
type countedKey struct {
	claims.Key
	checks *atomic.Int64
}

func (k countedKey) Verify(signingInput, signature []byte) error {
	k.checks.Add(1)
	return k.Key.Verify(signingInput, signature)
}
