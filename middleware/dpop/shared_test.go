package dpop_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"strings"
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

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestTheCommandOfAShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for prefix, want := range map[string]string{"": "bearerguard:dpop:", "{api}": "{api}"} {
			store, random := newFakeStore(), make(map[string]bool)
			s := newShared(t, store, dpop.SharedConfig{Prefix: prefix})
			store.behave(func(_ context.Context, args []string) ([]string, error) {
				id := proofID(len(random))
				require.Len(t, args, 7)
				assert.Equal(t, []string{"SET", want + base64.RawURLEncoding.EncodeToString(id[:])}, args[:2])
				assert.GreaterOrEqual(t, len(args[2]), 22, "128 bits")
				random[args[2]] = true
				assert.Equal(t, []string{"NX", "GET", "PX", "120001"}, args[3:])
				return nil, nil
			})
			for n := range 10 {
				require.False(t, used(t, s, keyA, proofID(n), time.Now().Add(lifetime)))
			}
			assert.Len(t, random, 10)
		}
	})
}

// The reply decides, and everything but the two good ones refuses, whatever the policy.
func TestRepliesOfTheStore(t *testing.T) {
	for _, tt := range []struct {
		rule  string
		reply func(args []string) []string
		want  string
	}{
		{"null", func([]string) []string { return nil }, "fresh"},
		{"the own value, as after a retry of the client", func(args []string) []string { return args[2:3] }, "fresh"},
		{"another value", func([]string) []string { return []string{"QWERTYUIOPASDFGHJKLZXCVBNM"} }, "replay"},
		{"an empty array", func([]string) []string { return []string{} }, "refused"},
		{"an empty string", func([]string) []string { return []string{""} }, "refused"},
		{"OK, of SET without GET", func([]string) []string { return []string{"OK"} }, "refused"},
		{"a part of the own value", func(args []string) []string { return []string{args[2][1:]} }, "refused"},
		{"the own value and more", func(args []string) []string { return []string{args[2] + " "} }, "refused"},
		{"the own value twice", func(args []string) []string { return []string{args[2], args[2]} }, "refused"},
		{"two elements", func(args []string) []string { return []string{args[2], ""} }, "refused"},
	} {
		for _, local := range []bool{false, true} {
			t.Run(tt.rule, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testReply(t, local, tt.reply, tt.want) })
			})
		}
	}
}

func testReply(t *testing.T, local bool, reply func(args []string) []string, outcome string) {
	store := newFakeStore()
	s := newShared(t, store, dpop.SharedConfig{LocalOnOutage: local})
	store.behave(func(_ context.Context, args []string) ([]string, error) { return reply(args), nil })
	for n := range 10 {
		until := time.Now().Add(lifetime)
		if outcome == "refused" {
			retryAfter(t, s, keyA, proofID(n), until)
			continue
		}
		assert.Equal(t, outcome == "replay", used(t, s, keyA, proofID(n), until))
	}
	status := s.Status()
	assert.EqualValues(t, 10, status.Calls, "a wrong reply does not open the breaker: it came at once")
	assert.Zero(t, status.Fallbacks)
	want := map[string]uint64{outcome: 10}
	assert.Equal(t, want["replay"], status.Replays)
	assert.Equal(t, want["refused"], status.Failures)
}

func TestProcessesShareTheirProofs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		a, b := newShared(t, store, dpop.SharedConfig{}), newShared(t, store, dpop.SharedConfig{})
		until := time.Now().Add(lifetime)
		require.False(t, used(t, a, keyA, proofID(1), until))
		for time.Now().Before(until) {
			require.True(t, used(t, b, keyA, proofID(1), until))
			time.Sleep(time.Second)
		}
		assert.EqualValues(t, 1, b.Status().Entries)
		assert.EqualValues(t, 90, b.Status().Replays)
		assert.EqualValues(t, 1, b.Status().Calls, "a replay that this process knows costs no call")
		other := newShared(t, store, dpop.SharedConfig{Prefix: "other:"})
		assert.False(t, used(t, other, keyA, proofID(1), time.Now().Add(lifetime)))
		for range 30 { // a process whose clock is behind still accepts it
			c := newShared(t, store, dpop.SharedConfig{})
			require.True(t, used(t, c, keyA, proofID(1), time.Now()))
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		c := newShared(t, store, dpop.SharedConfig{})
		assert.False(t, used(t, c, keyA, proofID(1), time.Now().Add(lifetime)), "the store forgets it, too")
	})
}

