package revocation_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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

// run runs a list until the returned function is called, which waits for its calls.
func run(t *testing.T, lists ...*revocation.List) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for _, list := range lists {
		all.Go(func() { assert.ErrorIs(t, list.Run(ctx), context.Canceled) })
	}
	synctest.Wait()
	return func() {
		cancel()
		all.Wait()
		time.Sleep(10 * time.Second)
	}
}

func session(id string) revocation.Entry {
	return revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: id}
}

func revoked(t *testing.T, list *revocation.List, id string) bool {
	t.Helper()
	err := list.Check(t.Context(), tokenWith(t, fmt.Sprintf(`"sid":%q`, id)))
	if err != nil {
		require.ErrorIs(t, err, claims.ErrRevoked)
	}
	return err != nil
}

func TestProcessesShareAList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		other := newList(t, revocation.Config{Do: server.do})
		defer run(t, a, b, other)()
		entries := []revocation.Entry{
			{Kind: revocation.Token, Issuer: issuerURL, ID: "j", ExpiresAt: time.Now().Add(time.Hour)},
			session("s"),
			{Kind: revocation.Subject, Issuer: issuerURL, ID: "u"},
			{Kind: revocation.Client, Issuer: issuerURL, ID: "c:1 ü"},
			{Kind: revocation.Issuer, Issuer: otherURL},
		}
		require.NoError(t, a.Add(t.Context(), entries...))
		iat := issuedAt(time.Now())
		time.Sleep(1100 * time.Millisecond)
		for _, list := range []*revocation.List{a, b, other} {
			for _, members := range []string{`"jti":"j"`, `"sid":"s"`, `"sub":"u"`, `"azp":"c:1 ü"`} {
				assert.ErrorIs(t, list.Check(t.Context(), tokenWith(t, members+","+iat)), claims.ErrRevoked, members)
				assert.NoError(t, list.Check(t.Context(), tokenOf(t, "https://third.example/", members+","+iat)))
			}
			assert.ErrorIs(t, list.Check(t.Context(), tokenOf(t, otherURL, iat)), claims.ErrRevoked)
			assert.NoError(t, list.Check(t.Context(), tokenOf(t, otherURL, issuedAt(time.Now().Add(6*time.Second)))))
		}
		require.NoError(t, b.Remove(t.Context(), entries...))
		time.Sleep(1100 * time.Millisecond)
		late := newList(t, revocation.Config{Do: server.do})
		for _, list := range []*revocation.List{a, b, other, late} {
			assert.NoError(t, list.Check(t.Context(), tokenWith(t, `"jti":"j","sid":"s","sub":"u","azp":"c:1 ü",`+iat)))
		}
		time.Sleep(2 * time.Hour)
		assert.Zero(t, server.size(), "the server forgets, too")
	})
}

// The entry of an earlier time never shortens a later one, whichever process adds it.
func TestTheLatestNotBeforeOfAllProcessesCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		a, b := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		defer run(t, a, b)()
		at := time.Now()
		subject := func(notBefore time.Time) revocation.Entry {
			return revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "u", NotBefore: notBefore}
		}
		require.NoError(t, a.Add(t.Context(), subject(at)))
		require.NoError(t, b.Add(t.Context(), subject(at.Add(-time.Hour))))
		time.Sleep(1100 * time.Millisecond)
		for _, list := range []*revocation.List{a, b} {
			assert.ErrorIs(t, list.Check(t.Context(), tokenWith(t, `"sub":"u",`+issuedAt(at))), claims.ErrRevoked)
		}
	})
}

func TestAProcessThatStartsReadsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		first := newList(t, revocation.Config{Do: server.do})
		entries := make([]revocation.Entry, 3500)
		for n := range entries {
			entries[n] = session(fmt.Sprint(n))
		}
		require.NoError(t, first.Add(t.Context(), entries...))
		second := newList(t, revocation.Config{Do: server.do})
		assert.True(t, revoked(t, second, "3499"), "the first request waits for the list")
		assert.True(t, revoked(t, second, "0"))
		assert.False(t, revoked(t, second, "3500"))
		assert.Equal(t, 3500, second.Status().Entries[revocation.Session])
		assert.EqualValues(t, 1, second.Status().Polls)
	})
}

