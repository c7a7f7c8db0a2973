package revocation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

const (
	defaultPrefix  = "bearerguard:revocation"
	maxPrefixBytes = 256

	defaultTimeout = 500 * time.Millisecond
	maxTimeout     = 5 * time.Second

	defaultMaxAge = 60 * time.Second
	minMaxAge     = 5 * time.Second
	maxMaxAge     = time.Hour

	defaultMaxEntries = 1_000_000
	maxMaxEntries     = 1 << 24
)

// A Config describes a [List]. The zero value is a list of this process only.
type Config struct {
	_ [0]func() // written with field names

	// Do, if set, shares the list with all processes that have the same Prefix, through Valkey
	// or Redis. It sends one command, and is the function that dpop.SharedConfig describes:
	// the documentation of dpop.Shared has it for two client libraries. An empty array
	// must be an empty slice: nil counts as an outage.
	//
	// Without Do, an entry cuts off tokens at the process that added it, and at no other.
	Do func(ctx context.Context, args ...string) ([]string, error)

	// Prefix begins the names of the list's two keys in the server. It is in braces there, so that
	// both keys are in one slot of a Cluster. It defaults to "bearerguard:revocation".
	Prefix string

	// Timeout is how long a call of Do may take. A request waits as long for a list that is too
	// old. It defaults to 500 milliseconds, and is at most 5 seconds.
	Timeout time.Duration

	// MaxAge is how old a shared list may be. It defaults to 60 seconds, and is between 5
	// seconds and one hour. A list is as old as the beginning of its last complete reading.
	MaxAge time.Duration

	// ContinueWhenStale accepts tokens by a list that is older than MaxAge. An outage of the
	// server then does not become one of the API. Tokens that were cut off since are
	// accepted; those that were cut off before are not. A list that was never read completely
	// knows nothing: a process that starts in an outage refuses each request with a 503 until
	// the server is back. By default, a list that is too old does the same.
	ContinueWhenStale bool

	// MaxEntries bounds the list. It defaults to 1,000,000, which take some 27 MB, and twice
	// that while the list is rebuilt. A shared list takes some 4 MB more. No entry beyond the
	// bound is dropped silently: it is an error of Add, and a shared list that cannot hold what
	// the server has becomes stale after MaxAge. Status has the numbers for an alarm before that.
	//
	// It must be the same in all processes that share the list. The server counts removed
	// entries for at least an hour more, and expired ones for at least ten minutes, so it can
	// be full before Status says so. When the list is full, raise MaxEntries in all processes.
	// Changes of what the list has, and removals, need no room.
	MaxEntries int

	// Logger gets a warning when a shared list becomes too old, once more for each hour of the
	// outage, and a line when it is current again. It also gets a warning when the server has
	// lost entries, or does not forget those that have expired. It defaults to slog.Default().
	Logger *slog.Logger
}

// New returns an empty List, or an error that reports every mistake in config. It makes no
// request and starts no goroutine.
func New(config Config) (*List, error) {
	if err := config.mistakes(); err != nil {
		return nil, err
	}
	l := &List{
		seeds: newSeeds(), began: time.Now(), logger: config.Logger,
		maxEntries: cmp.Or(config.MaxEntries, defaultMaxEntries),
	}
	l.state.Store(newState(nil, time.Time{}))
	if config.Do != nil {
		l.shared = newShared(l, config)
	}
	return l, nil
}

func (config *Config) mistakes() error {
	var errs []error
	report := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("revocation: invalid Config."+format, args...))
		}
	}
	report(len(config.Prefix) > maxPrefixBytes, "Prefix: it has more than %d bytes", maxPrefixBytes)
	report(strings.ContainsFunc(config.Prefix, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '}' }),
		"Prefix: it has a brace, a space, or a character that is not printable ASCII")
	report(config.Timeout < 0 || config.Timeout > maxTimeout, "Timeout %v: it is not between 0 and %v", config.Timeout, maxTimeout)
	report(config.MaxAge != 0 && (config.MaxAge < minMaxAge || config.MaxAge > maxMaxAge),
		"MaxAge %v: it is not between %v and %v", config.MaxAge, minMaxAge, maxMaxAge)
	report(config.MaxEntries < 0 || config.MaxEntries > maxMaxEntries,
		"MaxEntries %d: it is not between 0 and %d", config.MaxEntries, maxMaxEntries)
	ofShared := config.Prefix != "" || config.Timeout != 0 || config.MaxAge != 0 || config.ContinueWhenStale
	report(config.Do == nil && ofShared,
		"Do: it is required by Prefix, Timeout, MaxAge and ContinueWhenStale, which are of a shared list")
	return errors.Join(errs...)
}
