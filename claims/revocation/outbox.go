package revocation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

const (
	// batch is how many changes one call writes.
	batch = 100

	// maxWaiting bounds the changes that the server did not take.
	maxWaiting = 10_000
)

// An outbox has the changes of this process that the server must take, in their order: an older
// removal that is sent again must not undo a newer addition.
type outbox struct {
	turn chan struct{} // has an element while one goroutine sends

	mu      sync.Mutex // guards the fields below
	waiting []change
	queued  uint64 // changes that have ever waited
	taken   uint64 // of queued
	polling bool
	recent  []change // additions that the poll, which is under way, may not have read
}

func newOutbox() outbox { return outbox{turn: make(chan struct{}, 1)} }

// add queues changes. It returns the number of the last one, and how many it has no room for.
func (o *outbox) add(changes []change) (number uint64, lost int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	room := min(len(changes), maxWaiting-len(o.waiting))
	o.waiting = append(o.waiting, changes[:room]...)
	o.queued += uint64(room)
	if o.polling {
		o.recent = appendAdditions(o.recent, changes)
	}
	return o.queued, len(changes) - room
}

func appendAdditions(list, changes []change) []change {
	for _, c := range changes {
		if !c.removed {
			list = append(list, c)
		}
	}
	return list
}

// pollBegins notes that a poll reads the state of the server from now on.
func (o *outbox) pollBegins() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.polling, o.recent = true, appendAdditions(nil, o.waiting)
}

// pollEnds returns the additions that the poll may have undone.
func (o *outbox) pollEnds() (recent []change) {
	o.mu.Lock()
	defer o.mu.Unlock()
	recent, o.polling, o.recent = o.recent, false, nil
	return recent
}

// head returns the changes to send next.
func (o *outbox) head() []change {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.waiting[:min(len(o.waiting), batch)])
}

// sent removes the first changes. The caller must have the turn.
func (o *outbox) sent(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = slices.Delete(o.waiting, 0, n)
	o.taken += uint64(n)
}

func (o *outbox) counts() (waiting int, taken uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting), o.taken
}

// write has the server take changes. Those that it does not take are sent again by the next poll.
func (s *shared) write(ctx context.Context, changes []change) error {
	for n := 0; n < len(changes); n += batch {
		end := min(n+batch, len(changes))
		number, lost := s.outbox.add(changes[n:end])
		err := s.flush(ctx)
		if _, taken := s.outbox.counts(); lost == 0 && taken >= number {
			continue // an err is about later changes
		}
		_, more := s.outbox.add(changes[end:])
		return notTaken(len(changes)-n, lost+more, err)
	}
	return nil
}

func notTaken(changes, lost int, err error) error {
	what := "which are sent again"
	if lost > 0 {
		what = fmt.Sprintf("%d of which are not sent again", lost)
	}
	if err == nil { // others have filled the outbox
		return fmt.Errorf("revocation: the server did not take %d changes, %s", changes, what)
	}
	return fmt.Errorf("revocation: the server did not take %d changes, %s: %w", changes, what, err)
}

// flush sends all that waits, once it has the turn. It waits for that no longer than for a call,
// so that a crowd of callers does not wait for each other while the server hangs.
func (s *shared) flush(ctx context.Context) error {
	inTime, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	select {
	case s.outbox.turn <- struct{}{}:
	case <-inTime.Done():
		return inTime.Err()
	}
	defer func() { <-s.outbox.turn }()
	for {
		changes := s.outbox.head()
		if len(changes) == 0 {
			return nil
		}
		if err := s.send(ctx, changes); err != nil {
			return err
		}
		s.outbox.sent(len(changes))
	}
}

func (s *shared) send(ctx context.Context, changes []change) error {
	args := []string{strconv.Itoa(s.list.maxEntries)}
	for _, c := range changes {
		letter, threshold, expires := c.stateTexts()
		args = append(args, c.identity(), letter, threshold, expires)
	}
	return s.run(ctx, writeScript, args)
}