// Without Run, requests read the list. With it, requests start nothing.
func TestPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		idle, kept := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		synctest.Wait()
		assert.Zero(t, server.called(), "New makes no request")
		assert.False(t, revoked(t, idle, "x"))
		stop := run(t, kept)
		for range 1000 {
			time.Sleep(100 * time.Millisecond)
			revoked(t, kept, "x")
		}
		assert.InDelta(t, 100, float64(kept.Status().Polls), 2)

		require.NoError(t, kept.Add(t.Context(), session("x")))
		assert.EqualValues(t, 1, idle.Status().Polls)
		time.Sleep(40 * time.Second)
		assert.True(t, revoked(t, idle, "x"), "the list was older than MaxAge, so this request waited")
		require.NoError(t, kept.Add(t.Context(), session("y")))
		time.Sleep(40 * time.Second)
		assert.False(t, revoked(t, idle, "y"), "documented: an idle server without Run accepts one")
		synctest.Wait()
		assert.True(t, revoked(t, idle, "y"))
		stop()
		calls := server.called()
		time.Sleep(time.Hour)
		assert.Equal(t, calls, server.called(), "nothing goes on after Run")
	})
}

// A request with a list that is too old gets a 503, or what is configured.
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
				synctest.Test(t, func(t *testing.T) {
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
						time.Sleep(300 * time.Millisecond)
					}
					status := list.Status()
					assert.True(t, status.Stale)
					assert.Greater(t, status.Age, time.Minute)
					assert.Error(t, status.Err)
					assert.NotZero(t, status.Failures)
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
				})
			})
		}
	}
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

// A process that starts in an outage knows nothing.
func TestAStartInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		server.behave(hangs)
		for _, continues := range []bool{false, true} {
			list := newList(t, revocation.Config{Do: server.do, ContinueWhenStale: continues})
			began := time.Now()
			err := list.Check(t.Context(), tokenWith(t, `"sid":"x"`))
			assert.Equal(t, 500*time.Millisecond, time.Since(began), "the first requests wait for the first reading, whatever the policy")
			assert.Equal(t, continues, err == nil)
			assert.True(t, list.Status().Stale)

			time.Sleep(time.Second)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began = time.Now()
			_ = list.Check(ctx, tokenWith(t, `"sid":"x"`))
			want := map[bool]time.Duration{false: 100 * time.Millisecond, true: 0}[continues]
			assert.Equal(t, want, time.Since(began), "a request that ends does not wait, and with ContinueWhenStale none does any more")
			time.Sleep(time.Minute)
		}
	})
}

// What a process knows, it keeps, also if the server has forgotten it.
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

// After a failover the clock of the server can be behind.
func TestAServerWhoseClockIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("old")))
		time.Sleep(3 * time.Second)
		server.mu.Lock()
		server.members = []fakeMember{{time.Now().Add(-7 * time.Second).UnixMicro(), "s23:" + issuerURL + "new", fmt.Sprintf("b 0 %d", time.Now().Add(time.Hour).Unix())}}
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

// An entry that the server did not take is in force here, is an error, and is sent again.
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
				time.Sleep(2 * time.Second)
				server.behave(instead)
				began := time.Now()
				err := a.Add(t.Context(), session("x"), session("y"))
				require.ErrorContains(t, err, "revocation: the server did not take 2 changes, which are sent again")
				assert.LessOrEqual(t, time.Since(began), 500*time.Millisecond)
				require.Error(t, a.Remove(t.Context(), session("mistake")))
				assert.True(t, revoked(t, a, "x"))
				assert.False(t, revoked(t, a, "mistake"))
				assert.Equal(t, 3, a.Status().Waiting)
				time.Sleep(10 * time.Second)
				assert.False(t, revoked(t, b, "x"))
				server.behave(nil)
				time.Sleep(3 * time.Second)
				assert.True(t, revoked(t, b, "x"))
				assert.True(t, revoked(t, b, "y"))
				assert.False(t, revoked(t, b, "mistake"))
				assert.False(t, revoked(t, a, "mistake"), "the poll did not undo it")
				assert.Zero(t, a.Status().Waiting)
			})
		})
	}
}

