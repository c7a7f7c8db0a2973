package revocation_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
)

func TestAnEntryThatTheServerDoesNotTake(t *testing.T) {
	for rule, instead := range map[string]func(context.Context, []string) ([]string, error){
		"down":          isDown,
		"hangs":         hangs,
		"another reply": func(context.Context, []string) ([]string, error) { return []string{"QUEUED"}, nil },
		"no reply":      func(context.Context, []string) ([]string, error) { return nil, nil },
	} {
		t.Run(rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newFakeServer()
				a, b := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
				defer run(t, a, b)()
				require.NoError(t, a.Add(t.Context(), session("mistake")))
				time.Sleep(2200 * time.Millisecond) // between two polls, whose calls an addition would wait for
				server.behave(instead)
				began := time.Now()
				err := a.Add(t.Context(), session("x"), session("y"))
				require.ErrorContains(t, err, "revocation: the server did not take 2 changes, which are sent again")
				require.ErrorIs(t, err, claims.ErrUnavailable)
				assert.LessOrEqual(t, time.Since(began), 500*time.Millisecond)
				began = time.Now()
				err = a.Remove(t.Context(), session("mistake"))
				require.ErrorContains(t, err, "revocation: the server did not take 1 removals, which are not sent again")
				require.ErrorIs(t, err, claims.ErrUnavailable)
				assert.LessOrEqual(t, time.Since(began), 500*time.Millisecond)
				assert.True(t, revoked(t, a, "x"))
				assert.True(t, revoked(t, a, "mistake"), "no process accepts what the others refuse")
				assert.Equal(t, 2, a.Status().Waiting)
				time.Sleep(10 * time.Second)
				assert.False(t, revoked(t, b, "x"))
				server.behave(nil)
				time.Sleep(3 * time.Second)
				assert.True(t, revoked(t, b, "x"))
				assert.True(t, revoked(t, b, "y"))
				assert.True(t, revoked(t, b, "mistake"), "the caller must try again")
				require.NoError(t, a.Remove(t.Context(), session("mistake")))
				time.Sleep(2 * time.Second)
				assert.False(t, revoked(t, b, "mistake"))
				assert.False(t, revoked(t, a, "mistake"))
				assert.Zero(t, a.Status().Waiting)
			})
		})
	}
}

func TestARemovalThatNamesAWaitingEntryTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		require.False(t, revoked(t, list, "x"))
		server.behave(isDown)
		require.Error(t, list.Add(t.Context(), session("x")))
		require.Error(t, list.Remove(t.Context(), session("x"), session("x")))
		assert.False(t, revoked(t, list, "x"), "the server never had it")
		assert.Zero(t, list.Status().Waiting)
	})
}

func TestTheLastChangeOfAnEntryCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		defer run(t, a, b)()
		require.NoError(t, a.Add(t.Context(), session("x")))
		server.behave(isDown)
		require.Error(t, a.Remove(t.Context(), session("x")))
		require.Error(t, a.Add(t.Context(), session("y")))
		server.behave(nil)
		require.NoError(t, a.Add(t.Context(), session("x")))
		require.NoError(t, a.Remove(t.Context(), session("y")))
		assert.Zero(t, a.Status().Waiting)
		for range 10 {
			time.Sleep(1100 * time.Millisecond)
			for _, list := range []*revocation.List{a, b} {
				assert.True(t, revoked(t, list, "x"))
				assert.False(t, revoked(t, list, "y"))
			}
		}
	})
}

func TestAPollDoesNotUndoAnAddition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		require.NoError(t, list.Add(t.Context(), session("x")))
		require.NoError(t, list.Remove(t.Context(), session("x")))
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			reply, err := server.answer(args)
			if !strings.Contains(args[1], "ZADD") {
				time.Sleep(200 * time.Millisecond) // the reply has what was there before
			}
			return reply, err
		})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("x")))
		for range 30 {
			assert.True(t, revoked(t, list, "x"))
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func TestACrowdThatAdds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		server.behave(hangs)
		list := newList(t, revocation.Config{Do: server.do})
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				began := time.Now()
				assert.Error(t, list.Add(t.Context(), session(fmt.Sprint(n))))
				assert.LessOrEqual(t, time.Since(began), time.Second)
			})
		}
		all.Wait()
		assert.Equal(t, 100, list.Status().Waiting)
	})
}

func TestWhatWaitsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		server.behave(isDown)
		list := newList(t, revocation.Config{Do: server.do})
		for n := range 101 {
			entries := make([]revocation.Entry, 99)
			for i := range entries {
				entries[i] = session(fmt.Sprint(n, i))
			}
			require.ErrorContains(t, list.Add(t.Context(), entries...), "did not take 99 changes, which are sent again")
		}
		assert.ErrorContains(t, list.Add(t.Context(), session("x"), session("y")), "sent again")
		assert.ErrorContains(t, list.Add(t.Context(), session("z")), "did not take 1 changes, 1 of which are not sent again")
		assert.True(t, revoked(t, list, "z"))
		assert.Equal(t, 10_000, list.Status().Waiting)
	})
}
