package jwks_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// A junk is a kind of token that a stranger can make without a key of the issuer.
type junk struct {
	make  func(issuer *jwkstest.Issuer, n int) string
	want  claims.Reason
	fetch bool // the key might have been published since the last fetch
}

// forged signs with zeros, which costs nothing. The token is refused before its signature is
// checked, or because of its signature.
func forged(alg, kid string) jwkstest.Option {
	return jwkstest.SignedBy(jwkstest.Key{ID: kid, Algorithm: alg, Private: func([]byte) []byte { return make([]byte, 64) }})
}

// tokenOf makes tokens that are good except for these claims, the signature and these options.
// Each # in kid becomes the number of the token.
func tokenOf(claims map[string]any, alg, kid string, more ...jwkstest.Option) func(*jwkstest.Issuer, int) string {
	return func(i *jwkstest.Issuer, n int) string {
		return i.Token(claims, append([]jwkstest.Option{forged(alg, strings.ReplaceAll(kid, "#", fmt.Sprint(n)))}, more...)...)
	}
}

var junks = map[string]junk{
	"unknown kid":                        {tokenOf(nil, alg, "junk-#"), claims.ErrUnknownKey, true},
	"unknown kid of 256 bytes":           {tokenOf(nil, alg, "#"+strings.Repeat("k", 240)), claims.ErrUnknownKey, true},
	"unknown kid and jku":                {tokenOf(nil, alg, "junk-#", jwkstest.Header("jku", "https://evil.example/")), claims.ErrUnknownKey, true},
	"unknown kid and jwk":                {tokenOf(nil, alg, "junk-#", jwkstest.Header("jwk", namedKey("junk").JWK())), claims.ErrUnknownKey, true},
	"another algorithm for a known kid":  {tokenOf(nil, "ES256", "known"), claims.ErrUnknownKey, true},
	"another algorithm and no kid":       {tokenOf(nil, "RS256", ""), claims.ErrUnknownKey, true},
	"bad signature under a known kid":    {tokenOf(nil, alg, "known"), claims.ErrSignature, false},
	"bad signature without a kid":        {tokenOf(nil, alg, ""), claims.ErrSignature, false},
	"kid of 4 KiB":                       {tokenOf(nil, alg, "#"+strings.Repeat("k", 4<<10)), claims.ErrMalformed, false},
	"kid that is a number":               {tokenOf(nil, alg, "", jwkstest.Header("kid", 7)), claims.ErrMalformed, false},
	"alg none":                           {tokenOf(nil, "none", "junk-#"), claims.ErrAlgorithm, false},
	"HMAC":                               {tokenOf(nil, "HS256", "junk-#"), claims.ErrAlgorithm, false},
	"crit":                               {tokenOf(nil, alg, "junk-#", jwkstest.Header("crit", []string{"exp"})), claims.ErrMalformed, false},
	"another issuer":                     {tokenOf(map[string]any{"iss": "https://evil.example/"}, alg, "junk-#"), claims.ErrIssuer, false},
	"another audience":                   {tokenOf(map[string]any{"aud": "https://other.example"}, alg, "junk-#"), claims.ErrAudience, false},
	"expired":                            {tokenOf(map[string]any{"exp": 1}, alg, "junk-#"), claims.ErrExpired, false},
	"another kind of token, by its type": {tokenOf(nil, alg, "junk-#", jwkstest.Header("typ", "logout+jwt")), claims.ErrType, false},
	"not a token":                        {func(_ *jwkstest.Issuer, n int) string { return fmt.Sprintf("junk-%d", n) }, claims.ErrMalformed, false},
	"five segments":                      {func(_ *jwkstest.Issuer, n int) string { return fmt.Sprintf("e30.e30.e30.e30.%d", n) }, claims.ErrMalformed, false},
	"16 MiB":                             {func(*jwkstest.Issuer, int) string { return hugeToken }, claims.ErrMalformed, false},
}

var hugeToken = strings.Repeat("e30.", 4<<20)

// Everything that needs no key is checked before a key is looked up.
func TestJunkFetchesOnlyWhereAFetchCanHelp(t *testing.T) {
	for name, kind := range junks {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				verifier := verifierOf(t, issuer, newWarmCache(t, issuer))
				count := counter(issuer)
				for n := range 20 {
					_, err := verifier.Verify(t.Context(), kind.make(issuer, n))
					require.ErrorIs(t, err, kind.want)
				}
				want := requestCounts{}
				if kind.fetch {
					want.keys = 3
				}
				assert.Equal(t, want, count())
			})
		})
	}
}

