package dpop

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"sync/atomic"
	"time"
)

// storeMargin is how much longer than until the store keeps an id. It is for a process whose clock
// is behind that of the one which used the id.
const storeMargin = 30 * time.Second

var errNoReply = errors.New("no reply from Do")

// storeOutage is for a store that could not be asked.
func storeOutage(retryAfter time.Duration, err error) error {
	return &replayError{text: "the replay store is unavailable", outage: true, retryAfter: retryAfter, err: err}
}

// storeRefusal is for a proof that cannot be judged although the store may well answer.
func storeRefusal(text string) error { return &replayError{text: text, retryAfter: breakFor} }

func isStoreOutage(err error) bool {
	e, ok := errors.AsType[*replayError](err)
	return ok && e.outage
}

// ask has the store remember id, and reports whether it did not know it.
//
// SET with NX and GET stores the value if there is none, and returns the one that was there, in
// one step. A reply with the very value of this call is that of a command which the client
// sent again after a lost connection: it has stored the value the first time.
func (s *Shared) ask(ctx context.Context, id [32]byte, until time.Time) (fresh bool, err error) {
	left := until.Round(0).Sub(s.now().Round(0))
	if left < 0 {
		return false, storeRefusal("the proof has expired")
	}
	if wait, ok := s.breaker.enter(time.Now()); !ok {
		return false, storeOutage(wait, nil)
	}
	mine := rand.Text()
	reply, err := s.call(ctx, "SET", s.prefix+base64.RawURLEncoding.EncodeToString(id[:]), mine,
		"NX", "GET", "PX", strconv.FormatInt(storeMilliseconds(left), 10))
	switch {
	case err != nil:
		return false, storeOutage(breakFor, err)
	case s.now().Round(0).After(until.Round(0)):
		// This process was stopped for so long that the store may have had an earlier use
		// expire before it was asked.
		return false, storeRefusal("the proof expired while the replay store was asked")
	case reply == nil:
		return true, nil
	case len(reply) == 1 && len(reply[0]) == len(mine):
		return reply[0] == mine, nil
	}
	s.calls.failures.Add(1)
	return false, storeRefusal("the replay store gave a reply that SET with NX and GET never gives")
}

// storeMilliseconds returns for how long the store keeps an id. It is bounded because servers
// refuse times beyond their range.
func storeMilliseconds(left time.Duration) int64 {
	return (min(left, math.MaxInt64/4) + storeMargin).Milliseconds() + 1
}

// call calls Do, and tells the breaker, the counters and the log how that went.
func (s *Shared) call(ctx context.Context, args ...string) (reply []string, err error) {
	began := time.Now()
	reply, err = s.inTime(ctx, args)
	ended := time.Now()
	s.calls.add(ended.Sub(began), err != nil)
	opened, lasted := s.breaker.leave(ended, err != nil)
	switch {
	case opened && s.localOnOutage:
		s.log(ctx, slog.LevelError, "the replay store is unavailable: each server accepts a proof once", slog.Any("error", err))
	case opened:
		s.log(ctx, slog.LevelError, "the replay store is unavailable: bound tokens are refused", slog.Any("error", err))
	case lasted > 0:
		s.log(ctx, slog.LevelInfo, "the replay store is back", slog.Duration("after", lasted))
	}
	return reply, err
}

// inTime calls Do, and waits for it no longer than the timeout, even if Do ignores its context.
func (s *Shared) inTime(ctx context.Context, args []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
	defer cancel()
	type result struct {
		reply []string
		err   error
	}
	done := make(chan result, 1)
	go func() { // ends with Do
		r := result{err: errNoReply}
		defer func() {
			if v := recover(); v != nil {
				r.err = fmt.Errorf("panic in Do: %v", v)
			}
			done <- r
		}()
		r.reply, r.err = s.do(ctx, args...)
	}()
	select {
	case r := <-done:
		return r.reply, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Shared) log(ctx context.Context, level slog.Level, message string, attrs ...slog.Attr) {
	logger := s.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(ctx, level, "dpop: "+message, attrs...)
}

// callBounds are the upper bounds of the buckets of ReplayStatus.
var callBounds = [...]time.Duration{
	250 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, time.Second,
}

// callCounts count calls of Do, without a lock.
type callCounts struct {
	failures atomic.Uint64
	took     atomic.Int64                       // nanoseconds
	buckets  [len(callBounds) + 1]atomic.Uint64 // not cumulative
}

func (c *callCounts) add(took time.Duration, failed bool) {
	n := 0
	for n < len(callBounds) && took > callBounds[n] {
		n++
	}
	c.buckets[n].Add(1)
	c.took.Add(int64(took))
	if failed {
		c.failures.Add(1)
	}
}

// report fills in the part of a status that is about calls. Calls is the sum of what was read
// from the buckets, so the two agree although calls go on.
func (c *callCounts) report(status *ReplayStatus) {
	status.Failures = c.failures.Load()
	status.CallTime = time.Duration(c.took.Load())
	status.Bounds = append(status.Bounds, callBounds[:]...)
	for n := range callBounds {
		status.Calls += c.buckets[n].Load()
		status.Buckets = append(status.Buckets, status.Calls)
	}
	status.Calls += c.buckets[len(callBounds)].Load()
}
