package revocation_test

import (
	"context"
	"errors"
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

// sessions returns so many entries, whose identifiers are numbers from 0.
func sessions(count int) []revocation.Entry {
	entries := make([]revocation.Entry, count)
	for n := range entries {
		entries[n] = session(fmt.Sprint(n))
	}
	return entries
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
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			time.Sleep(time.Millisecond) // a reply that comes at once may be in time for the request
			return server.answer(args)
		})
		assert.False(t, revoked(t, idle, "y"), "documented: an idle server without Run accepts one")
		time.Sleep(time.Second)
		assert.True(t, revoked(t, idle, "y"))
		stop()
		calls := server.called()
		time.Sleep(time.Hour)
		assert.Equal(t, calls, server.called(), "nothing goes on after Run")
	})
}

// A request with a list that is too old gets a 503, or what is configured.
// A process that starts in an outage knows nothing.
// What a process knows, it keeps, also if the server has forgotten it.
// After a failover the clock of the server can be behind.
// An entry that the server did not take is in force here, is an error, and is sent again.
// A poll that has read the server before an addition does not undo it.
// While the server hangs, callers do not wait for each other.
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

// A caller whose token was cut off by mistake may be the only one of a server without Run.
func TestARemovalThatOnlyRefusedRequestsCanFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newFakeServer()
		operator, api := newList(t, revocation.Config{Do: server.do}), newList(t, revocation.Config{Do: server.do})
		require.NoError(t, operator.Add(t.Context(), session("x")))
		assert.True(t, revoked(t, api, "x"))
		require.NoError(t, operator.Remove(t.Context(), session("x")))
		time.Sleep(3 * time.Second)
		assert.True(t, revoked(t, api, "x"), "refused without a wait")
		synctest.Wait()
		assert.False(t, revoked(t, api, "x"), "that request has started a reading")
	})
}

// No figure shows a server that fills up with expired entries, because the list has none of them.
func TestAServerThatDoesNotForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		server := newFakeServer()
		list := newList(t, revocation.Config{Do: server.do, Logger: log.logger()})
		defer run(t, list)()
		require.NoError(t, list.Add(t.Context(), session("x")))
		server.behave(func(_ context.Context, args []string) ([]string, error) {
			if strings.Contains(args[1], "HDEL") {
				return nil, errors.New("NOPERM")
			}
			return server.answer(args)
		})
		time.Sleep(2 * time.Hour)
		assert.Equal(t, 1, strings.Count(log.String(), "\n"))
		assert.Contains(t, log.String(), "does not forget expired entries of the shared list, and can become full of them\" error=NOPERM")
		assert.NoError(t, list.Status().Err, "it refuses what it must")
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
