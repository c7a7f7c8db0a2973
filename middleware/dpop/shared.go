package dpop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	defaultPrefix  = "bearerguard:dpop:"
	maxPrefixBytes = 256

	defaultStoreTimeout = 50 * time.Millisecond
	maxStoreTimeout     = time.Second
)

// A SharedConfig says how a [Shared] reaches its store. Only Do is required.
type SharedConfig struct {
	_ [0]func() // written with field names

	// Do sends one command to the store and returns its reply. That is nil for a null reply, one
	// element for a string, and the elements for an array of strings. An error reply of the store,
	// and a reply of any other type, must be an error: nil says that a proof is new. Do should
	// return when ctx ends. It can send the command again after a lost connection. It must be safe
	// for concurrent use.
	Do func(ctx context.Context, args ...string) ([]string, error)

	// Prefix begins the names of all keys in the store. It defaults to "bearerguard:dpop:". All
	// servers that share their clients must have the same Prefix, and servers of separate
	// APIs can.
	Prefix string

	// Timeout is how long a request waits for the store. It defaults to 50 milliseconds, and is
	// at most one second.
	Timeout time.Duration

	// LocalOnOutage accepts proofs by the memory of this process alone while the store cannot
	// be asked. Each of N servers then accepts a proof once, so one that is captured is good N
	// times. By default these requests are refused with a 503.
	LocalOnOutage bool

	// MaxEntries bounds the memory of this process. It defaults to 1,000,000 proofs: see
	// [MemoryConfig]. It is also the bound of what this process adds to the store.
	MaxEntries int

	// Logger gets a line when the store becomes unavailable, and one when it is back. It
	// defaults to slog.Default().
	Logger *slog.Logger

	// Now is the clock by which proofs are accepted, for tests. It defaults to time.Now.
	Now func() time.Time
}

// A Shared remembers used proofs in a Valkey or Redis server that several processes share. Those of
// this process are in a [Memory], too. It has no client library: Do of [SharedConfig] is a function
// around the program's client. With valkey-go:
//
//	func(ctx context.Context, args ...string) ([]string, error) {
//		command := client.B().Arbitrary(args[0]).Keys(args[1]).Args(args[2:]...).Build()
//		reply, err := client.Do(ctx, command).ToMessage()
//		switch {
//		case valkey.IsValkeyNil(err):
//			return nil, nil
//		case err != nil:
//			return nil, err
//		case reply.IsArray():
//			return reply.AsStrSlice()
//		}
//		text, err := reply.ToString()
//		return []string{text}, err
//	}
//
// With go-redis, whose Options must have ContextTimeoutEnabled:
//
//	func(ctx context.Context, args ...string) ([]string, error) {
//		command := make([]any, len(args))
//		for n, arg := range args {
//			command[n] = arg
//		}
//		reply := client.Do(ctx, command...)
//		switch err := reply.Err(); {
//		case errors.Is(err, redis.Nil):
//			return nil, nil
//		case err != nil:
//			return nil, err
//		}
//		if _, isArray := reply.Val().([]any); isArray {
//			return reply.StringSlice()
//		}
//		text, err := reply.Text()
//		return []string{text}, err
//	}
//
// # The server
//
// It must be Valkey, or Redis 7.0 or later: older ones refuse the command, SET with NX and GET.
// Its maxmemory-policy must be noeviction. With any other, also volatile-ttl, a full server
// forgets proofs that are still good, and they can be used again. With noeviction a full server
// is an outage.
//
// Proofs can be used once more after a server forgot them. A server without persistence
// forgets all in a restart. One with "appendonly yes" and "appendfsync always" forgets nothing,
// and with "appendfsync everysec" up to two seconds. Replication is asynchronous, so a
// failover forgets the last writes.
//
// The clocks of the processes must agree to within 30 seconds. Otherwise one of them accepts
// proofs that the store has forgotten because they had expired for another one.
//
// # Outage
//
// No proof is ever accepted because the store is down, unless LocalOnOutage is set. After 5
// failed calls in a row, requests do not wait for the store: one in a second asks it, until
// it answers. A reply that the store should not give refuses the request in any case.
//
// A Shared is safe for concurrent use. It has nothing to close, and its goroutines end with
// the calls of Do.
type Shared struct {
	do            func(ctx context.Context, args ...string) ([]string, error)
	prefix        string
	timeout       time.Duration
	localOnOutage bool
	logger        *slog.Logger
	now           func() time.Time

	local     *Memory
	breaker   breaker
	calls     callCounts
	replays   atomic.Uint64
	fallbacks atomic.Uint64
}

// NewShared returns a Shared, or an error that reports every mistake in config. It makes no
// request.
func NewShared(config SharedConfig) (*Shared, error) {
	problem := func(bad bool, format string, args ...any) error {
		if !bad {
			return nil
		}
		return fmt.Errorf("dpop: invalid SharedConfig."+format, args...)
	}
	err := errors.Join(
		problem(config.Do == nil, "Do: it is required"),
		problem(len(config.Prefix) > maxPrefixBytes, "Prefix: it has more than %d bytes", maxPrefixBytes),
		problem(config.Timeout < 0 || config.Timeout > maxStoreTimeout,
			"Timeout %v: it is not between 0 and %v", config.Timeout, maxStoreTimeout),
		problem(config.MaxEntries < 0 || config.MaxEntries > maxMaxEntries,
			"MaxEntries %d: it is not between 0 and %d", config.MaxEntries, maxMaxEntries),
	)
	if err != nil {
		return nil, err
	}
	s := &Shared{
		do: config.Do, prefix: config.Prefix, timeout: config.Timeout, localOnOutage: config.LocalOnOutage,
		logger: config.Logger, now: config.Now, local: newMemory(config.MaxEntries, config.Now),
	}
	if s.prefix == "" {
		s.prefix = defaultPrefix
	}
	if s.timeout == 0 {
		s.timeout = defaultStoreTimeout
	}
	if s.now == nil {
		s.now = time.Now
	}
	return s, nil
}

// Use implements [ReplayStore]. It waits for the store for at most Timeout, also if ctx ends
// before: callers that leave must not look like an outage.
//
// The memory of this process is asked first. It bounds what one key can add to the store,
// refuses replays at this process without a call, and knows what it accepted in an outage.
func (s *Shared) Use(ctx context.Context, key, id [32]byte, until time.Time) (fresh bool, err error) {
	fresh, err = s.local.Use(ctx, key, id, until)
	if err != nil || !fresh {
		return false, err
	}
	fresh, err = s.ask(ctx, id, until)
	switch {
	case err == nil && !fresh:
		s.replays.Add(1)
	case s.localOnOutage && isStoreOutage(err):
		s.fallbacks.Add(1)
		return true, nil
	case err != nil:
		s.local.forget(key, id) // it was not used
	}
	return fresh, err
}

// Status returns the present state.
func (s *Shared) Status() ReplayStatus {
	status := s.local.Status()
	status.Replays += s.replays.Load()
	status.Fallbacks = s.fallbacks.Load()
	s.calls.report(&status)
	return status
}