func TestOfConcurrentUsesOfAllProcessesOneIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ids, uses = 100, 8
		store := newFakeStore()
		processes := []*dpop.Shared{newShared(t, store, dpop.SharedConfig{}), newShared(t, store, dpop.SharedConfig{})}
		var fresh [ids]atomic.Int64
		var all sync.WaitGroup
		for n := range uses {
			all.Go(func() {
				for id := range ids {
					ok, err := processes[n%2].Use(context.Background(), keyA, proofID(id), time.Now().Add(lifetime))
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
	})
}

func TestAnOutageIsClosed(t *testing.T) {
	for rule, instead := range map[string]func(context.Context, []string) ([]string, error){
		"down":  isDown,
		"hangs": hangs,
		"an error, and a reply that would be good": func(_ context.Context, args []string) ([]string, error) { return args[2:3], errDown },
		"panics":                   func(context.Context, []string) ([]string, error) { panic("by a test") },
		"ends the goroutine":       func(context.Context, []string) ([]string, error) { runtime.Goexit(); return nil, nil },
		"full":                     func(context.Context, []string) ([]string, error) { return nil, errors.New("OOM command not allowed") },
		"fails by its own timeout": func(context.Context, []string) ([]string, error) { return nil, context.DeadlineExceeded },
		"ignores its context": func(context.Context, []string) ([]string, error) {
			time.Sleep(time.Hour)
			return nil, nil
		},
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFakeStore()
				store.behave(instead)
				s := newShared(t, store, dpop.SharedConfig{Logger: silent})
				until := time.Now().Add(lifetime)
				for n := range 10 {
					began := time.Now()
					wait := retryAfter(t, s, keyA, proofID(n), until)
					assert.LessOrEqual(t, time.Since(began), 50*time.Millisecond)
					assert.LessOrEqual(t, wait, time.Second)
				}
				assert.Equal(t, 5, store.called())
				status := s.Status()
				assert.EqualValues(t, 5, status.Failures)
				assert.Zero(t, status.Fallbacks)
				assert.Zero(t, status.Entries, "what was not used is not remembered")

				store.behave(nil)
				time.Sleep(time.Second)
				for n := range 10 {
					assert.False(t, used(t, s, keyA, proofID(n), until), "it was not used")
				}
				time.Sleep(time.Hour) // the goroutines end
			})
		})
	}
}

// The command may have reached the store although no reply came.
func TestAProofOfALostReplyIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		s := newShared(t, store, dpop.SharedConfig{})
		store.behave(func(_ context.Context, args []string) ([]string, error) {
			_, _ = store.answer(args)
			return nil, io.ErrUnexpectedEOF
		})
		until := time.Now().Add(lifetime)
		retryAfter(t, s, keyA, proofID(1), until)
		store.behave(nil)
		assert.True(t, used(t, s, keyA, proofID(1), until))

		store.behave(func(_ context.Context, args []string) ([]string, error) {
			_, _ = store.answer(args)
			return store.answer(args) // as a client does that sends it again
		})
		assert.False(t, used(t, s, keyA, proofID(2), until))
		other := newShared(t, store, dpop.SharedConfig{})
		assert.True(t, used(t, other, keyA, proofID(2), until))
	})
}

