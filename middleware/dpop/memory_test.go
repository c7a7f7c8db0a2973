package dpop_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const lifetime = 90 * time.Second // MaxAge and MaxAhead by default

var keyA, keyB = sha256.Sum256([]byte("the key of one client")), sha256.Sum256([]byte("another"))

func proofID(n int) [32]byte {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func newMemory(t testing.TB, config dpop.MemoryConfig) *dpop.Memory {
	t.Helper()
	m, err := dpop.NewMemory(config)
	require.NoError(t, err)
	return m
}

// used reports whether a use is fresh. It must not fail.
func used(t testing.TB, s dpop.ReplayStore, key, id [32]byte, until time.Time) bool {
	t.Helper()
	fresh, err := s.Use(t.Context(), key, id, until)
	require.NoError(t, err)
	return !fresh
}

// retryAfter requires that a use is refused as unavailable, and returns when to retry.
func retryAfter(t testing.TB, s dpop.ReplayStore, key, id [32]byte, until time.Time) time.Duration {
	t.Helper()
	fresh, err := s.Use(t.Context(), key, id, until)
	require.False(t, fresh)
	require.ErrorIs(t, err, claims.ErrUnavailable)
	require.NotErrorIs(t, err, claims.ErrKeysUnavailable)
	var reason claims.Reason
	require.ErrorAs(t, err, &reason)
	require.Equal(t, claims.ErrUnavailable, reason)
	outage, ok := errors.AsType[*claims.UnavailableError](err)
	require.True(t, ok)
	require.Positive(t, outage.RetryAfter)
	return outage.RetryAfter
}

func TestMemoryRemembersUntilThen(t *testing.T) {
	for _, lives := range []time.Duration{0, time.Nanosecond, time.Second, 14 * time.Second, 15 * time.Second, lifetime, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(7 * time.Second) // not at the beginning of a slot
			m, until := newMemory(t, dpop.MemoryConfig{}), time.Now().Add(lives)
			require.False(t, used(t, m, keyA, proofID(1), until))
			for time.Now().Before(until) {
				require.True(t, used(t, m, keyA, proofID(1), until), "%v before the end of %v", time.Until(until), lives)
				time.Sleep(min(time.Second, time.Until(until)))
			}
			require.True(t, used(t, m, keyA, proofID(1), until), "the last moment of %v", lives)
			assert.Equal(t, 1, m.Status().Entries)
			time.Sleep(15*time.Second + time.Nanosecond)
			assert.Zero(t, m.Status().Entries, "forgotten at most 15 s after %v", lives)
			assert.False(t, used(t, m, keyA, proofID(1), time.Now().Add(lives)))
		})
	}
}

// An idle process frees what has expired at the next use.
func TestMemoryDropsWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, dpop.MemoryConfig{MaxEntries: 1000})
		for n := range 500 {
			used(t, m, keyA, proofID(n), time.Now().Add(lifetime))
		}
		retryAfter(t, m, keyA, proofID(500), time.Now().Add(lifetime))
		time.Sleep(lifetime + 15*time.Second)
		for n := range 500 {
			require.False(t, used(t, m, keyA, proofID(n), time.Now().Add(lifetime)))
		}
	})
}

func TestMemoryTellsProofsApart(t *testing.T) {
	m := newMemory(t, dpop.MemoryConfig{})
	until := time.Now().Add(lifetime)
	id := proofID(1)
	require.False(t, used(t, m, keyA, id, until))
	for n := range 16 {
		other := id
		other[n] ^= 1
		assert.False(t, used(t, m, keyA, other, until), "byte %d differs", n)
	}
	assert.True(t, used(t, m, keyA, id, until.Add(time.Minute)), "another proof with the same jti")
	assert.True(t, used(t, m, keyA, id, until.Add(-time.Minute)), "another proof with the same jti")
	assert.EqualValues(t, 2, m.Status().Replays)
	assert.Equal(t, 17, m.Status().Entries)
}

func TestMemoryIsBoundedByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 1000
		m := newMemory(t, dpop.MemoryConfig{MaxEntries: most})
		next, began := 0, time.Now()
		fill := func(key [32]byte, lives time.Duration) (accepted int) {
			for {
				next++
				fresh, err := m.Use(t.Context(), key, proofID(next), time.Now().Add(lives))
				if err != nil {
					return accepted
				}
				require.True(t, fresh)
				accepted++
			}
		}
		assert.Equal(t, most/2, fill(keyA, lifetime), "one key gets half")
		assert.Equal(t, most/4, fill(keyB, lifetime+30*time.Second), "the next one gets half of the rest")
		others := 0
		for n := range 100 {
			require.False(t, used(t, m, proofID(-n-1), proofID(next+n+1), time.Now().Add(lifetime)), "other keys go on")
			others++
		}
		next += 100
		assert.Equal(t, most/2+most/4+others, m.Status().Entries)
		assert.EqualValues(t, 2, m.Status().OverLimit)
		assert.True(t, used(t, m, keyA, proofID(1), began.Add(lifetime)), "a replay is told at the bound, too")

		wait := retryAfter(t, m, keyA, proofID(0), time.Now().Add(lifetime))
		assert.LessOrEqual(t, wait, lifetime+16*time.Second, "the oldest generation of this key")
		assert.GreaterOrEqual(t, wait, lifetime)
		assert.Greater(t, retryAfter(t, m, keyB, proofID(0), time.Now().Add(lifetime)), wait, "that of another key is younger")
		time.Sleep(wait - 16*time.Second - time.Nanosecond)
		retryAfter(t, m, keyA, proofID(0), time.Now().Add(lifetime))
		time.Sleep(16*time.Second + time.Nanosecond)
		assert.False(t, used(t, m, keyA, proofID(0), time.Now().Add(lifetime)), "as it was told")
	})
}

// What has expired is looked for once a second, so a client must not be told to come within it.
func TestMemoryTellsWhenThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(700 * time.Millisecond) // slots end between two searches
		m := newMemory(t, dpop.MemoryConfig{MaxEntries: 2})
		until := time.Now().Add(lifetime)
		require.False(t, used(t, m, keyA, proofID(1), until))
		time.Sleep(time.Until(until.Truncate(15 * time.Second).Add(15*time.Second - 200*time.Millisecond)))
		wait := retryAfter(t, m, keyA, proofID(2), time.Now().Add(lifetime)) // this has looked for it
		assert.LessOrEqual(t, wait, 1200*time.Millisecond)
		time.Sleep(wait)
		assert.False(t, used(t, m, keyA, proofID(2), time.Now().Add(lifetime)))
	})
}

func TestMemoryThatOthersHaveFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, dpop.MemoryConfig{MaxEntries: 64})
		for n := range 64 {
			require.False(t, used(t, m, proofID(n), proofID(n), time.Now().Add(lifetime)))
		}
		wait := retryAfter(t, m, keyA, proofID(64), time.Now().Add(lifetime))
		time.Sleep(lifetime + 16*time.Second)
		assert.LessOrEqual(t, wait, lifetime+16*time.Second)
		assert.False(t, used(t, m, keyA, proofID(64), time.Now().Add(lifetime)))
	})
}

// A captured proof that is sent again and again must not bring its client to the bound.
func TestReplaysDoNotCountForTheKey(t *testing.T) {
	m := newMemory(t, dpop.MemoryConfig{MaxEntries: 10})
	until := time.Now().Add(lifetime)
	require.False(t, used(t, m, keyA, proofID(1), until))
	for range 100 {
		require.True(t, used(t, m, keyA, proofID(1), until))
	}
	assert.False(t, used(t, m, keyA, proofID(2), until))
	assert.Equal(t, 2, m.Status().Entries)
}

func TestMemoryWhileTheClockIsSet(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		steps []time.Duration // of the wall clock, a second after one another
	}{
		{"forward", []time.Duration{time.Hour}},
		{"forward and back", []time.Duration{time.Hour, -time.Hour}},
		{"forward, back, and forward to the end", []time.Duration{time.Hour, -time.Hour, lifetime - 3*time.Second}},
		{"back", []time.Duration{-time.Hour}},
		{"back and forward", []time.Duration{-time.Hour, time.Hour}},
		{"back by seconds, often", []time.Duration{-7 * time.Second, -7 * time.Second, -7 * time.Second, -7 * time.Second}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &wallClock{}
				m := newMemory(t, dpop.MemoryConfig{Now: c.Now})
				until := c.Now().Add(lifetime)
				require.False(t, used(t, m, keyA, proofID(1), until))
				for _, step := range tt.steps {
					time.Sleep(time.Second)
					c.ahead += step
					require.True(t, used(t, m, keyA, proofID(1), until))
				}
				for range 2 * 3600 {
					time.Sleep(time.Second)
					fresh, err := m.Use(t.Context(), keyA, proofID(1), until)
					require.False(t, fresh && !c.Now().After(until), "fresh while it can be accepted")
					if fresh || err != nil {
						return
					}
				}
				t.Fatal("never forgotten")
			})
		})
	}
}

