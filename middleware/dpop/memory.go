package dpop

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	defaultMaxEntries = 1_000_000
	maxMaxEntries     = 1 << 30

	// memoryShards spreads the locks over cores.
	memoryShards = 16

	// sweepEvery is how often expired generations are looked for.
	sweepEvery = time.Second

	// maxSlotsToWait bounds what a client is told to wait after a clock was set back: an hour.
	maxSlotsToWait = 3600 / slotSeconds
)

// A MemoryConfig bounds a [Memory]. Its zero value is good for most programs.
type MemoryConfig struct {
	_ [0]func() // written with field names

	// MaxEntries is how many used proofs are remembered. It defaults to 1,000,000, which take 20
	// to 40 MB, and at most as much again if each is of another key. The memory is allocated as
	// it is used.
	MaxEntries int

	// Now is the clock by which proofs are accepted, for tests. It defaults to time.Now.
	Now func() time.Time
}

// A Memory remembers used proofs in this process. It is the default of Config.Replays.
//
// It is bounded in total by MaxEntries. A key can have as many entries as are still free, so
// the holder of one key gets at most half and never fills it for others. Past that, uses are
// refused with a 503, for this key only.
//
// A proof stays used when the clock is set: it is forgotten when both the wall clock and the
// time that has really passed say that it has expired. After the clock was set back by more
// than about a minute, proofs from a time that was already forgotten cannot be told from
// used ones. They are refused with a 503 until the clock has reached that time again, or the
// process is restarted.
//
// It forgets all when the process ends: proofs that are not yet too old can then be used once
// more. [Shared] does not. A Memory starts no goroutine and has nothing to close. It is safe for
// concurrent use.
type Memory struct {
	now        func() time.Time // nil for time.Now
	began      time.Time
	maxEntries int64

	entries   atomic.Int64
	replays   atomic.Uint64
	overLimit atomic.Uint64
	swept     atomic.Int64 // when, as elapsed time in units of sweepEvery

	ids  [memoryShards]generations[shortID, struct{}]
	keys [memoryShards]generations[shortKey, uint32] // how many entries a key has
}

// A shortID is half of a SHA-256, which is enough: two proofs share it by chance only, and
// then one of them is refused. A client that searches for such a pair needs 2^64 hashes, and
// harms itself only.
type shortID [16]byte

// A shortKey is a quarter of the thumbprint of a key. A stranger who shares it with a client
// can use up the client's bound, and needs 2^64 keys to find one.
type shortKey uint64

// NewMemory returns an empty Memory, or an error for a wrong MaxEntries.
func NewMemory(config MemoryConfig) (*Memory, error) {
	if config.MaxEntries < 0 || config.MaxEntries > maxMaxEntries {
		return nil, fmt.Errorf("dpop: invalid MemoryConfig.MaxEntries %d: it is not between 0 and %d", config.MaxEntries, maxMaxEntries)
	}
	return newMemory(config.MaxEntries, config.Now), nil
}

func newMemory(maxEntries int, now func() time.Time) *Memory {
	if maxEntries == 0 {
		maxEntries = defaultMaxEntries
	}
	return &Memory{now: now, began: time.Now(), maxEntries: int64(maxEntries)}
}

// Use implements [ReplayStore]. It does not wait, and ignores ctx.
func (m *Memory) Use(_ context.Context, key, id [32]byte, until time.Time) (fresh bool, err error) {
	now := m.instant()
	m.sweepIfDue(now)
	due := expiryOf(until, now)
	short := shortID(id[:])
	ids := m.idsOf(short)
	ids.mu.Lock()
	defer ids.mu.Unlock()
	switch {
	case ids.find(short) != nil:
		m.replays.Add(1)
		return false, nil
	case ids.forgot(due.slot):
		return false, errForgotten(ids.forgotten - due.slot)
	}
	if err := m.count(shortKeyOf(key), due, now); err != nil {
		return false, err
	}
	ids.at(due).entries[short] = struct{}{}
	return true, nil
}

// errForgotten is for a proof that expires so many slots before the first one that can be told
// from used ones.
func errForgotten(slots int64) error {
	return &replayError{
		text:       "the clock was set back to a time whose proofs are forgotten",
		retryAfter: time.Duration(min(slots+1, maxSlotsToWait)*slotSeconds) * time.Second,
	}
}

// count adds an entry to those of a key, unless there are too many.
func (m *Memory) count(key shortKey, due expiry, now instant) error {
	keys := m.keysOf(key)
	keys.mu.Lock()
	defer keys.mu.Unlock()
	var held int64
	oldest := keys.first()
	for n := len(keys.list) - 1; n >= 0; n-- {
		if count := keys.list[n].entries[key]; count > 0 {
			held += int64(count)
			oldest = keys.list[n]
		}
	}
	for {
		entries := m.entries.Load()
		if held+entries >= m.maxEntries {
			m.overLimit.Add(1)
			return &replayError{text: "the client's key has too many used proofs", retryAfter: oldest.left(now) + sweepEvery}
		}
		if m.entries.CompareAndSwap(entries, entries+1) {
			keys.at(due).entries[key]++
			return nil
		}
	}
}

// forget removes the entry that Use has just made for an id of this key.
func (m *Memory) forget(key, id [32]byte) {
	short := shortID(id[:])
	ids := m.idsOf(short)
	ids.mu.Lock()
	defer ids.mu.Unlock()
	g := ids.find(short)
	if g == nil {
		return
	}
	delete(g.entries, short)
	m.entries.Add(-1)
	m.discount(shortKeyOf(key), g.slot)
}

// discount takes an entry from those of a key.
func (m *Memory) discount(key shortKey, slot int64) {
	keys := m.keysOf(key)
	keys.mu.Lock()
	defer keys.mu.Unlock()
	g, _ := keys.of(slot)
	switch {
	case g == nil:
	case g.entries[key] > 1:
		g.entries[key]--
	default:
		delete(g.entries, key)
	}
}

// Status returns the present state.
func (m *Memory) Status() ReplayStatus {
	m.sweep(m.instant())
	return ReplayStatus{
		Entries: int(m.entries.Load()), MaxEntries: int(m.maxEntries),
		Replays: m.replays.Load(), OverLimit: m.overLimit.Load(),
	}
}

func (m *Memory) idsOf(id shortID) *generations[shortID, struct{}] {
	return &m.ids[id[0]%memoryShards]
}

func (m *Memory) keysOf(key shortKey) *generations[shortKey, uint32] {
	return &m.keys[key%memoryShards]
}

func shortKeyOf(key [32]byte) shortKey { return shortKey(binary.LittleEndian.Uint64(key[:])) }

// sweepIfDue drops what has expired, once in sweepEvery.
func (m *Memory) sweepIfDue(now instant) {
	swept, turn := m.swept.Load(), int64(now.elapsed/sweepEvery)
	if turn != swept && m.swept.CompareAndSwap(swept, turn) {
		m.sweep(now)
	}
}

func (m *Memory) sweep(now instant) {
	for n := range memoryShards {
		m.entries.Add(-int64(m.ids[n].drop(now)))
		m.keys[n].drop(now)
	}
}

func (m *Memory) instant() instant {
	t := time.Now()
	i := instant{wall: t, elapsed: t.Sub(m.began)}
	if m.now != nil {
		i.wall = m.now()
	}
	return i
}