func TestTheBudgetOfACall(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Millisecond, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			want := timeout
			if timeout == 0 {
				want = 50 * time.Millisecond
			}
			store := newFakeStore()
			s := newShared(t, store, dpop.SharedConfig{Timeout: timeout, Logger: silent})
			store.behave(func(ctx context.Context, _ []string) ([]string, error) {
				deadline, ok := ctx.Deadline()
				assert.True(t, ok)
				assert.Equal(t, want, time.Until(deadline))
				time.Sleep(want - 1)
				return nil, nil
			})
			require.False(t, used(t, s, keyA, proofID(1), time.Now().Add(lifetime)), "in time")
			store.behave(func(context.Context, []string) ([]string, error) { time.Sleep(want + 1); return nil, nil })
			began := time.Now()
			retryAfter(t, s, keyA, proofID(2), time.Now().Add(lifetime))
			assert.Equal(t, want, time.Since(began))
			time.Sleep(time.Second) // the goroutine ends
		})
	}
}

// Callers who leave would otherwise open the breaker for all others.
func TestCallersWhoLeaveAreNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type name struct{}
		store := newFakeStore()
		s := newShared(t, store, dpop.SharedConfig{})
		store.behave(func(ctx context.Context, args []string) ([]string, error) {
			assert.Equal(t, "a trace", ctx.Value(name{}))
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return store.answer(args)
		})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), name{}, "a trace"))
		cancel()
		for n := range 20 {
			fresh, err := s.Use(ctx, keyA, proofID(n), time.Now().Add(lifetime))
			require.NoError(t, err)
			require.True(t, fresh)
		}
		assert.Zero(t, s.Status().Failures)
	})
}

func TestTheBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, next := newFakeStore(), new(atomic.Int64)
		s := newShared(t, store, dpop.SharedConfig{Logger: silent})
		use := func() error {
			_, err := s.Use(t.Context(), keyA, proofID(int(next.Add(1))), time.Now().Add(lifetime))
			return err
		}
		for range 3 { // a success in between begins the count anew
			store.behave(isDown)
			for range 4 {
				require.Error(t, use())
			}
			store.behave(nil)
			require.NoError(t, use())
		}
		require.Equal(t, 15, store.called())

		store.behave(isDown)
		for range 5 {
			require.ErrorIs(t, use(), errDown)
		}
		require.Equal(t, 20, store.called())
		for range 100 {
			require.Error(t, use())
		}
		require.Equal(t, 20, store.called(), "open")
		time.Sleep(time.Second - 1)
		require.Error(t, use())
		require.Equal(t, 20, store.called(), "for a second")

		time.Sleep(time.Nanosecond)
		store.behave(hangs)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { assert.Error(t, use()) })
		}
		all.Wait()
		require.Equal(t, 21, store.called(), "one probe at a time")
		time.Sleep(time.Second - 1)
		require.Error(t, use())
		require.Equal(t, 21, store.called(), "a second after the probe has failed")

		time.Sleep(time.Nanosecond)
		store.behave(nil)
		require.NoError(t, use())
		for range 100 {
			require.NoError(t, use(), "closed by the first success")
		}
		require.Equal(t, 122, store.called())
	})
}

// Each process then accepts a proof at most once, also one that it had accepted before.
func TestAnOutageWithLocalOnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		config := dpop.SharedConfig{LocalOnOutage: true, Logger: silent}
		a, b := newShared(t, store, config), newShared(t, store, config)
		until := time.Now().Add(lifetime)
		require.False(t, used(t, a, keyA, proofID(0), until))
		store.behave(isDown)
		for n := 1; n < 20; n++ {
			require.False(t, used(t, a, keyA, proofID(n), until), "accepted by this process's memory")
		}
		for n := range 20 {
			require.True(t, used(t, a, keyA, proofID(n), until), "once")
		}
		assert.EqualValues(t, 19, a.Status().Fallbacks)
		assert.False(t, used(t, b, keyA, proofID(1), until), "and once by each other process")

		store.behave(nil)
		time.Sleep(time.Second)
		for range 80 {
			for n := range 20 {
				require.True(t, used(t, a, keyA, proofID(n), until), "until it dies")
			}
			time.Sleep(time.Second)
		}
		assert.EqualValues(t, 19, a.Status().Fallbacks)
	})
}

