package jwks_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/jwks/jwkstest"
)

// verifierOf returns a Verifier that accepts and remembers the issuer's tokens.
func verifierOf(t testing.TB, issuer *jwkstest.Issuer, keys claims.KeySet) *claims.Verifier {
	t.Helper()
	v, err := claims.NewVerifier(claims.Config{Issuers: []claims.Issuer{{
		URL: issuer.URL(), Audiences: []string{jwkstest.Audience}, Keys: keys,
	}}})
	require.NoError(t, err)
	return v
}

// longLived returns a token that is good for two days.
func longLived(issuer *jwkstest.Issuer, options ...jwkstest.Option) string {
	return issuer.Token(map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()}, options...)
}

// countedChecks is a KeySet that counts the signature checks with its keys. A Verifier that
// answers from its memory makes none.
type countedChecks struct {
	claims.KeySet
	checks atomic.Int64
}

type countedKey struct {
	claims.Key
	checks *atomic.Int64
}

func (s *countedChecks) Keys(ctx context.Context, alg, kid string) ([]claims.Key, error) {
	keys, err := s.KeySet.Keys(ctx, alg, kid)
	counted := make([]claims.Key, len(keys))
	for i, key := range keys {
		counted[i] = countedKey{key, &s.checks}
	}
	return counted, err
}

func (k countedKey) Verify(signingInput, signature []byte) error {
	k.checks.Add(1)
	return k.Key.Verify(signingInput, signature)
}

// longest keeps the longest of the waits that it gets.
type longest struct{ wait atomic.Int64 }

func (l *longest) of(d time.Duration) {
	for most := l.wait.Load(); int64(d) > most && !l.wait.CompareAndSwap(most, int64(d)); most = l.wait.Load() {
	}
}

func (l *longest) get() time.Duration { return time.Duration(l.wait.Load()) }
