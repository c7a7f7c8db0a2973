package revocation_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
)

const million = 1_000_000

// entry returns one of a million entries, in the mix of a large service: most are tokens and
// sessions.
func entry(n int) revocation.Entry {
	switch id := fmt.Sprintf("6b1f0e2c-%07d-4f3a", n); {
	case n == 0:
		return revocation.Entry{Kind: revocation.Issuer, Issuer: issuerURL, NotBefore: time.Unix(1, 0)}
	case n%1000 == 0:
		return revocation.Entry{Kind: revocation.Client, Issuer: issuerURL, ID: id}
	case n%10 == 0:
		return revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: id}
	case n%2 == 0:
		return revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: id}
	default:
		return revocation.Entry{Kind: revocation.Token, Issuer: issuerURL, ID: id}
	}
}

// takesAll is a server that takes all changes, and has none.
func takesAll(_ context.Context, args ...string) ([]string, error) {
	if strings.Contains(args[1], "ZADD") {
		return []string{"OK"}, nil
	}
	return []string{}, nil
}

// filled returns a list with entries of every kind.
func filled(tb testing.TB, entries int, config revocation.Config) *revocation.List {
	tb.Helper()
	list := newList(tb, config)
	all := make([]revocation.Entry, entries)
	for n := range all {
		all[n] = entry(n)
	}
	require.NoError(tb, list.Add(tb.Context(), all...))
	return list
}

// goodClaims returns the claims of different tokens, none of which was cut off.
func goodClaims(tb testing.TB, n int) []*claims.Claims {
	tb.Helper()
	list := make([]*claims.Claims, n)
	for n := range list {
		c, err := claims.ParseUnverified(fmt.Appendf(nil,
			`{"iss":%q,"sub":"auth0|5f7c8ec7c33c6c004bbafe%07d","jti":"d0e7a6f4-%07d","sid":"08a5019c-%07d","azp":"web-%07d","iat":%d,"exp":%d}`,
			issuerURL, n, n, n, n, time.Now().Unix(), time.Now().Add(time.Hour).Unix()))
		require.NoError(tb, err)
		list[n] = c
	}
	return list
}

// BenchmarkCheck is what a list costs each request. The tokens are different ones, in turn.
func BenchmarkCheck(b *testing.B) {
	for _, entries := range []int{0, 1000, million} {
		for name, config := range map[string]revocation.Config{"local": {}, "shared": {Do: takesAll}} {
			b.Run(fmt.Sprintf("%s, %d entries", name, entries), func(b *testing.B) {
				list, tokens := filled(b, entries, config), goodClaims(b, 1024)
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				go list.Run(ctx)
				require.Eventually(b, func() bool { return !list.Status().Stale }, time.Minute, time.Millisecond)
				validate := list.Protect(claims.Issuer{URL: issuerURL, MaxLifetime: lifetime}).Validate
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					if err := validate(ctx, tokens[n%len(tokens)]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, config := range map[string]revocation.Config{"local": {}, "shared": {Do: takesAll}} {
		list, c := filled(t, 10_000, config), goodClaims(t, 1)[0]
		require.NoError(t, list.Check(t.Context(), c))
		validate := list.Protect(claims.Issuer{URL: issuerURL, MaxLifetime: lifetime}).Validate
		assert.Zero(t, testing.AllocsPerRun(1000, func() { _ = list.Check(context.Background(), c) }), name)
		assert.Zero(t, testing.AllocsPerRun(1000, func() { _ = validate(context.Background(), c) }), name)
	}
}

func TestMemoryOfAMillionEntries(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("takes seconds")
	}
	list := newList(t, revocation.Config{})
	before := heap()
	for n := 0; n < million; n += 100_000 {
		part := make([]revocation.Entry, 100_000)
		for i := range part {
			part[i] = entry(n + i)
		}
		require.NoError(t, list.Add(t.Context(), part...))
	}
	each := float64(heap()-before) / million
	t.Logf("%.1f bytes an entry", each)
	assert.Less(t, each, 40.0)
	total := 0
	for _, count := range list.Status().Entries {
		total += count
	}
	assert.Equal(t, million, total)
	require.ErrorContains(t, list.Add(t.Context(), entry(million)), "the list is full: 1 entries were not added, because MaxEntries is 1000000")
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