// A wallClock can be set. The time of the bubble goes on.
type wallClock struct{ ahead time.Duration }

func (c *wallClock) Now() time.Time { return time.Now().Add(c.ahead).Round(0) }

// What expired before the clock was set back could be accepted again.
func TestMemoryRefusesTheTimeThatItHasForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wallClock{}
		m := newMemory(t, dpop.MemoryConfig{Now: c.Now})
		until := c.Now().Add(lifetime)
		for n := range 100 { // all shards
			require.False(t, used(t, m, keyA, proofID(n), until))
		}
		time.Sleep(10 * time.Minute)
		require.False(t, used(t, m, keyA, proofID(100), c.Now().Add(lifetime)))

		c.ahead -= time.Minute
		assert.False(t, used(t, m, keyA, proofID(101), c.Now().Add(lifetime)), "a minute does no harm")

		c.ahead -= 9 * time.Minute
		wait := retryAfter(t, m, keyA, proofID(1), until)
		assert.LessOrEqual(t, wait, 15*time.Second)
		retryAfter(t, m, keyA, proofID(102), until)
		time.Sleep(wait)
		assert.False(t, used(t, m, keyA, proofID(102), c.Now().Add(lifetime)))

		c.ahead -= 24 * time.Hour
		assert.Equal(t, time.Hour, retryAfter(t, m, keyA, proofID(103), c.Now().Add(lifetime)), "at most")
	})
}

// A proof that was used while the clock was ahead shares the generation of one that was used before.
func TestLaterProofsDoNotShortenAGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wallClock{}
		m := newMemory(t, dpop.MemoryConfig{Now: c.Now})
		until := c.Now().Add(lifetime)
		for n := range 100 { // all shards
			require.False(t, used(t, m, keyA, proofID(n), until))
		}
		c.ahead = time.Minute
		for n := range 100 {
			require.False(t, used(t, m, keyA, proofID(100+n), until))
		}
		time.Sleep(lifetime - time.Minute + 16*time.Second)
		require.Equal(t, 200, m.Status().Entries)
		c.ahead = 0
		for n := range 100 {
			assert.True(t, used(t, m, keyA, proofID(n), until))
		}
	})
}

// An older generation can be dropped after a younger one, whose time then stays forgotten.
func TestMemoryDoesNotUnforget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wallClock{}
		m := newMemory(t, dpop.MemoryConfig{Now: c.Now})
		require.False(t, used(t, m, keyA, proofID(1), c.Now().Add(lifetime)))
		c.ahead = 10 * time.Minute
		until := c.Now()
		require.False(t, used(t, m, keyA, proofID(1+findShardmate(1)), until))
		time.Sleep(16 * time.Second)
		require.Equal(t, 1, m.Status().Entries, "the younger one is dropped")
		time.Sleep(lifetime)
		require.Zero(t, m.Status().Entries)
		c.ahead = 0
		retryAfter(t, m, keyA, proofID(1+findShardmate(1)), until)
	})
}

// findShardmate returns how far the next id is that is in the same shard.
func findShardmate(n int) int {
	for next := 1; ; next++ {
		if proofID(n)[0]%16 == proofID(n + next)[0]%16 {
			return next
		}
	}
}

// A clock that is ahead when the process starts, and then corrected, forgets nothing.
func TestMemoryAfterAnIdleClockWasSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &wallClock{ahead: 24 * time.Hour}
		m := newMemory(t, dpop.MemoryConfig{Now: c.Now})
		time.Sleep(time.Hour)
		assert.Equal(t, dpop.ReplayStatus{MaxEntries: 1_000_000}, m.Status())
		c.ahead = 0
		assert.False(t, used(t, m, keyA, proofID(1), c.Now().Add(lifetime)))
		assert.True(t, used(t, m, keyA, proofID(1), c.Now().Add(lifetime)))
	})
}

func TestMemoryTakesAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(t, dpop.MemoryConfig{})
		for n, until := range []time.Time{
			{}, time.Unix(0, 0), time.Unix(-1, 0), time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Now().AddDate(1000, 0, 0),
		} {
			assert.False(t, used(t, m, keyA, proofID(n), until), until)
			assert.True(t, used(t, m, keyA, proofID(n), until), until)
		}
		time.Sleep(time.Minute)
		assert.Equal(t, 2, m.Status().Entries, "those of the future")
		assert.Positive(t, retryAfter(t, m, keyA, proofID(0), time.Time{}))
	})
}

