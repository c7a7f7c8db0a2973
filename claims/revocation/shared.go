package revocation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bearerguard/bearerguard/claims"
)

// A shared is the list in the server.
type shared struct {
	list      *List
	do        func(ctx context.Context, args ...string) ([]string, error)
	prefix    string // in braces
	timeout   time.Duration
	maxAge    time.Duration
	continues bool // when stale

	hanging atomic.Int64 // calls of Do that no caller waits for any more
	outbox  outbox
	reading reading   // of the poll that is under way
	copies  copies    // of the poll that is under way
	noted   time.Time // of the poll that is under way: when the log last had that the list is too old

	mu      sync.Mutex    // guards the fields below
	began   time.Time     // when the last poll began
	polling chan struct{} // closed at the end of the poll that is under way; nil if none is
	err     error         // of the last poll

	// aged is set by the timer. It saves requests a look at the clock.
	aged  atomic.Bool
	timer *time.Timer // runs until the list is as old as requestPollsAfter

	polls, failures, malformed atomic.Uint64
	givenBack                  atomic.Uint64

	staleRefused, staleAccepted atomic.Uint64
}

func newShared(l *List, config Config) *shared {
	s := &shared{
		list: l, do: config.Do, continues: config.ContinueWhenStale, outbox: newOutbox(),
		prefix:  "{" + cmp.Or(config.Prefix, defaultPrefix) + "}",
		timeout: cmp.Or(config.Timeout, defaultTimeout),
		maxAge:  cmp.Or(config.MaxAge, defaultMaxAge),
	}
	s.aged.Store(true)
	s.timer = time.AfterFunc(requestPollsAfter, func() { s.aged.Store(true) })
	return s
}

// run runs a script that returns OK.
func (s *shared) run(ctx context.Context, script string, args []string) error {
	reply, err := s.eval(ctx, script, args)
	if err == nil && (len(reply) != 1 || reply[0] != "OK") {
		return errReply
	}
	return err
}

// maxHanging bounds the calls of Do that have not returned when their context ended. Only a Do that
// ignores its context comes near. Each poll of an outage would leave a goroutine behind otherwise.
const maxHanging = 256

var errTooManyCalls = errors.New("too many calls of Do have not returned: it must return when its context ends")

// eval runs a script, and waits for it no longer than the timeout, even if Do ignores its
// context.
func (s *shared) eval(ctx context.Context, script string, args []string) ([]string, error) {
	if s.hanging.Load() >= maxHanging {
		return nil, errTooManyCalls
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	first, rest, _ := strings.Cut(script, "\n")
	script = first + "\n--" + s.prefix + "\n" + rest
	command := append([]string{"EVAL", script, "2", s.prefix + ":times", s.prefix + ":entries"}, args...)
	type result struct {
		reply []string
		err   error
	}
	done := make(chan result, 1)
	var left atomic.Bool // by the caller or by Do, whichever is first
	go func() {          // ends with Do
		r := result{err: errors.New("no reply from Do")}
		defer func() {
			if v := recover(); v != nil {
				r.err = fmt.Errorf("panic in Do: %v", v)
			}
			if left.Swap(true) {
				s.hanging.Add(-1)
			}
			done <- r
		}()
		r.reply, r.err = s.do(ctx, command...)
	}()
	select {
	case r := <-done:
		return r.reply, r.err
	case <-ctx.Done():
		if !left.Swap(true) {
			s.hanging.Add(1)
		}
		return nil, ctx.Err()
	}
}

// usable is asked by a request that found the list aged. It starts a poll if none is under way. It
// waits for it if the list is too old to be used without, and then reports whether it still is.
func (s *shared) usable(ctx context.Context) error {
	polled := s.startPoll()
	// Without its first reading a list knows nothing, so no policy goes on without that one.
	if !s.goesOn() && polled != nil && s.ageOf(s.list.state.Load()) > s.maxAge {
		s.await(ctx, polled)
	}
	if s.ageOf(s.list.state.Load()) <= s.maxAge {
		return nil
	}
	if s.goesOn() {
		s.staleAccepted.Add(1)
		return nil
	}
	s.staleRefused.Add(1)
	return errStale
}

// goesOn reports whether the list is used when it is too old.
func (s *shared) goesOn() bool { return s.continues && !s.list.state.Load().asOf.IsZero() }

func (s *shared) await(ctx context.Context, polled <-chan struct{}) {
	limit := time.NewTimer(s.timeout)
	defer limit.Stop()
	select {
	case <-polled:
	case <-limit.C:
	case <-ctx.Done():
	}
}

// ageOf returns the larger of the ages by the wall clock and by the monotonic clock. The latter does
// not count the time that a machine was suspended.
func (s *shared) ageOf(state *state) time.Duration {
	asOf := state.asOf
	if asOf.IsZero() {
		return 2 * maxMaxAge // it was never read
	}
	now := time.Now()
	return max(now.Sub(asOf), now.Round(0).Sub(asOf.Round(0)))
}

// errStale is for a request that a list is too old to judge.
const errStale = staleError("revocation: the list is older than MaxAge")

// A staleError matches claims.ErrUnavailable, and is a *claims.UnavailableError under errors.As.
type staleError string

func (e staleError) Error() string { return string(e) }

func (e staleError) Is(target error) bool { return target == claims.ErrUnavailable }

// As sets a target of type *claims.Reason, or **claims.UnavailableError for the time to retry.
func (e staleError) As(target any) bool {
	switch target := target.(type) {
	case *claims.Reason:
		*target = claims.ErrUnavailable
	case **claims.UnavailableError:
		*target = &claims.UnavailableError{RetryAfter: pollEvery}
	default:
		return false
	}
	return true
}
