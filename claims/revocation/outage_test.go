package revocation_test

import (
	"context"
	"fmt"
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
	"github.com/bearerguard/bearerguard/claims/revocation"
)

func TestOutages(t *testing.T) {
	for rule, instead := range map[string]func(context.Context, []string) ([]string, error){
		"down":                    isDown,
		"hangs":                   hangs,
		"panics":                  func(context.Context, []string) ([]string, error) { panic("by a test") },
		"ends the goroutine":      func(context.Context, []string) ([]string, error) { runtime.Goexit(); return nil, nil },
		"a null reply":            func(context.Context, []string) ([]string, error) { return nil, nil },
		"a reply of two":          func(context.Context, []string) ([]string, error) { return []string{"1", "s1:xy"}, nil },
		"a time that is none":     func(context.Context, []string) ([]string, error) { return []string{"NaN", "s1:xy", "b 1 1"}, nil },
		"a time that is infinite": func(context.Context, []string) ([]string, error) { return []string{"inf", "s1:xy", "b 1 1"}, nil },
		"more than was asked for": func(context.Context, []string) ([]string, error) { return make([]string, 3003), nil },
		"a reply and an error":    func(context.Context, []string) ([]string, error) { return []string{}, errDown },
		"ignores its context": func(context.Context, []string) ([]string, error) {
			time.Sleep(time.Hour)
			return []string{}, nil
		},
	} {
		for _, continues := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ContinueWhenStale %v", rule, continues), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testOutage(t, instead, continues) })
			})
		}
	}
}

func testOutage(t *testing.T, instead func(context.Context, []string) ([]string, error), continues bool) {
	var log logBuffer
	server := newFakeServer()
	list := newList(t, revocation.Config{Do: server.do, ContinueWhenStale: continues, Logger: log.logger()})
	stop := run(t, list)
	require.NoError(t, list.Add(t.Context(), session("cut off before")))
	time.Sleep(10 * time.Second)
	server.behave(instead)
	for range 58 {
		assert.False(t, revoked(t, list, "good"), "the list is not too old")
		time.Sleep(time.Second)
	}
	assert.False(t, list.Status().Stale)
	assert.Empty(t, log.String())
	time.Sleep(5 * time.Second)
	for range 100 {
		requireStale(t, list, continues)
		time.Sleep(300 * time.Millisecond)
	}
	text := map[bool]string{false: "requests are refused", true: "tokens that were cut off since are accepted"}[continues]
	assert.Equal(t, 1, strings.Count(log.String(), "\n"))
	assert.Contains(t, log.String(), "level=WARN msg=\"revocation: the shared list is too old: "+text)

	server.behave(nil)
	time.Sleep(3 * time.Second)
	assert.False(t, revoked(t, list, "good"))
	assert.False(t, list.Status().Stale)
	assert.NoError(t, list.Status().Err)
	assert.Equal(t, 2, strings.Count(log.String(), "\n"))
	assert.Contains(t, log.String(), "level=INFO msg=\"revocation: the shared list is current again\"")
	stop()
	time.Sleep(2 * time.Hour) // the calls end
}

// On a busy server, requests find out first that the list is too old. They do not know why.
func TestTheLogSaysWhyAListIsTooOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do, Logger: log.logger()})
		defer run(t, list)()
		time.Sleep(10 * time.Second)
		server.behave(isDown)
		for range 7000 {
			_ = list.Check(t.Context(), tokenWith(t, `"sid":"good"`))
			time.Sleep(10 * time.Millisecond)
		}
		assert.NotZero(t, list.Status().StaleRefused)
		assert.Equal(t, 1, strings.Count(log.String(), "\n"))
		assert.Contains(t, log.String(), "requests are refused\" error=\""+errDown.Error())
		server.behave(hangs)
		time.Sleep(2*time.Hour + time.Minute)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		require.Len(t, lines, 3, "one for each hour")
		assert.Contains(t, lines[2], context.DeadlineExceeded.Error(), "the present reason")
	})
}

// A Do that ignores its context leaves no goroutine behind for each poll of a long outage.
func TestCallsThatNeverReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		stop := run(t, list)
		var hanging atomic.Int64
		end := make(chan bool)
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			hanging.Add(1)
			<-end
			return server.answer(args)
		})
		time.Sleep(time.Hour)
		assert.EqualValues(t, 256, hanging.Load())
		requireUnavailable(t, list.Check(t.Context(), tokenWith(t, `"sid":"x"`)))
		assert.ErrorContains(t, list.Status().Err, "too many calls of Do have not returned")
		assert.ErrorContains(t, list.Add(t.Context(), session("x")), "sent again")
		server.behave(nil)
		close(end)
		time.Sleep(3 * time.Second)
		assert.False(t, list.Status().Stale)
		assert.True(t, knows(t, server, "x"))
		stop()
	})
}

