package sharedtest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valkey-io/valkey-go"
)

// A doFunc is the Do of a revocation.Config.
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
	"go-redis, cluster": func(t testing.TB, address string) doFunc {
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{address}, ContextTimeoutEnabled: true})
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

// The two functions below are those in the documentation of dpop.Shared: see
// TestTheClientsAreThoseOfTheDocumentation.

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

func redisDo(client redis.UniversalClient) doFunc {
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

func TestTheClientsAreThoseOfTheDocumentation(t *testing.T) {
	tested, err := os.ReadFile("clients_test.go")
	require.NoError(t, err)
	documented, err := os.ReadFile("../../../middleware/dpop/shared.go")
	require.NoError(t, err)
	functions := strings.Split(string(tested), "\n\treturn func(")[1:]
	require.Len(t, functions, 2)
	for _, function := range functions {
		body, _, found := strings.Cut(function, "\n}\n")
		require.True(t, found)
		lines := strings.Split("func("+body, "\n")
		for n, line := range lines {
			lines[n] = "//\t" + strings.TrimPrefix(line, "\t")
		}
		assert.Contains(t, string(documented), "\n"+strings.Join(lines, "\n")+"\n")
	}
}