func TestTheBoundOfAKeyIsAskedBeforeTheStore(t *testing.T) {
	for _, local := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := newFakeStore()
			s := newShared(t, store, dpop.SharedConfig{MaxEntries: 100, LocalOnOutage: local})
			until := time.Now().Add(lifetime)
			for n := range 50 {
				require.False(t, used(t, s, keyA, proofID(n), until))
			}
			for n := 50; n < 60; n++ {
				retryAfter(t, s, keyA, proofID(n), until)
			}
			assert.Equal(t, 50, store.called())
			assert.EqualValues(t, 10, s.Status().OverLimit)
			assert.Zero(t, s.Status().Fallbacks)
			assert.False(t, used(t, s, keyB, proofID(60), until))
		})
	}
}

// Proofs that fail in an outage must not bring their client to its bound.
func TestFailuresDoNotCountForTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		s := newShared(t, store, dpop.SharedConfig{MaxEntries: 10, Logger: silent})
		until := time.Now().Add(lifetime)
		require.False(t, used(t, s, keyA, proofID(-1), until))
		store.behave(isDown)
		for n := range 100 {
			retryAfter(t, s, keyA, proofID(n), until)
		}
		assert.Zero(t, s.Status().OverLimit)
		store.behave(nil)
		time.Sleep(time.Second)
		for n := range 4 {
			require.False(t, used(t, s, keyA, proofID(n), until))
		}
		retryAfter(t, s, keyA, proofID(4), until)
		assert.EqualValues(t, 1, s.Status().OverLimit)
		assert.EqualValues(t, 5, s.Status().Entries)
	})
}

// Proofs that were refused are not forgotten when the clock is set back.
func TestProofsOfAnOutageAreNoHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, c := newFakeStore(), &wallClock{ahead: time.Hour}
		s := newShared(t, store, dpop.SharedConfig{Now: c.Now, Logger: silent})
		store.behave(isDown)
		for n := range 100 { // all shards
			retryAfter(t, s, keyA, proofID(n), c.Now().Add(lifetime))
		}
		time.Sleep(10 * time.Minute)
		require.Zero(t, s.Status().Entries)
		store.behave(nil)
		c.ahead = 0
		for n := range 100 {
			assert.False(t, used(t, s, keyA, proofID(n), c.Now().Add(lifetime)))
		}
	})
}

// An answer that comes after the proof has expired may be from a time when the store had an
// earlier use expire, as after a process was frozen.
func TestAFrozenProcessAcceptsNoOldProof(t *testing.T) {
	for _, local := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store, c := newFakeStore(), &wallClock{}
			s := newShared(t, store, dpop.SharedConfig{Now: c.Now, LocalOnOutage: local})
			until := c.Now().Add(lifetime)
			store.behave(func(_ context.Context, args []string) ([]string, error) {
				c.ahead += lifetime + 1 // the machine was suspended: only the wall clock went on
				return store.answer(args)
			})
			retryAfter(t, s, keyA, proofID(1), until)
			assert.Equal(t, 1, store.called())
			retryAfter(t, s, keyA, proofID(2), until)
			assert.Equal(t, 1, store.called(), "not even asked")
			assert.Zero(t, s.Status().Fallbacks)
		})
	}
}

func TestAProofInItsLastMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		s := newShared(t, store, dpop.SharedConfig{})
		until := time.Now()
		assert.False(t, used(t, s, keyA, proofID(1), until))
		other := newShared(t, store, dpop.SharedConfig{})
		assert.True(t, used(t, other, keyA, proofID(1), until))
		assert.False(t, used(t, s, keyA, proofID(2), time.Now().AddDate(5000, 0, 0)))
	})
}

