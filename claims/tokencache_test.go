package claims_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
)

// countingKey counts signature checks, so that a test can tell hits from full verifications.
type countingKey struct {
	edKey
	checks *atomic.Int32
}

func (k countingKey) Verify(signingInput, signature []byte) error {
	k.checks.Add(1)
	return k.edKey.Verify(signingInput, signature)
}

// A cacheKit is a verifier whose clock and keys a test can change.
type cacheKit struct {
	*claims.Verifier
	checks atomic.Int32
	now    time.Time
	keys   []claims.Key
	err    error
	asked  int
	hook   func(*claims.Claims) error
}

func newCacheKit(t *testing.T, entries int) *cacheKit {
	t.Helper()
	kit := &cacheKit{now: now}
	kit.keys = []claims.Key{countingKey{keyOf(signer), &kit.checks}}
	issuer := goodIssuer()
	issuer.Keys = &keySet{keys: func(context.Context, string, string) ([]claims.Key, error) {
		kit.asked++
		return kit.keys, kit.err
	}}
	issuer.Validate = func(_ context.Context, c *claims.Claims) error {
		if kit.hook == nil {
			return nil
		}
		return kit.hook(c)
	}
	v, err := claims.NewVerifier(claims.Config{
		Issuers: []claims.Issuer{issuer}, CacheEntries: entries, Now: func() time.Time { return kit.now },
	})
	require.NoError(t, err)
	kit.Verifier = v
	return kit
}

func (k *cacheKit) requireVerify(t *testing.T, token string, want claims.Reason, checks int32) {
	t.Helper()
	k.checks.Store(0)
	_, err := k.Verify(t.Context(), token)
	requireReason(t, want, err)
	require.Equal(t, checks, k.checks.Load(), "signature checks")
}

func TestCachedTokenNeedsNoSignatureCheck(t *testing.T) {
	kit := newCacheKit(t, 0)
	kit.requireVerify(t, token(nil), "", 1)
	kit.requireVerify(t, token(nil), "", 0)
	assert.Equal(t, 2, kit.asked, "a hit also asks the key set, so that the key set stays fresh")
}

// The cache must not change any result, so all tests must pass without it.
func TestAllWithoutTheTokenCache(t *testing.T) {
	if cacheEntries != 0 {
		t.Skip("this is the run without the cache")
	}
	program, err := os.Executable()
	require.NoError(t, err)
	again := exec.CommandContext(t.Context(), program, "-test.skip=Memory|Readers|Allocations")
	again.Env = append(os.Environ(), cacheEntriesVariable+"=-1")
	output, err := again.CombinedOutput()
	require.NoError(t, err, string(output))
}

func TestCacheSwitchedOff(t *testing.T) {
	kit := newCacheKit(t, -1)
	kit.requireVerify(t, token(nil), "", 1)
	kit.requireVerify(t, token(nil), "", 1)
}

func TestCachedTokenDoesNotOutliveItsTime(t *testing.T) {
	kit := newCacheKit(t, 0)
	late := token(members{"nbf": fmt.Sprint(now.Unix())})
	kit.requireVerify(t, late, "", 1)
	kit.now = now.Add(goodFor + 5*time.Second - 1)
	kit.requireVerify(t, late, "", 0)
	kit.now = now.Add(-time.Minute) // a clock that was set back
	kit.requireVerify(t, late, claims.ErrNotYetValid, 0)
	kit.now = now
	kit.requireVerify(t, late, "", 1)
	kit.now = now.Add(goodFor + 5*time.Second)
	kit.requireVerify(t, late, claims.ErrExpired, 0)
}

// As at first sight, an expired token must not cause a look-up of keys, so an outage of the
// issuer does not change the answer.
func TestExpiredCachedTokenAsksForNoKey(t *testing.T) {
	kit := newCacheKit(t, 0)
	kit.requireVerify(t, token(nil), "", 1)
	kit.now, kit.err = now.Add(2*goodFor), &claims.UnavailableError{}
	kit.requireVerify(t, token(nil), claims.ErrExpired, 0)
	assert.Equal(t, 1, kit.asked)
}

func TestCachedTokenDoesNotOutliveItsKey(t *testing.T) {
	other := claims.Key(keyOf(ed25519.NewKeyFromSeed(make([]byte, 32))))
	for _, tc := range []struct {
		rule   string
		keys   []claims.Key
		err    error
		want   claims.Reason
		checks int32
	}{
		{"removed", nil, claims.ErrUnknownKey, claims.ErrUnknownKey, 0},
		{"removed, without an error", nil, nil, claims.ErrUnknownKey, 0},
		{"replaced by a key that cannot be used", nil, claims.ErrUnusableKey, claims.ErrUnusableKey, 0},
		{"replaced under the same kid", []claims.Key{other}, nil, claims.ErrSignature, 0},
		{"exhausted key set", nil, &claims.UnavailableError{}, claims.ErrKeysUnavailable, 0},
		{"a broken key set", nil, errors.New("x"), claims.ErrKeysUnavailable, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			kit := newCacheKit(t, 0)
			good := kit.keys
			kit.requireVerify(t, token(nil), "", 1)
			kit.requireVerify(t, token(nil), "", 0)
			kit.keys, kit.err = tc.keys, tc.err
			kit.requireVerify(t, token(nil), tc.want, tc.checks)
			kit.keys, kit.err = good, nil
			_, err := kit.Verify(t.Context(), token(nil))
			require.NoError(t, err, "the cache must not act as a deny-list")
		})
	}
}