// A removal that is sent again must not undo what was added since.
func TestChangesAreSentInTheirOrder(t *testing.T) {
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

// A poll that has read the server before an addition does not undo it.
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

// While the server hangs, callers do not wait for each other.
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

// A process that is older than another one meets what it does not know.
func TestMembersThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		server := newFakeServer()
		expires := fmt.Sprint(time.Now().Add(time.Hour).Unix())
		server.put("s23:"+issuerURL+"first", "b 0 "+expires)
		for _, member := range [][2]string{
			{"", ""},
			{"s", "b 0 " + expires},
			{"d23:" + issuerURL + "x", "b 0 " + expires},
			{"s023:" + issuerURL + "x", "b 0 " + expires},
			{"s+23:" + issuerURL + "x", "b 0 " + expires},
			{"s99:" + issuerURL + "x", "b 0 " + expires},
			{"s99999999999999999999:" + issuerURL + "x", "b 0 " + expires},
			{"s-1:" + issuerURL + "x", "b 0 " + expires},
			{"s0:x", "b 0 " + expires},
			{"s23:" + issuerURL, "b 0 " + expires},
			{"i23:" + issuerURL + "x", "b 0 " + expires},
			{"s23:" + issuerURL + strings.Repeat("x", 1025), "b 0 " + expires},
			{"s2049:" + strings.Repeat("x", 2050), "b 0 " + expires},
			{"s23:" + issuerURL + "x1", ""},
			{"s23:" + issuerURL + "x2", "b 0"},
			{"s23:" + issuerURL + "x3", "B 0 " + expires},
			{"s23:" + issuerURL + "x4", "b  " + expires},
			{"s23:" + issuerURL + "x5", "b 0 " + expires + " "},
			{"s23:" + issuerURL + "x6", "b 0 0" + expires},
			{"s23:" + issuerURL + "x7", "b 0 -1"},
			{"s23:" + issuerURL + "x8", "b 0 4294967296"},
			{"s23:" + issuerURL + "x9", "b 0 0"},
			{"s23:" + issuerURL + "x10", "b 1e3 " + expires},
		} {
			time.Sleep(time.Microsecond)
			server.put(member[0], member[1])
		}
		time.Sleep(time.Microsecond)
		server.put("s23:"+issuerURL+"last", "b 0 "+expires)
		list := newList(t, revocation.Config{Do: server.do, Logger: log.logger()})
		defer run(t, list)()
		assert.True(t, revoked(t, list, "first"))
		assert.True(t, revoked(t, list, "last"), "none makes the list drop the others")
		status := list.Status()
		assert.Equal(t, 2, status.Entries[revocation.Session])
		assert.EqualValues(t, 23, status.Malformed)
		assert.False(t, status.Stale, "none is an outage")
		time.Sleep(20 * time.Minute)
		assert.Equal(t, 1, strings.Count(log.String(), "level=ERROR msg=\"revocation: the shared list has entries that cannot be read"))
		assert.NotContains(t, log.String(), "example")
	})
}

// A list with too many entries is stale: entries are missing.
func TestASharedListThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		server := newFakeServer()
		large, small := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do, MaxEntries: 10, Logger: log.logger()})
		defer run(t, large, small)()
		for n := range 11 {
			require.NoError(t, large.Add(t.Context(), session(fmt.Sprint(n))))
		}
		assert.ErrorContains(t, small.Add(t.Context(), session("x")), "FULL", "the server has a bound as well")
		time.Sleep(2 * time.Second)
		for n := range 9 {
			assert.True(t, revoked(t, small, fmt.Sprint(n)), "what there is room for is cut off")
		}
		assert.ErrorContains(t, small.Status().Err, "the list is full")
		time.Sleep(time.Minute)
		requireUnavailable(t, small.Check(t.Context(), tokenWith(t, `"sid":"good"`)))
		assert.Contains(t, log.String(), "the list is full")
		assert.False(t, revoked(t, large, "good"))
	})
}

func TestConcurrentPolls(t *testing.T) {
	server := newFakeServer()
	list := newList(t, revocation.Config{Do: server.do, Timeout: 5 * time.Second})
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 50 {
				id := fmt.Sprint(n, "/", i)
				assert.NoError(t, list.Check(context.Background(), tokenWith(t, fmt.Sprintf(`"sid":%q`, id))))
				assert.NoError(t, list.Add(context.Background(), session(id)))
				assert.ErrorIs(t, list.Check(context.Background(), tokenWith(t, fmt.Sprintf(`"sid":%q`, id))), claims.ErrRevoked)
			}
		})
	}
	all.Wait()
	other := newList(t, revocation.Config{Do: server.do, Timeout: 5 * time.Second})
	for n := range 8 {
		assert.ErrorIs(t, other.Check(context.Background(), tokenWith(t, fmt.Sprintf(`"sid":"%d/49"`, n))), claims.ErrRevoked)
	}
	assert.NoError(t, errors.Join(list.Status().Err, other.Status().Err))
}
