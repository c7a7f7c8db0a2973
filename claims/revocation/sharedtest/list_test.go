package sharedtest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valkey-io/valkey-go"

	"github.com/bearerguard/bearerguard/claims"
	"github.com/bearerguard/bearerguard/claims/revocation"
)

const (
	issuerURL = "https://issuer.example/"
	otherURL  = "https://other.example/"
	lifetime  = time.Hour

	// slow is for tests whose calls must not fail on a busy machine.
	slow = 5 * time.Second
)

func newList(t testing.TB, config revocation.Config) *revocation.List {
	t.Helper()
	config.Logger = slog.New(slog.DiscardHandler)
	list, err := revocation.New(config)
	require.NoError(t, err)
	for _, url := range []string{issuerURL, otherURL} {
		list.Protect(claims.Issuer{URL: url, MaxLifetime: lifetime})
	}
	return list
}

func session(id string) revocation.Entry {
	return revocation.Entry{Kind: revocation.Session, Issuer: issuerURL, ID: id}
}

func claimsOf(t testing.TB, members string) *claims.Claims {
	t.Helper()
	c, err := claims.ParseUnverified(fmt.Appendf(nil, `{"iss":%q,%s}`, issuerURL, members))
	require.NoError(t, err)
	return c
}

// requireRevoked asks a list that has not read the server yet.
func requireRevoked(t testing.TB, list *revocation.List, want bool, members string) {
	t.Helper()
	err := list.Check(context.Background(), claimsOf(t, members))
	if want {
		require.ErrorIs(t, err, claims.ErrRevoked, members)
	} else {
		require.NoError(t, err, members)
	}
}

// TestScripts holds the scripts to what the fake server of package revocation does.
func TestScripts(t *testing.T) {
	for _, name := range []string{"valkey-go", "go-redis"} {
		t.Run(name, func(t *testing.T) {
			do := clients[name](t, startServer(t, forgetful...).address)
			fresh := func() *revocation.List { return newList(t, revocation.Config{Do: do, Timeout: slow}) }
			at := time.Now().Truncate(time.Second)
			iat := func(d time.Duration) string { return fmt.Sprintf(`"iat":%d`, at.Add(d).Unix()) }
			subject := func(d time.Duration) revocation.Entry {
				return revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "u \x00ü", NotBefore: at.Add(d)}
			}
			requireRevoked(t, fresh(), false, `"sid":"s"`)
			require.NoError(t, fresh().Add(t.Context(), session("s"), session("t"), subject(0)))
			requireRevoked(t, fresh(), true, `"sid":"s"`)
			requireRevoked(t, fresh(), true, `"sub":"u \u0000ü",`+iat(0))
			require.NoError(t, fresh().Add(t.Context(), subject(-time.Minute)))
			requireRevoked(t, fresh(), true, `"sub":"u \u0000ü",`+iat(5*time.Second))
			require.NoError(t, fresh().Add(t.Context(), subject(time.Minute)))
			requireRevoked(t, fresh(), true, `"sub":"u \u0000ü",`+iat(65*time.Second))
			requireRevoked(t, fresh(), false, `"sub":"u \u0000ü",`+iat(66*time.Second))
			require.NoError(t, fresh().Remove(t.Context(), session("s")))
			requireRevoked(t, fresh(), false, `"sid":"s"`)
			requireRevoked(t, fresh(), true, `"sid":"t"`)
			require.NoError(t, fresh().Add(t.Context(), session("s")))
			requireRevoked(t, fresh(), true, `"sid":"s"`)

			many := make([]revocation.Entry, 2500)
			for n := range many {
				many[n] = session(strconv.Itoa(n))
			}
			require.NoError(t, fresh().Add(t.Context(), many...))
			list := fresh()
			for n := range many {
				requireRevoked(t, list, true, fmt.Sprintf(`"sid":"%d"`, n))
			}
			assert.Equal(t, 2502, list.Status().Entries[revocation.Session])

			small := newList(t, revocation.Config{Do: do, Timeout: slow, MaxEntries: 2503})
			require.ErrorContains(t, small.Add(t.Context(), session("t"), session("one too many")), "FULL the list has too many entries")
			small = newList(t, revocation.Config{Do: do, Timeout: slow, MaxEntries: 2503})
			require.NoError(t, small.Add(t.Context(), session("t")), "it is on the list")
			require.NoError(t, small.Remove(t.Context(), session("t"), session("not there")))
			requireRevoked(t, fresh(), false, `"sid":"t"`)
			requireRevoked(t, fresh(), false, `"sid":"one too many"`)
			small = newList(t, revocation.Config{Do: do, Timeout: slow, MaxEntries: 2503})
			require.ErrorContains(t, small.Add(t.Context(), session("one too many"), subject(2*time.Minute), session("another")), "did not take 2 changes")
			requireRevoked(t, fresh(), true, `"sub":"u \u0000ü",`+iat(125*time.Second))
			requireRevoked(t, fresh(), false, `"sid":"another"`)
		})
	}
}