func TestCachedTokenIsAcceptedWhileItsKeyIsACandidate(t *testing.T) {
	kit := newCacheKit(t, 0)
	kit.requireVerify(t, token(nil), "", 1)
	kit.keys = append([]claims.Key{badKey{}, nil}, kit.keys...)
	kit.requireVerify(t, token(nil), "", 0)
}

func TestRevocationReachesCachedTokens(t *testing.T) {
	kit := newCacheKit(t, 0)
	kit.requireVerify(t, token(nil), "", 1)
	kit.hook = func(c *claims.Claims) error { return fmt.Errorf("%s: %w", c.Subject(), claims.ErrRevoked) }
	kit.requireVerify(t, token(nil), claims.ErrRevoked, 0)
	kit.hook = nil
	kit.requireVerify(t, token(nil), "", 0)
}

func TestOnlyAcceptedTokensEnterTheCache(t *testing.T) {
	kit := newCacheKit(t, 0)
	kit.hook = func(*claims.Claims) error { return errors.New("not yet") }
	kit.requireVerify(t, token(nil), claims.ErrRejected, 1)
	kit.requireVerify(t, token(nil), claims.ErrRejected, 1)

	forged := token(nil)[:len(token(nil))-86] + strings.Repeat("A", 86)
	kit.requireVerify(t, forged, claims.ErrSignature, 1)
	kit.requireVerify(t, forged, claims.ErrSignature, 1)
}

func TestConfirmationIsNeverCached(t *testing.T) {
	kit := newCacheKit(t, 0)
	bound := token(members{"cnf": `{"jkt":"k"}`})
	_, err := kit.Verify(t.Context(), bound, proof{member: "jkt"})
	require.NoError(t, err)
	kit.requireVerify(t, bound, claims.ErrConfirmation, 0)
	_, err = kit.Verify(t.Context(), bound, proof{member: "jkt", err: errors.New("x")})
	requireReason(t, claims.ErrConfirmation, err)
}

func TestCachedTokensDoNotMix(t *testing.T) {
	kit := newCacheKit(t, 0)
	alice, bob := token(nil), token(members{"sub": `"bob"`})
	for range 2 {
		for want, text := range map[string]string{"alice": alice, "bob": bob} {
			c, err := kit.Verify(t.Context(), text)
			require.NoError(t, err)
			assert.Equal(t, want, c.Subject())
		}
	}
	// The same header and payload with another signature.
	kit.requireVerify(t, alice[:len(alice)-86]+bob[len(bob)-86:], claims.ErrSignature, 1)
	// Other claims with the whole signature of a cached token.
	root := token(members{"sub": `"root"`})
	kit.requireVerify(t, root[:len(root)-86]+alice[len(alice)-86:], claims.ErrSignature, 1)

	// Another verifier trusts another key under the same issuer and kid.
	other := newCacheKit(t, 0)
	other.keys = []claims.Key{badKey{}}
	_, err := other.Verify(t.Context(), alice)
	requireReason(t, claims.ErrSignature, err)
}

func TestCachedTokensOfIssuersDoNotMix(t *testing.T) {
	second := goodIssuer()
	second.URL = "https://second.example/"
	second.ScopeClaims = [][]string{{"permissions"}}
	v := newVerifier(t, goodIssuer(), second)
	changes := members{"permissions": `["admin"]`}
	for range 2 {
		c, err := v.Verify(t.Context(), token(changes))
		require.NoError(t, err)
		assert.False(t, c.HasScope("admin"))
		c, err = v.Verify(t.Context(), token(members{"iss": `"https://second.example/"`, "permissions": `["admin"]`}))
		require.NoError(t, err)
		assert.True(t, c.HasScope("admin"))
		assert.False(t, c.HasScope("read:x"))
	}
}

// A key that cannot be compared cannot be recognised, so its tokens are verified each time.
func TestTokensOfIncomparableKeysAreNotCached(t *testing.T) {
	kit := newCacheKit(t, 0)
	var checks int
	kit.keys = []claims.Key{sliceKey{func() { checks++ }}}
	for range 3 {
		_, err := kit.Verify(t.Context(), token(nil))
		require.NoError(t, err)
	}
	assert.Equal(t, 3, checks)
}

type sliceKey []func()

func (k sliceKey) Verify(signingInput, signature []byte) error {
	k[0]()
	return keyOf(signer).Verify(signingInput, signature)
}

func TestCacheUnderConcurrency(t *testing.T) {
	v := verifierWith(t, 8, goodIssuer())
	var tokens []string
	for i := range 32 {
		tokens = append(tokens, token(members{"sub": fmt.Sprintf(`"user-%d"`, i)}))
	}
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 200 {
				n := (i*7 + worker) % len(tokens)
				c, err := v.Verify(t.Context(), tokens[n])
				if assert.NoError(t, err) {
					assert.Equal(t, fmt.Sprintf("user-%d", n), c.Subject())
				}
			}
		})
	}
	group.Wait()
}
