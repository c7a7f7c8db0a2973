package sharedtest_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valkey-io/valkey-go"
)

// A doFunc is the Do of a dpop.SharedConfig.
type doFunc = func(ctx context.Context, args ...string) ([]string, error)

// clients are the client libraries. Each connects to an address, until the test ends.
var clients = map[string]func(t testing.TB, address string) doFunc{
	"valkey-go": func(t testing.TB, address string) doFunc {
		client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{address}, DisableCache: true})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		return valkeyDo(client)
	},
	"go-redis": func(t testing.TB, address string) doFunc {
		client := redis.NewClient(&redis.Options{Addr: address, ContextTimeoutEnabled: true})
		t.Cleanup(func() { assert.NoError(t, client.Close()) })
		return redisDo(client)
	},
}

// TestMain silences the log of go-redis, which has a line for each failed attempt to connect.
func TestMain(m *testing.M) {
	redis.SetLogger(silence{})
	os.Exit(m.Run())
}

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// The two functions below are also in the documentation of dpop.Shared: see
// TestTheDocumentationHasTheClients.

func valkeyDo(client valkey.Client) doFunc {
	return func(ctx context.Context, args ...string) ([]string, error) {
		command := client.B().Arbitrary(args[0]).Keys(args[1]).Args(args[2:]...).Build()
		reply, err := client.Do(ctx, command).ToMessage()
		switch {
		case valkey.IsValkeyNil(err):
			return nil, nil
		case err != nil:
			return nil, err
		case reply.IsArray():
			return reply.AsStrSlice()
		}
		text, err := reply.ToString()
		return []string{text}, err
	}
}

func redisDo(client *redis.Client) doFunc {
	return func(ctx context.Context, args ...string) ([]string, error) {
		command := make([]any, len(args))
		for n, arg := range args {
			command[n] = arg
		}
		reply := client.Do(ctx, command...)
		switch err := reply.Err(); {
		case errors.Is(err, redis.Nil):
			return nil, nil
		case err != nil:
			return nil, err
		}
		if _, isArray := reply.Val().([]any); isArray {
			return reply.StringSlice()
		}
		text, err := reply.Text()
		return []string{text}, err
	}
}

// TestReplies holds the functions to what SharedConfig.Do must return.
func TestReplies(t *testing.T) {
	s := startServer(t, forgetful...)
	for name, connect := range clients {
		t.Run(name, func(t *testing.T) {
			do := connect(t, s.address)
			ask := func(args ...string) []string {
				reply, err := do(t.Context(), args...)
				require.NoError(t, err)
				return reply
			}
			assert.Nil(t, ask("GET", name+"none"), "a null reply")
			assert.Nil(t, ask("SET", name, "\x00\xff\r\n", "NX", "GET", "PX", "60000"))
			assert.Equal(t, []string{"\x00\xff\r\n"}, ask("SET", name, "other", "NX", "GET", "PX", "60000"), "a string")
			assert.Equal(t, []string{"OK"}, ask("SET", name+"empty", ""))
			assert.Equal(t, []string{""}, ask("GET", name+"empty"))
			for rule, args := range map[string][]string{
				"a number":        {"EXISTS", name},
				"an error":        {"SET", name, "value", "NX", "XX"},
				"an old error":    {"INCR", name},
				"another command": {"NONE", name},
			} {
				_, err := do(t.Context(), args...)
				assert.Error(t, err, rule)
			}
			_, err := do(t.Context(), "ZADD", name+"z", "1", "a", "2", "b")
			assert.Error(t, err, "a number")
			assert.Equal(t, []string{"a", "b"}, ask("ZRANGE", name+"z", "0", "-1"), "an array")
			none := ask("ZRANGE", name+"no z", "0", "-1")
			assert.NotNil(t, none, "an empty array is not null")
			assert.Empty(t, none)
		})
	}
}