// Calls that are only slow are no such calls, however many callers there are.
func TestACrowdOfRemovals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			time.Sleep(400 * time.Millisecond)
			return server.answer(args)
		})
		var callers sync.WaitGroup
		for n := range 300 {
			callers.Go(func() { assert.NoError(t, list.Remove(t.Context(), session(fmt.Sprint(n)))) })
		}
		callers.Wait()
		time.Sleep(3 * time.Second)
		assert.Zero(t, list.Status().Failures)
	})
}

// The first reading of an empty list is the first that a Do of the program's own gets wrong.
func TestADoThatReturnsNilForAnEmptyArray(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := newList(t, revocation.Config{Do: func(context.Context, ...string) ([]string, error) { return nil, nil }})
		requireUnavailable(t, list.Check(t.Context(), tokenWith(t, `"sid":"x"`)))
		synctest.Wait()
		assert.ErrorContains(t, list.Status().Err, "for an empty array, Do must return an empty slice")
	})
}

func requireStale(t *testing.T, list *revocation.List, continues bool) {
	t.Helper()
	began := time.Now()
	err := list.Check(t.Context(), tokenWith(t, `"sid":"good"`))
	assert.LessOrEqual(t, time.Since(began), 500*time.Millisecond, "no request waits for longer than the Timeout")
	if continues {
		require.NoError(t, err)
		assert.Zero(t, time.Since(began))
	} else {
		requireUnavailable(t, err)
	}
	assert.True(t, revoked(t, list, "cut off before"), "a 401 also during an outage")
	status := list.Status()
	assert.True(t, status.Stale)
	assert.Greater(t, status.Age, time.Minute)
	assert.Error(t, status.Err)
	assert.NotZero(t, status.Failures)
}

func requireUnavailable(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, claims.ErrUnavailable)
	require.NotErrorIs(t, err, claims.ErrRevoked)
	var reason claims.Reason
	require.ErrorAs(t, err, &reason)
	assert.Equal(t, claims.ErrUnavailable, reason)
	var outage *claims.UnavailableError
	require.ErrorAs(t, err, &outage)
	assert.Equal(t, time.Second, outage.RetryAfter)
}

func TestAStartInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		server.behave(hangs)
		for _, continues := range []bool{false, true} {
			var log logBuffer
			list := newList(t, revocation.Config{Do: server.do, ContinueWhenStale: continues, Logger: log.logger()})
			began := time.Now()
			err := list.Check(t.Context(), tokenWith(t, `"sid":"x"`))
			assert.Equal(t, 500*time.Millisecond, time.Since(began), "the first requests wait for the first reading, whatever the policy")
			requireUnavailable(t, err)
			assert.True(t, list.Status().Stale)

			time.Sleep(time.Second)
			requireUnavailable(t, list.Check(t.Context(), new(claims.Claims)))
			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began = time.Now()
			requireUnavailable(t, list.Check(ctx, tokenWith(t, `"sid":"x"`)))
			assert.Equal(t, 100*time.Millisecond, time.Since(began), "a request that ends does not wait")
			assert.Equal(t, 1, strings.Count(log.String(), "\n"))
			assert.Contains(t, log.String(), "was never read: requests are refused\" error=\"context deadline exceeded\"")
			server.behave(nil)
			time.Sleep(2 * time.Second)
			assert.False(t, revoked(t, list, "x"))
			assert.NoError(t, list.Check(t.Context(), new(claims.Claims)), "for a readiness probe")
			server.behave(hangs)
			time.Sleep(2 * time.Minute)
			assert.Equal(t, continues, list.Check(t.Context(), tokenWith(t, `"sid":"x"`)) == nil, "an outage after that")
			time.Sleep(time.Minute)
		}
	})
}

func TestAServerThatLosesItsData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("old")))
		time.Sleep(10 * time.Second)
		server.lose()
		require.NoError(t, newList(t, revocation.Config{Do: server.do}).Add(t.Context(), session("new")))
		time.Sleep(1100 * time.Millisecond)
		assert.True(t, revoked(t, list, "new"), "what is new is read")
		for range 30 {
			assert.True(t, revoked(t, list, "old"))
			time.Sleep(time.Minute)
		}
	})
}

func TestAServerWhoseClockIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("old")))
		time.Sleep(3 * time.Second)
		server.mu.Lock()
		server.members = []fakeMember{{time.Now().Add(-5 * time.Second).UnixMicro(), "s23:" + issuerURL + "new", fmt.Sprintf("b 0 %d", time.Now().Add(time.Hour).Unix())}}
		server.mu.Unlock()
		time.Sleep(1100 * time.Millisecond)
		assert.True(t, revoked(t, list, "new"), "the overlap finds it")
		server.mu.Lock()
		server.members[0].id, server.members[0].score = "s23:"+issuerURL+"newer", 1
		server.mu.Unlock()
		time.Sleep(5*time.Minute + time.Second)
		assert.True(t, revoked(t, list, "newer"), "the whole list is read every five minutes")
	})
}
