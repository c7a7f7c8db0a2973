package sharedtest_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

const lifetime = 90 * time.Second // of a proof

func newShared(t testing.TB, do doFunc, config dpop.SharedConfig) *dpop.Shared {
	t.Helper()
	config.Do = do
	s, err := dpop.NewShared(config)
	require.NoError(t, err)
	return s
}

func hashOf(kind, n int) [32]byte {
	return sha256.Sum256(binary.LittleEndian.AppendUint64([]byte{byte(kind)}, uint64(n)))
}

func keyOf(n int) [32]byte { return hashOf(0, n%100) }

func idOf(n int) [32]byte { return hashOf(1, n) }

// ids is how many proofs are used by each of two processes.
const ids = 3000

// connected makes a connection, so that two stores begin together.
func connected(t testing.TB, s *dpop.Shared, n int) *dpop.Shared {
	t.Helper()
	fresh, err := s.Use(t.Context(), keyOf(n), idOf(n), time.Now().Add(lifetime))
	require.NoError(t, err)
	require.True(t, fresh)
	return s
}

// useAll uses all proofs, each twice at once, and returns those that were fresh. The other process
// begins with the last ones.
func useAll(t testing.TB, s *dpop.Shared, other bool) (fresh []int) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for n := range 8 {
		all.Go(func() {
			for nth := n / 2; nth < ids; nth += 4 {
				id := nth
				if other {
					id = ids - 1 - nth
				}
				ok, err := s.Use(context.Background(), keyOf(id), idOf(id), time.Now().Add(lifetime))
				assert.NoError(t, err)
				if ok {
					mu.Lock()
					fresh = append(fresh, id)
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return fresh
}

// requireEachOnce requires that each proof was fresh once.
func requireEachOnce(t *testing.T, fresh []int) {
	t.Helper()
	times := make(map[int]int)
	for _, id := range fresh {
		times[id]++
	}
	for id := range ids {
		require.Equal(t, 1, times[id], "proof %d", id)
	}
}

// slow is for tests whose calls must not fail on a busy machine.
const slow = time.Second

func TestTwoStoresOfOneProcess(t *testing.T) {
	s := startServer(t, forgetful...)
	var fresh []int
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, connect := range clients {
		shared := newShared(t, connect(t, s.address), dpop.SharedConfig{Timeout: slow})
		all.Go(func() {
			mine := useAll(t, shared, false)
			mu.Lock()
			defer mu.Unlock()
			fresh = append(fresh, mine...)
		})
	}
	all.Wait()
	requireEachOnce(t, fresh)
}

// otherProcess is the environment variable by which the test binary runs as the other process.
const otherProcess = "SHAREDTEST_SERVER"

func TestTwoProcesses(t *testing.T) {
	if address := os.Getenv(otherProcess); address != "" {
		runOtherProcess(t, address)
		return
	}
	s := startServer(t, forgetful...)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTwoProcesses$", "-test.v")
	cmd.Env = append(os.Environ(), otherProcess+"="+s.address)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	out := bufio.NewScanner(pipe)
	lineWith(t, out, "ready")
	shared := connected(t, newShared(t, clients["valkey-go"](t, s.address), dpop.SharedConfig{Timeout: slow}), ids+1)
	require.NoError(t, in.Close())
	fresh := useAll(t, shared, false)
	here := len(fresh)
	for text := range strings.FieldsSeq(lineWith(t, out, "fresh")) {
		id, err := strconv.Atoi(text)
		require.NoError(t, err)
		fresh = append(fresh, id)
	}
	_, _ = io.Copy(io.Discard, pipe)
	require.NoError(t, cmd.Wait())
	t.Logf("%d fresh in this process, %d in the other", here, len(fresh)-here)
	requireEachOnce(t, fresh)
}

// runOtherProcess waits until its standard input ends, so that both processes begin together.
func runOtherProcess(t *testing.T, address string) {
	shared := connected(t, newShared(t, clients["go-redis"](t, address), dpop.SharedConfig{Timeout: slow}), ids)
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	fmt.Println("fresh", strings.Trim(fmt.Sprint(useAll(t, shared, true)), "[]"))
}

// lineWith returns the rest of the next line that begins with a word.
func lineWith(t *testing.T, lines *bufio.Scanner, word string) string {
	t.Helper()
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), word); found {
			return rest
		}
	}
	t.Fatalf("the other process has ended without %q", word)
	return ""
}