// A removal that the server carries out late does not undo what was added since.
func TestARemovalThatRunsLate(t *testing.T) {
	for _, name := range []string{"valkey-go", "go-redis"} {
		t.Run(name, func(t *testing.T) {
			do := clients[name](t, startServer(t, forgetful...).address)
			var late [][]string
			delays := newList(t, revocation.Config{Timeout: slow, Do: func(ctx context.Context, args ...string) ([]string, error) {
				if !strings.Contains(args[1], "ZADD") {
					return do(ctx, args...)
				}
				late = append(late, args)
				return nil, context.DeadlineExceeded
			}})
			fresh := func() *revocation.List { return newList(t, revocation.Config{Do: do, Timeout: slow}) }
			require.Error(t, delays.Remove(t.Context(), session("not there yet")))
			require.NoError(t, fresh().Add(t.Context(), session("s"), session("t")))
			require.Error(t, delays.Remove(t.Context(), session("s"), session("t")))
			require.NoError(t, fresh().Add(t.Context(), session("s"), session("not there yet")))
			require.Len(t, late, 2)
			for _, args := range late {
				reply, err := do(t.Context(), args...)
				require.NoError(t, err)
				require.Equal(t, []string{"OK"}, reply)
			}
			requireRevoked(t, fresh(), true, `"sid":"s"`)
			requireRevoked(t, fresh(), true, `"sid":"not there yet"`)
			requireRevoked(t, fresh(), false, `"sid":"t"`)
		})
	}
}

// What is given back does not undo a removal, and is not written again without need.
func TestWhatIsGivenBack(t *testing.T) {
	for _, name := range []string{"valkey-go", "go-redis"} {
		t.Run(name, func(t *testing.T) {
			do := clients[name](t, startServer(t, forgetful...).address)
			giveBack := func(e revocation.Entry) {
				delays := newList(t, revocation.Config{Timeout: slow, Do: func(ctx context.Context, args ...string) ([]string, error) {
					require.Equal(t, "b", args[8])
					args[8] = "g"
					return do(ctx, args...)
				}})
				require.NoError(t, delays.Add(t.Context(), e))
			}
			times := func() []string {
				reply, err := do(t.Context(), "EVAL", "return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')", "1", "{bearerguard:revocation}:times")
				require.NoError(t, err)
				return reply
			}
			at := time.Now().Truncate(time.Second)
			subject := func(d time.Duration) revocation.Entry {
				return revocation.Entry{Kind: revocation.Subject, Issuer: issuerURL, ID: "u", NotBefore: at.Add(d)}
			}
			fresh := func() *revocation.List { return newList(t, revocation.Config{Do: do, Timeout: slow}) }
			require.NoError(t, fresh().Add(t.Context(), session("removed"), subject(0)))
			require.NoError(t, fresh().Remove(t.Context(), session("removed")))
			giveBack(session("lost"))
			before := times()
			giveBack(session("removed"))
			giveBack(subject(0))
			require.Equal(t, before, times(), "nothing to read again")
			requireRevoked(t, fresh(), true, `"sid":"lost"`)
			requireRevoked(t, fresh(), false, `"sid":"removed"`)
			later := fmt.Sprintf(`"sub":"u","iat":%d`, at.Add(90*time.Second).Unix())
			requireRevoked(t, fresh(), false, later)
			giveBack(subject(2 * time.Minute))
			requireRevoked(t, fresh(), true, later)

			_, err := do(t.Context(), "EVAL", "redis.call('DEL', KEYS[1]) return 'OK'", "1", "{bearerguard:revocation}:times")
			require.NoError(t, err)
			requireRevoked(t, fresh(), false, `"sid":"lost"`)
			giveBack(session("lost"))
			requireRevoked(t, fresh(), true, `"sid":"lost"`)
		})
	}
}

// put stores a member in the way that another program might.
func put(t *testing.T, do doFunc, score int64, id, state string) {
	t.Helper()
	_, err := do(t.Context(), "EVAL", `redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2]) redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) return 'OK'`,
		"2", "{bearerguard:revocation}:times", "{bearerguard:revocation}:entries", fmt.Sprint(score), id, state)
	require.NoError(t, err)
}