func TestOfConcurrentUsesOneIsFresh(t *testing.T) {
	m := newMemory(t, dpop.MemoryConfig{})
	const ids, uses = 200, 16
	var fresh [ids]atomic.Int64
	var all sync.WaitGroup
	for n := range uses {
		all.Go(func() {
			for id := range ids {
				until := time.Now().Add(time.Duration(n) * 15 * time.Second)
				ok, err := m.Use(context.Background(), proofID(n), proofID(id), until)
				assert.NoError(t, err)
				if ok {
					fresh[id].Add(1)
				}
			}
		})
	}
	all.Wait()
	for id := range fresh {
		assert.EqualValues(t, 1, fresh[id].Load())
	}
	assert.Equal(t, ids, m.Status().Entries)
	assert.EqualValues(t, ids*(uses-1), m.Status().Replays)
}

// Uses, sweeps, a clock that is set, and the bound, all at once.
func TestConcurrentUsesOfAFullMemory(t *testing.T) {
	const most = 500
	var ahead atomic.Int64
	m := newMemory(t, dpop.MemoryConfig{MaxEntries: most, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for id := range 500 {
				ahead.Add(int64(time.Second))
				_, err := m.Use(context.Background(), proofID(n), proofID(n*1000+id), time.Now().Add(time.Duration(id)*time.Millisecond))
				if err != nil {
					assert.ErrorIs(t, err, claims.ErrUnavailable)
				}
				assert.LessOrEqual(t, m.Status().Entries, most)
			}
		})
	}
	all.Wait()
}

func TestMistakesInAMemoryConfig(t *testing.T) {
	for _, n := range []int{-1, 1<<30 + 1} {
		m, err := dpop.NewMemory(dpop.MemoryConfig{MaxEntries: n})
		assert.Nil(t, m)
		assert.ErrorContains(t, err, fmt.Sprintf("dpop: invalid MemoryConfig.MaxEntries %d", n))
	}
}

// liveHeap returns the size of the heap after garbage collection.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestMemoryOf100000Entries(t *testing.T) {
	if replayRace {
		t.Skip("the race detector allocates")
	}
	const entries = 100_000
	for _, tt := range []struct {
		rule   string
		keys   int
		atMost float64 // bytes for each entry
	}{
		{"one key", 1, 40},
		{"100 keys", 100, 40},
		{"each of another key", entries, 90},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := liveHeap()
				m := newMemory(t, dpop.MemoryConfig{})
				for n := range entries {
					require.False(t, used(t, m, proofID(n%tt.keys), proofID(n), time.Now().Add(lifetime)))
					time.Sleep(lifetime / entries)
				}
				size := float64(liveHeap()-before) / entries
				require.Equal(t, entries, m.Status().Entries)
				t.Logf("%.1f bytes an entry, %.2f MB in all", size, size*entries/1e6)
				assert.Less(t, size, tt.atMost)
			})
		})
	}
}

func TestUsesAllocateOnlyMaps(t *testing.T) {
	if replayRace {
		t.Skip("the race detector allocates")
	}
	m, n := newMemory(t, dpop.MemoryConfig{}), 0
	until := time.Now().Add(lifetime)
	assert.LessOrEqual(t, testing.AllocsPerRun(10_000, func() {
		n++
		_, _ = m.Use(context.Background(), keyA, proofID(n), until)
	}), 1.0)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = m.Use(context.Background(), keyA, proofID(n), until) }), "a replay")
}

func BenchmarkMemory(b *testing.B) {
	ids := make([][32]byte, 1<<20)
	for n := range ids {
		ids[n] = proofID(n)
	}
	for _, held := range []int{0, 100_000} {
		m := newMemory(b, dpop.MemoryConfig{MaxEntries: 1 << 30})
		for n := range held {
			_, _ = m.Use(b.Context(), keyB, proofID(-n-1), time.Now().Add(time.Duration(n%90)*time.Second+time.Minute))
		}
		b.Run(fmt.Sprintf("fresh/%d held", held), func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				id := ids[n%len(ids)]
				binary.LittleEndian.PutUint32(id[2:], uint32(n))
				_, _ = m.Use(b.Context(), keyA, id, time.Now().Add(time.Duration(n%90)*time.Second+time.Minute))
			}
		})
	}
}