// A flood of 10,000 junk tokens of every kind does not delay good tokens. A rotation is noticed
// at the latest when the bucket has its next token.
func TestFloodOfEveryKindOfJunk(t *testing.T) {
	floodTokens() // outside the bubbles, which share them
	for name, tt := range map[string]struct {
		clients int
		pause   time.Duration
		rotates bool
		fault   jwkstest.Fault
	}{
		"64 at a time, with a rotation":     {64, 500 * time.Millisecond, true, jwkstest.Delay(50 * time.Millisecond)},
		"one by one, with a rotation":       {1, 10 * time.Millisecond, true, jwkstest.Delay(50 * time.Millisecond)},
		"64 at a time, the issuer hangs":    {64, 500 * time.Millisecond, false, jwkstest.Hang()},
		"one by one, the issuer is refused": {1, 10 * time.Millisecond, false, jwkstest.Refuse()},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				issuer := newIssuer()
				verifier := verifierOf(t, issuer, newWarmCache(t, issuer))
				issuer.Fail(jwkstest.JWKS, tt.fault)
				count, start := counter(issuer), time.Now()
				over := make(chan struct{})
				concurrently(2, func(side int) {
					if side == 0 {
						flood(t, verifier, tt.clients, tt.pause)
						close(over)
						return
					}
					useGoodTokens(t, issuer, verifier, tt.rotates, over)
				})
				got := count()
				assert.Zero(t, got.discovery)
				assert.Positive(t, got.keys)
				assert.LessOrEqual(t, got.keys, bucketBound(time.Since(start))+scheduledBound(time.Since(start)))
			})
		})
	}
}

// A junkToken is one token of a flood.
type junkToken struct {
	text string
	kind junk
}

// floodTokens returns 10,000 tokens, equally many of each kind.
var floodTokens = sync.OnceValue(func() []junkToken {
	issuer := newIssuer()
	var tokens []junkToken
	for n := 0; len(tokens) < 10_000; n++ {
		for _, kind := range junks {
			tokens = append(tokens, junkToken{kind.make(issuer, n), kind})
		}
	}
	return tokens[:10_000]
})

func flood(t *testing.T, verifier *claims.Verifier, clients int, pause time.Duration) {
	tokens := floodTokens()
	var next atomic.Int64
	concurrently(clients, func(int) {
		for n := next.Add(1) - 1; n < int64(len(tokens)); n = next.Add(1) - 1 {
			_, err := verifier.Verify(t.Context(), tokens[n].text)
			if !tokens[n].kind.fetch || !errors.Is(err, claims.ErrKeysUnavailable) { // the issuer is down
				require.ErrorIs(t, err, tokens[n].kind.want)
			}
			time.Sleep(pause)
		}
	})
}

// useGoodTokens sends good tokens, remembered ones and new ones, until the flood is over. None of
// them waits.
func useGoodTokens(t *testing.T, issuer *jwkstest.Issuer, verifier *claims.Verifier, rotates bool, over chan struct{}) {
	rotation := time.Now().Add(time.Duration(20+rand.IntN(20)) * time.Second)
	remembered := longLived(issuer)
	for {
		assert.Zero(t, took(func() {
			for _, token := range []string{remembered, issuer.Token(nil)} {
				_, err := verifier.Verify(t.Context(), token)
				require.NoError(t, err)
			}
		}))
		select {
		case <-over:
			return
		case <-time.After(time.Second):
		}
		if rotates && time.Now().After(rotation) {
			issuer.Rotate()
			rotated := time.Now()
			token := issuer.Token(nil)
			for _, err := verifier.Verify(t.Context(), token); err != nil; _, err = verifier.Verify(t.Context(), token) {
				require.ErrorIs(t, err, claims.ErrUnknownKey)
				time.Sleep(100 * time.Millisecond)
			}
			assert.LessOrEqual(t, time.Since(rotated), 10*time.Second+100*time.Millisecond, "and the time of the answer")
			rotates = false
		}
	}
}

// No token of a stranger leaves anything in memory.
func TestJunkKeepsNoMemory(t *testing.T) {
	issuer := newIssuer()
	verifier := verifierOf(t, issuer, newWarmCache(t, issuer))
	send := func(times int) {
		for n := range times {
			for name, kind := range junks {
				_, err := verifier.Verify(t.Context(), kind.make(issuer, n))
				require.Error(t, err, name)
			}
		}
	}
	send(10)
	before := heapInUse()
	send(500) // 10 MB of tokens
	assert.Less(t, heapInUse(), before+1<<20)
}

// Strangers can cause forced fetches. Those that fail must not start the backoff, which would
// delay the refresh for all requests.
func TestFailedForcedFetchesDoNotDelayTheRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		issuer := newIssuer()
		cache := newWarmCache(t, issuer)
		issuer.Fail(jwkstest.JWKS, limited("300"))
		time.Sleep(13 * time.Minute) // it is fresh for at least 13.5 minutes
		for range 3 {
			requireUnavailable(t, cache, "junk")
		}
		issuer.Recover()
		time.Sleep(whileRevalidating - 13*time.Minute)
		assert.Equal(t, 1, keySetRequests(issuer, func() { requireKnown(t, cache, "known") }))
		assertState(t, jwks.StateFresh, cache)
	})
}
