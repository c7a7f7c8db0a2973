package sharedtest_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// limitMemory leaves a server room for some thousand proofs.
func limitMemory(t *testing.T, do doFunc, policy string) {
	t.Helper()
	info, err := do(t.Context(), "INFO", "memory")
	require.NoError(t, err)
	_, text, found := strings.Cut(info[0], "used_memory:")
	require.True(t, found)
	text, _, _ = strings.Cut(text, "\r\n")
	inUse, err := strconv.Atoi(text)
	require.NoError(t, err)
	for name, value := range map[string]string{"maxmemory-policy": policy, "maxmemory": strconv.Itoa(inUse + 1<<20)} {
		_, err := do(t.Context(), "CONFIG", "SET", name, value)
		require.NoError(t, err)
	}
}

// A server that is full and must not evict is an outage: nothing is accepted, and nothing that
// was used is forgotten.
func TestAFullServer(t *testing.T) {
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, forgetful...)
			do := connect(t, s.address)
			limitMemory(t, do, "noeviction")
			config := dpop.SharedConfig{Timeout: slow, Logger: silent}
			shared, used := newShared(t, do, config), 0
			for {
				fresh, err := shared.Use(t.Context(), keyOf(used), idOf(used), time.Now().Add(lifetime))
				if err != nil {
					assert.False(t, fresh)
					assert.ErrorIs(t, err, claims.ErrUnavailable)
					assert.ErrorContains(t, err, "OOM")
					break
				}
				require.True(t, fresh)
				used++
				require.Less(t, used, 100_000, "it fills up")
			}
			t.Logf("%d proofs in 1 MiB", used)
			for id := range 100 {
				fresh, _ := newShared(t, do, config).Use(t.Context(), keyOf(id), idOf(id), time.Now().Add(lifetime))
				require.False(t, fresh)
			}
			_, err := do(t.Context(), "CONFIG", "SET", "maxmemory", "0")
			require.NoError(t, err)
			other := newShared(t, do, config)
			for id := range used {
				fresh, err := other.Use(t.Context(), keyOf(id), idOf(id), time.Now().Add(lifetime))
				require.NoError(t, err)
				require.False(t, fresh)
			}
			fresh, err := other.Use(t.Context(), keyOf(used), idOf(used), time.Now().Add(lifetime))
			require.NoError(t, err)
			assert.True(t, fresh, "it was refused, so it was not used")
		})
	}
}

// Servers with these policies forget proofs that are still good, as the documentation says.
func TestPoliciesThatEvict(t *testing.T) {
	for _, policy := range []string{"volatile-ttl", "allkeys-lru"} {
		t.Run(policy, func(t *testing.T) {
			s := startServer(t, forgetful...)
			do := clients["valkey-go"](t, s.address)
			limitMemory(t, do, policy)
			config := dpop.SharedConfig{Timeout: slow}
			first, second, again := newShared(t, do, config), newShared(t, do, config), 0
			const proofs = 10_000
			until := time.Now().Add(lifetime)
			for id := range proofs {
				fresh, err := first.Use(t.Context(), keyOf(id), idOf(id), until)
				require.NoError(t, err)
				require.True(t, fresh)
			}
			for id := range 1000 {
				fresh, err := second.Use(t.Context(), keyOf(id), idOf(id), until)
				require.NoError(t, err)
				if fresh {
					again++
				}
			}
			t.Logf("%d of the first 1,000 of %d proofs are good again", again, proofs)
			assert.NotZero(t, again)
		})
	}
}
