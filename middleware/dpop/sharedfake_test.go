package dpop_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bearerguard/bearerguard/middleware/dpop"
)

// A fakeStore answers the one command that a Shared sends, as Redis 7 does.
type fakeStore struct {
	mu     sync.Mutex
	values map[string]string
	ends   map[string]time.Time
	calls  int

	// instead, if set, answers in place of the store. It can call answer.
	instead func(ctx context.Context, args []string) ([]string, error)
}

func newFakeStore() *fakeStore {
	return &fakeStore{values: make(map[string]string), ends: make(map[string]time.Time)}
}

func (f *fakeStore) do(ctx context.Context, args ...string) ([]string, error) {
	f.mu.Lock()
	f.calls++
	instead := f.instead
	f.mu.Unlock()
	if instead != nil {
		return instead(ctx, args)
	}
	return f.answer(args)
}

func (f *fakeStore) answer(args []string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(args) != 7 || args[0] != "SET" || args[3] != "NX" || args[4] != "GET" || args[5] != "PX" {
		return nil, errors.New("ERR syntax error")
	}
	lives, err := strconv.ParseInt(args[6], 10, 64)
	if err != nil || lives <= 0 {
		return nil, errors.New("ERR invalid expire time in 'set' command")
	}
	key := args[1]
	if value, found := f.values[key]; found && time.Now().Before(f.ends[key]) {
		return []string{value}, nil
	}
	f.values[key], f.ends[key] = args[2], time.Now().Add(time.Duration(lives)*time.Millisecond)
	return nil, nil
}

func (f *fakeStore) behave(instead func(ctx context.Context, args []string) ([]string, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.instead = instead
}

func (f *fakeStore) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

var errDown = errors.New("dial tcp 127.0.0.1:6379: connect: connection refused")

func isDown(context.Context, []string) ([]string, error) { return nil, errDown }

func hangs(ctx context.Context, _ []string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func newShared(t testing.TB, store *fakeStore, config dpop.SharedConfig) *dpop.Shared {
	t.Helper()
	if store != nil {
		config.Do = store.do
	}
	s, err := dpop.NewShared(config)
	require.NoError(t, err)
	return s
}

func TestMistakesInASharedConfig(t *testing.T) {
	long := make([]byte, 257)
	s, err := dpop.NewShared(dpop.SharedConfig{Prefix: string(long), Timeout: -1, MaxEntries: -1})
	assert.Nil(t, s)
	for _, text := range []string{
		"dpop: invalid SharedConfig.Do: it is required", "SharedConfig.Prefix: it has more than 256 bytes",
		"SharedConfig.Timeout -1ns: it is not between 0 and 1s", "SharedConfig.MaxEntries -1: it is not between 0 and 1073741824",
	} {
		assert.ErrorContains(t, err, text)
	}
	for _, config := range []dpop.SharedConfig{{Timeout: time.Second + 1}, {MaxEntries: 1<<30 + 1}} {
		config.Do = newFakeStore().do
		_, err := dpop.NewShared(config)
		assert.Error(t, err)
	}
	newShared(t, newFakeStore(), dpop.SharedConfig{Prefix: string(long[1:]), Timeout: time.Second, MaxEntries: 1 << 30})
}