// The server forgets what has expired, and keeps what cannot be read.
func TestTrimming(t *testing.T) {
	do := clients["valkey-go"](t, startServer(t, forgetful...).address)
	now := time.Now()
	for n := range 1500 {
		put(t, do, int64(n), fmt.Sprintf("s23:%sold-%d", issuerURL, n), fmt.Sprintf("b 0 %d", now.Add(-time.Hour).Unix()))
	}
	put(t, do, 2000, "s23:"+issuerURL+"just now", fmt.Sprintf("b 0 %d", now.Add(-time.Minute).Unix()))
	put(t, do, 2001, "what", "is this")
	put(t, do, 2002, "s23:"+issuerURL+"good", fmt.Sprintf("b 0 %d", now.Add(time.Hour).Unix()))
	list := newList(t, revocation.Config{Do: do, Timeout: slow})
	requireRevoked(t, list, true, `"sid":"good"`)
	requireRevoked(t, list, false, `"sid":"just now"`)
	assert.EqualValues(t, 1, list.Status().Malformed)
	left, err := do(t.Context(), "ZRANGE", "{bearerguard:revocation}:times", "0", "-1")
	require.NoError(t, err)
	assert.Equal(t, []string{"s23:" + issuerURL + "just now", "what", "s23:" + issuerURL + "good"}, left)
	require.NoError(t, list.Add(t.Context(), session("good"), revocation.Entry{Kind: revocation.Token, Issuer: issuerURL, ID: "x"}))
	left, err = do(t.Context(), "HKEYS", "{bearerguard:revocation}:entries")
	require.NoError(t, err)
	assert.Len(t, left, 4)
}

// A time that is far ahead, as after the clock of the server was wrong, does not hide what comes
// later.
func TestTimesOfTheServer(t *testing.T) {
	do := clients["go-redis"](t, startServer(t, forgetful...).address)
	expires := fmt.Sprintf("b 0 %d", time.Now().Add(time.Hour).Unix())
	put(t, do, time.Now().Add(24*time.Hour).UnixMicro(), "s23:"+issuerURL+"ahead", expires)
	list := newList(t, revocation.Config{Do: do, Timeout: slow})
	requireRevoked(t, list, true, `"sid":"ahead"`)
	require.NoError(t, newList(t, revocation.Config{Do: do, Timeout: slow}).Add(t.Context(), session("later")))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { _ = list.Run(ctx) }()
	require.Eventually(t, func() bool { return list.Check(ctx, claimsOf(t, `"sid":"later"`)) != nil }, patience, time.Millisecond)
}

// The keys are in one slot, and the clients find its node.
func TestCluster(t *testing.T) {
	first := startServer(t, "--cluster-enabled", "yes", "--save", "")
	second := startServer(t, "--cluster-enabled", "yes", "--save", "")
	command(t, first.address, "CLUSTER ADDSLOTSRANGE 0 8191")
	command(t, second.address, "CLUSTER ADDSLOTSRANGE 8192 16383")
	host, port, err := net.SplitHostPort(second.address)
	require.NoError(t, err)
	command(t, first.address, "CLUSTER MEET "+host+" "+port)
	for _, s := range []*server{first, second} {
		require.Eventually(t, func() bool { return strings.Contains(command(t, s.address, "CLUSTER INFO"), "cluster_state:ok") }, patience, 10*time.Millisecond)
	}
	for _, name := range []string{"valkey-go", "go-redis, cluster"} {
		for n, prefix := range []string{"a", "b", "c", "d", "e", "f"} { // of both nodes
			t.Run(name+" "+prefix, func(t *testing.T) {
				config := revocation.Config{Do: clients[name](t, first.address), Prefix: prefix, Timeout: slow}
				require.NoError(t, newList(t, config).Add(t.Context(), session(fmt.Sprint(name, n))))
				list := newList(t, config)
				requireRevoked(t, list, true, fmt.Sprintf(`"sid":%q`, fmt.Sprint(name, n)))
				requireRevoked(t, list, false, `"sid":"none"`)
			})
		}
	}
	var sizes []string
	for _, s := range []*server{first, second} {
		sizes = append(sizes, command(t, s.address, "DBSIZE"))
	}
	assert.NotContains(t, sizes, ":0\r\n", "both nodes have lists")
}

// command sends one command, and returns the beginning of the reply.
func command(t *testing.T, address, text string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, time.Second)
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = fmt.Fprint(conn, text+"\r\n")
	require.NoError(t, err)
	reply := make([]byte, 4096)
	n, err := conn.Read(reply)
	require.NoError(t, err)
	require.False(t, strings.HasPrefix(string(reply[:n]), "-"), string(reply[:n]))
	return string(reply[:n])
}