func TestTheLogOfAnOutage(t *testing.T) {
	for _, local := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			store, n := newFakeStore(), 0
			logger := slog.New(slog.NewTextHandler(&out, nil))
			s := newShared(t, store, dpop.SharedConfig{Logger: logger, LocalOnOutage: local})
			lines := func() []string {
				all := strings.Split(strings.TrimSpace(out.String()), "\n")
				out.Reset()
				return all
			}
			for range 3 {
				n++
				used(t, s, keyA, proofID(n), time.Now().Add(lifetime))
			}
			assert.Equal(t, []string{""}, lines())
			store.behave(isDown)
			for range 1000 {
				n++
				_, _ = s.Use(t.Context(), keyA, proofID(n), time.Now().Add(lifetime))
				time.Sleep(10 * time.Millisecond)
			}
			text := map[bool]string{
				false: "level=ERROR msg=\"dpop: the replay store is unavailable: bound tokens are refused\" error=\"" + errDown.Error() + `"`,
				true:  "level=ERROR msg=\"dpop: the replay store is unavailable: each server accepts a proof once\" error=\"" + errDown.Error() + `"`,
			}[local]
			all := lines()
			require.Len(t, all, 1, "one for each outage")
			assert.Contains(t, all[0], text)
			store.behave(nil)
			for range 200 {
				n++
				_, _ = s.Use(t.Context(), keyA, proofID(n), time.Now().Add(lifetime))
				time.Sleep(10 * time.Millisecond)
			}
			all = lines()
			require.Len(t, all, 1)
			assert.Contains(t, all[0], "level=INFO msg=\"dpop: the replay store is back\" after=10.04s")
		})
	}
}

func TestFiguresOfAShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		s := newShared(t, store, dpop.SharedConfig{LocalOnOutage: true, Logger: silent})
		for n, took := range []time.Duration{0, 250 * time.Microsecond, 250*time.Microsecond + 1, 49 * time.Millisecond} {
			store.behave(func(_ context.Context, args []string) ([]string, error) {
				time.Sleep(took)
				return store.answer(args)
			})
			require.False(t, used(t, s, keyA, proofID(n), time.Now().Add(lifetime)))
		}
		store.behave(hangs)
		require.False(t, used(t, s, keyA, proofID(4), time.Now().Add(lifetime)))
		require.True(t, used(t, s, keyA, proofID(4), time.Now().Add(lifetime)))
		status := s.Status()
		assert.EqualValues(t, 5, status.Calls)
		assert.EqualValues(t, 1, status.Failures)
		assert.EqualValues(t, 1, status.Fallbacks)
		assert.EqualValues(t, 1, status.Replays)
		assert.Equal(t, 5, status.Entries)
		assert.Equal(t, 99*time.Millisecond+500*time.Microsecond+1, status.CallTime)
		require.Len(t, status.Buckets, len(status.Bounds))
		assert.IsIncreasing(t, status.Bounds)
		assert.Equal(t, []uint64{2, 3, 3, 3, 3, 3, 3, 5, 5, 5}, status.Buckets)
		status.Bounds[0] = 0
		assert.NotZero(t, s.Status().Bounds[0], "a copy")
	})
}

func TestErrorsOfAStoreAreUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.behave(isDown)
		_, err := newShared(t, store, dpop.SharedConfig{}).Use(t.Context(), keyA, proofID(1), time.Now().Add(lifetime))
		assert.ErrorIs(t, err, claims.ErrUnavailable)
		assert.ErrorIs(t, err, errDown)
		assert.EqualError(t, err, "dpop: the replay store is unavailable: "+errDown.Error())
		outage, ok := errors.AsType[*claims.UnavailableError](err)
		require.True(t, ok)
		assert.Equal(t, time.Second, outage.RetryAfter)
		assert.ErrorIs(t, outage.Err, errDown)
	})
}