// A replica that has lost its primary has an old list, and nothing in its replies says so.
func TestAReplicaIsAnOutage(t *testing.T) {
	for _, name := range []string{"valkey-go", "go-redis"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, forgetful...)
			list := newList(t, revocation.Config{Do: clients[name](t, s.address), Timeout: slow})
			require.NoError(t, list.Add(t.Context(), session("s")))
			requireRevoked(t, list, false, `"sid":"x"`)
			command(t, s.address, "REPLICAOF "+freeAddressText(t))
			list = newList(t, revocation.Config{Do: clients[name](t, s.address), Timeout: slow})
			require.ErrorIs(t, list.Check(t.Context(), claimsOf(t, `"sid":"x"`)), claims.ErrUnavailable)
			assert.ErrorContains(t, list.Status().Err, "replica")
			assert.ErrorContains(t, list.Remove(t.Context(), session("s")), "replica")
			command(t, s.address, "REPLICAOF NO ONE")
			requireRevoked(t, newList(t, revocation.Config{Do: clients[name](t, s.address), Timeout: slow}), true, `"sid":"s"`)
		})
	}
}

// freeAddressText returns an address that no server listens on, as REPLICAOF takes it.
func freeAddressText(t *testing.T) string {
	t.Helper()
	return strings.Replace(freeAddress(t), ":", " ", 1)
}

// A server whose memory is full takes no entry, and still says what was cut off.
func TestAServerWithoutMemory(t *testing.T) {
	s := startServer(t, forgetful...)
	do := clients["go-redis"](t, s.address)
	fresh := func() *revocation.List { return newList(t, revocation.Config{Do: do, Timeout: slow}) }
	require.NoError(t, fresh().Add(t.Context(), session("s")))
	command(t, s.address, "CONFIG SET maxmemory 1")
	err := fresh().Add(t.Context(), session("t"))
	require.ErrorContains(t, err, "OOM")
	require.ErrorIs(t, err, claims.ErrUnavailable)
	requireRevoked(t, fresh(), true, `"sid":"s"`)
	requireRevoked(t, fresh(), false, `"sid":"t"`)
}

// A primary that cannot save its data takes no entry, and still says what was cut off.
func TestAServerThatCannotSaveItsData(t *testing.T) {
	s := startServer(t, "--save", "3600 1", "--appendonly", "no")
	do := clients["go-redis"](t, s.address)
	fresh := func() *revocation.List { return newList(t, revocation.Config{Do: do, Timeout: slow}) }
	require.NoError(t, fresh().Add(t.Context(), session("s")))
	require.NoError(t, os.RemoveAll(s.dir))
	command(t, s.address, "BGSAVE")
	require.Eventually(t, func() bool { return errors.Is(fresh().Add(t.Context(), session("t")), claims.ErrUnavailable) },
		patience, 5*time.Millisecond)
	err := fresh().Add(t.Context(), session("u"))
	require.ErrorContains(t, err, "MISCONF")
	requireRevoked(t, fresh(), true, `"sid":"s"`)
	requireRevoked(t, fresh(), false, `"sid":"u"`)
}

// A primary without its replicas may have been replaced by one of them. If it must refuse to be
// written then, it cannot be read either.
func TestAServerThatHasTooFewReplicas(t *testing.T) {
	s := startServer(t, append(slices.Clone(forgetful), "--min-replicas-to-write", "1")...)
	list := newList(t, revocation.Config{Do: clients["go-redis"](t, s.address), Timeout: slow})
	require.ErrorIs(t, list.Check(t.Context(), claimsOf(t, `"sid":"x"`)), claims.ErrUnavailable)
	assert.ErrorContains(t, list.Status().Err, "NOREPLICAS")
}

// The rights that the documentation names are enough.
func TestAccessControl(t *testing.T) {
	s := startServer(t, forgetful...)
	documentation, err := os.ReadFile("../doc.go")
	require.NoError(t, err)
	_, rights, found := strings.Cut(string(documentation), "//\t~")
	require.True(t, found)
	rights, _, _ = strings.Cut(rights, "\n")
	command(t, s.address, "ACL SETUSER api on >secret ~"+rights)
	command(t, s.address, "ACL SETUSER default off")
	client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{s.address}, DisableCache: true, Username: "api", Password: "secret"})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	other := redis.NewClient(&redis.Options{Addr: s.address, ContextTimeoutEnabled: true, Username: "api", Password: "secret"})
	t.Cleanup(func() { assert.NoError(t, other.Close()) })

	list := newList(t, revocation.Config{Do: valkeyDo(client), Timeout: slow})
	put(t, redisDo(other), 1, "s23:"+issuerURL+"old", "b 0 1")
	require.NoError(t, list.Add(t.Context(), session("s"), session("removed")))
	require.NoError(t, list.Remove(t.Context(), session("removed")))
	requireRevoked(t, newList(t, revocation.Config{Do: redisDo(other), Timeout: slow}), true, `"sid":"s"`)
	members, err := valkeyDo(client)(t.Context(), "EVAL", "--{bearerguard:revocation}\nreturn redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')", "1", "{bearerguard:revocation}:times")
	require.NoError(t, err)
	assert.Len(t, members, 2, "what has expired is trimmed")
	_, err = redisDo(other)(t.Context(), "GET", "another key")
	assert.ErrorContains(t, err, "NOPERM")
}
